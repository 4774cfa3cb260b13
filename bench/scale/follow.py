"""Following the register: how soon a change is visible, and what lookups notice while thousands are taken in."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.latency import Latencies
from bench.ldap.client import Client
from bench.ldap.filters import escape
from bench.node import Node, serving
from bench.openloop import beside
from bench.scale.changes import MARK, Register, register_of
from bench.scale.memory import Sampler, postmaster_of
from directory.index.reader import Index
from directory.model import Kind
from directory.settings import Settings

SINGLE_BAR_MS: Final = 300.0
MANY_BAR_S: Final = 60.0
LOOKUP_BAR_MS: Final = 20.0  # or twice the idle p99, whichever is larger
LOOKUPS_PER_SECOND: Final = 200.0
SINGLES: Final = 100
MANY: Final = 20_000
_SUFFIX: Final = "o=mssante,c=fr"
_POLL_S: Final = 0.001
_PATIENCE_S: Final = 600.0
_IDLE_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What was seen."""

    single: Latencies
    changes: int
    documents: int
    commit_s: float
    follow_s: float
    idle: dict[str, Any]
    during: dict[str, Any]
    memory: dict[str, Any]

    @property
    def lookup_bar_ms(self) -> float:
        return max(2 * float(self.idle["all"]["p99_ms"]), LOOKUP_BAR_MS)

    def as_json(self) -> dict[str, Any]:
        lookups_p99 = float(self.during["all"]["p99_ms"])
        return {
            "single_change": self.single.as_json(),
            "changes": self.changes,
            "documents_touched": self.documents,
            "commit_s": round(self.commit_s, 2),
            "follow_s": round(self.follow_s, 2),
            "lookups_per_second": LOOKUPS_PER_SECOND,
            "lookups_idle": self.idle,
            "lookups_during": self.during,
            "memory": self.memory,
            "bars": {
                "single_p99_ms": SINGLE_BAR_MS,
                "follow_s": MANY_BAR_S,
                "lookups_p99_ms": round(self.lookup_bar_ms, 2),
            },
            "met": self.single.p99_ms < SINGLE_BAR_MS
            and self.follow_s < MANY_BAR_S
            and lookups_p99 <= self.lookup_bar_ms
            and not self.during["failures"],
        }


def follow(data: Path, extract: Path, *, singles: int = SINGLES, many: int = MANY, seed: int = 1) -> Followed:
    """Serve a data folder, change its register, and watch. The register is put back as it was."""
    with serving(data, ldap_workers=1, http_workers=1) as node, register_of(data) as register:
        watch = _Watch(data)
        watch.until(register.revision())
        with Sampler(node.pid, postmaster_of(data)).running() as peak:
            idle = _idle(node, extract)
            single = _singles(node, register, singles, seed)
            many_keys = _draw(register, many, seed)
            with beside(node, extract, per_second=LOOKUPS_PER_SECOND) as load:
                began = time.monotonic()
                revision = register.mark(many_keys, seed)
                committed = time.monotonic()
                followed = watch.until(revision)
                during = load.finish()
        documents = register.touched(revision)
        restored = register.restore()
        watch.until(restored or revision)
    return Followed(
        single=single,
        changes=sum(map(len, many_keys.values())),
        documents=documents,
        commit_s=committed - began,
        follow_s=followed - committed,
        idle=idle,
        during=during,
        memory=peak.as_json(),
    )


def _idle(node: Node, extract: Path) -> dict[str, Any]:
    with beside(node, extract, per_second=LOOKUPS_PER_SECOND) as load:
        time.sleep(_IDLE_S)
        return load.finish()


def _draw(register: Register, many: int, seed: int) -> dict[Kind, list[str]]:
    """Half of them people, half mailboxes."""
    return {kind: register.draw(kind, many // 2, seed=seed) for kind in (Kind.PRACTITIONER, Kind.MAILBOX)}


def _singles(node: Node, register: Register, count: int, seed: int) -> Latencies:
    """From the commit of a mailbox's change to the LDAP answer that shows it, one after the other with pauses."""
    assert node.ldap is not None
    dice = random.Random(seed)
    seen: list[float] = []
    with Client(node.ldap.host, node.ldap.port) as client:
        for number, address in enumerate(register.draw(Kind.MAILBOX, count, seed=seed + 1)):
            time.sleep(dice.uniform(0.05, 0.25))
            register.mark({Kind.MAILBOX: [address]}, number)
            committed = time.monotonic()
            _until_shown(client, address, f"{MARK}{number}]".strip())
            seen.append(time.monotonic() - committed)
    return Latencies.of(seen)


def _until_shown(client: Client, address: str, mark: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for entry in client.search(_SUFFIX, f"(mail={escape(address)})", attributes=("ou",)).entries:
            if any(value.endswith(mark) for value in entry.attributes.get("ou", ())):
                return
        time.sleep(_POLL_S)
    raise RuntimeError(f"the change of {address} did not become visible")


class _Watch:
    """Sees which revision the index of a data folder answers from."""

    def __init__(self, data: Path) -> None:
        settings = Settings(data_dir=data)
        self._index = Index.open(settings.index_path, map_bytes=settings.index_map_bytes)

    def until(self, revision: int) -> float:
        """Wait for a revision; the moment it was there."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            with self._index.read() as snapshot:
                if snapshot.state.revision >= revision:
                    return time.monotonic()
            time.sleep(0.01)
        raise RuntimeError(f"the index did not reach revision {revision}")
