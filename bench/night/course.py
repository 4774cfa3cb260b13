"""What is timed: a first load, and then, on a node that serves lookups, an ordinary night and one without changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from bench.ldap.client import Client
from bench.ldap.filters import escape
from bench.night.yardstick import yardstick
from bench.node import Node, environment, serving
from bench.openloop import beside
from bench.people import read_addresses
from bench.scale.memory import Peak, Sampler, postmaster_of
from directory.registry.database import Database, open_database
from directory.settings import Settings

FIRST_BAR: Final = 8.0  # times the yardstick
NIGHT_BAR: Final = 3.0
UNCHANGED_BAR: Final = 2.0
IMPORTER_BAR_MIB: Final = 1024
DATABASE_BAR_MIB: Final = 2048
LOOKUP_BAR_MS: Final = 20.0  # or twice the idle p99, whichever is larger
_PER_SECOND: Final = 200.0
_IDLE_S: Final = 20.0
_SUFFIX: Final = "o=mssante,c=fr"
_PATIENCE_S: Final = 900.0
_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_KINDS: Final = ("rpps", "mailboxes")
# Rows written to the tables of records, as PostgreSQL counts them.
_WRITTEN: Final = """
SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE relname IN
('practitioner', 'exercise', 'expertise', 'diploma', 'activity', 'organization', 'mailbox', 'mailbox_holder')
"""


@dataclass(slots=True)
class Imported:
    """Both imports of a folder, one after the other."""

    reports: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    importer_mib: int = 0
    importer_cpu_s: float = 0.0

    def counts(self) -> dict[str, Mapping[str, int]]:
        return {name: counts for report in self.reports for name, counts in report["counts"].items()}

    def rejected(self) -> dict[str, int]:
        return {reason: number for report in self.reports for reason, number in report["rejected"].items()}

    def as_json(self) -> dict[str, Any]:
        return {
            "imports_s": round(self.seconds, 1),
            "statuses": [report["status"] for report in self.reports],
            "counts": self.counts(),
            "rejected": self.rejected(),
            "reasons": [reason for report in self.reports for reason in report["reasons"]],
            "stages_s": {name: s for report in self.reports for name, s in report["durations_s"].items()},
            "importer_mib": self.importer_mib,
            "importer_cpu_s": round(self.importer_cpu_s, 1),
        }


def bring(data: Path, extract: Path) -> Imported:
    """Import the four files of a folder as an operator would, and see what it took.

    Raises:
        RuntimeError: an import failed; the message is what it said.
    """
    found = Imported()
    began = time.monotonic()
    for kind in _KINDS:
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaint:
            command = [sys.executable, "-m", "cli.main", "import", kind, str(extract), "--json"]
            process = subprocess.Popen(command, env=environment(data), cwd=_ROOT, stdout=said, stderr=complaint)
            _, status, usage = os.wait4(process.pid, 0)
            said.seek(0)
            complaint.seek(0)
            if os.waitstatus_to_exitcode(status) not in (0, 3):
                raise RuntimeError(f"import {kind}: {complaint.read().decode().strip()}")
            found.reports.append(json.loads(said.read()))
            found.importer_cpu_s += usage.ru_utime + usage.ru_stime
            found.importer_mib = max(found.importer_mib, usage.ru_maxrss // 1024)
    found.seconds = time.monotonic() - began
    return found


def first_load(data: Path, extract: Path) -> dict[str, Any]:
    """Load an empty register."""
    with open_database(Settings(data_dir=data)) as database:
        bare = yardstick(database, extract)
        with Sampler(os.getpid(), postmaster_of(data)).running() as peak:
            loaded = bring(data, extract)
    return {
        "yardstick_s": round(bare, 1),
        "first_load": {**loaded.as_json(), "times_yardstick": round(loaded.seconds / bare, 2)},
        "database_mib": round(peak.database / 2**20),
        "bars": {"times_yardstick": FIRST_BAR, "importer_mib": IMPORTER_BAR_MIB, "database_mib": DATABASE_BAR_MIB},
        "met": loaded.seconds <= FIRST_BAR * bare and _modest(loaded, peak),
    }


def nights(data: Path, extract: Path, following: Path) -> dict[str, Any]:
    """On a served node whose register holds `extract`: the next day, and the same day once more."""
    new = _new_address(extract, following)
    manifest = json.loads((following / "manifest.json").read_bytes())
    with (
        open_database(Settings(data_dir=data)) as database,
        serving(data, ldap_workers=1, http_workers=1) as node,
        Sampler(os.getpid(), postmaster_of(data)).running() as peak,
    ):
        bare = yardstick(database, following)
        idle = _idle(node, extract)
        night, visible_s, during = _night(node, data, extract, following, new)
        before = _written(database)
        again, _, during_again = _night(node, data, following, following, new)
        rows = _written(database) - before
    bar_ms = max(2 * float(idle["all"]["p99_ms"]), LOOKUP_BAR_MS)
    lookups = {"idle": idle, "night": during, "unchanged": during_again}
    return {
        "yardstick_s": round(bare, 1),
        "night": {**night.as_json(), "visible_s": round(visible_s, 1), "times_yardstick": round(visible_s / bare, 2)},
        "unchanged": {**again.as_json(), "times_yardstick": round(again.seconds / bare, 2), "rows_written": rows},
        "expected": _expected(night, manifest),
        "database_mib": round(peak.database / 2**20),
        "lookups": lookups,
        "bars": {
            "night_times_yardstick": NIGHT_BAR,
            "unchanged_times_yardstick": UNCHANGED_BAR,
            "importer_mib": IMPORTER_BAR_MIB,
            "database_mib": DATABASE_BAR_MIB,
            "lookups_p99_ms": round(bar_ms, 1),
        },
        "met": visible_s <= NIGHT_BAR * bare
        and again.seconds <= UNCHANGED_BAR * bare
        and rows == 0
        and _modest(night, peak)
        and all(not load["failures"] and load["all"]["p99_ms"] <= bar_ms for load in lookups.values()),
    }


def _modest(imported: Imported, peak: Peak) -> bool:
    return imported.importer_mib < IMPORTER_BAR_MIB and peak.database < DATABASE_BAR_MIB * 2**20


def _idle(node: Node, extract: Path) -> dict[str, Any]:
    with beside(node, extract, per_second=_PER_SECOND) as load:
        time.sleep(_IDLE_S)
        return load.finish()


def _night(node: Node, data: Path, extract: Path, following: Path, new: str) -> tuple[Imported, float, dict[str, Any]]:
    """Both imports under lookups; how long until LDAP shows a new address, and what the lookups saw."""
    with beside(node, extract, per_second=_PER_SECOND, until=following) as load:
        began = time.monotonic()
        imported = bring(data, following)
        _until_shown(node, new)
        return imported, time.monotonic() - began, load.finish()


def _until_shown(node: Node, address: str) -> None:
    """Mailboxes come last, and revisions become visible in their order."""
    assert node.ldap is not None
    deadline = time.monotonic() + _PATIENCE_S
    with Client(node.ldap.host, node.ldap.port) as client:
        while time.monotonic() < deadline:
            if client.search(_SUFFIX, f"(mail={escape(address.lower())})", attributes=("mail",)).entries:
                return
            time.sleep(0.05)
    raise RuntimeError(f"{address} did not become visible")


def _new_address(extract: Path, following: Path) -> str:
    return sorted(set(read_addresses(following)) - set(read_addresses(extract)))[0]


def _written(database: Database) -> int:
    time.sleep(2.0)  # processes hand in their counts within a second
    with database.reading() as connection:
        return int(connection.execute(text(_WRITTEN)).scalar_one())


def _expected(night: Imported, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the generator says that the day changed, beside what the runs say; None where it did not say."""
    if not manifest.get("changes"):
        return None
    counted = {kind: {verb: counts[verb] for verb in _VERBS} for kind, counts in night.counts().items()}
    return {
        "manifest": {"changes": manifest["changes"], "rejected": manifest["rejected"]},
        "equal": counted == manifest["changes"] and night.rejected() == manifest["rejected"],
    }


_VERBS: Final = ("created", "changed", "removed")
