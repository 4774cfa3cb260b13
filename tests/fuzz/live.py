"""`python -m tests.fuzz.live --seconds 600`: a server process under attack, watched all the while."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from bench.ldap.client import Client
from directory.index.build import build_index
from tests.fuzz.attack import Attack, Fault
from tests.fuzz.ways import PROXY
from tests.index.register_of_records import RegisterOfRecords
from tests.ldap_server.authority import Authority
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.people import HOLDERS, PEOPLE

GROWTH_MIB: Final = 50.0
"""What a worker's memory may grow by once it is warm."""
_LOOK_S: Final = 0.5
_IN_LOG: Final = re.compile(r"Traceback|internal error|Unhandled| (?:ERROR|CRITICAL) ")
_BASE: Final = "ou=bal,o=mssante,c=fr"


@dataclass(slots=True)
class Watch:
    """What somebody sees who asks plain questions in between, and how large the server is."""

    server: Server
    log: Path
    warm_at: float  # when memory counts from
    lookups: int = 0
    slowest_s: float = 0.0
    warm_mib: float = 0.0
    most_mib: float = 0.0

    def look(self, client: Client) -> None:
        """Ask for an entry, look at memory and log.

        Raises:
            Fault: one of them is not as it should be.
        """
        address = PEOPLE[self.lookups % len(PEOPLE)].address
        began = time.monotonic()
        try:
            found = client.search(_BASE, f"(mail={address})", attributes=["mail"])
        except OSError as error:
            raise Fault(f"a plain lookup is not answered: {error}") from error
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.lookups += 1
        if [entry.attributes["mail"] for entry in found.entries] != [[address]]:
            raise Fault(f"a plain lookup of {address} finds {found}")
        self._weigh()
        said = self.log.read_text("utf-8", "replace")
        if _IN_LOG.search(said):
            raise Fault(f"the server has logged an error: {said[-2000:]}")

    def _weigh(self) -> None:
        size_mib = sum(psutil.Process(pid).memory_info().rss for pid in self.server.pids) / 2**20
        if time.monotonic() < self.warm_at:
            self.warm_mib = max(self.warm_mib, size_mib)
        self.most_mib = max(self.most_mib, size_mib)

    @property
    def growth_mib(self) -> float:
        return self.most_mib - self.warm_mib


@dataclass(frozen=True, slots=True)
class Target:
    """A server, the file that it logs to, and the authority of its certificate."""

    server: Server
    log: Path
    authority: Path


@contextlib.contextmanager
def target() -> Iterator[Target]:
    """A server of its own on the invented people, in the clear, with TLS, and behind a proxy."""
    with tempfile.TemporaryDirectory() as folder:
        data, log = Path(folder), Path(folder) / "log"
        authority = Authority(data)
        settings: dict[str, Any] = {
            "LDAP_SIZE_LIMIT": "5",
            "LDAP_PROXIES": PROXY,
            "TLS_CERTIFICATE_FILE": str(authority.issue("localhost")),
        }
        build_index(RegisterOfRecords.of([*PEOPLE, *HOLDERS]), data / "index", map_bytes=2**28, workers=1)
        with log.open("wb") as file:
            yield from (Target(server, log, authority.file) for server in serving(data, log=file, **settings))


def run(target: Target, *, seed: int, seconds: float, cases: int = sys.maxsize) -> dict[str, Any]:
    """Attack until the time or the cases are used up; what was seen."""
    server = target.server
    attack = Attack(server, target.authority, seed)
    began = time.monotonic()
    watch = Watch(server, target.log, began + min(60.0, seconds / 5))
    fault, done, looked_at = "", 0, 0.0
    try:
        with Client(server.host, server.port, timeout_s=10) as client:
            while time.monotonic() < began + seconds and done < cases:
                attack.case()
                done += 1
                if time.monotonic() > looked_at + _LOOK_S:
                    watch.look(client)
                    looked_at = time.monotonic()
            watch.look(client)
    except Fault as error:
        fault = f"{error}; last case: {attack.last.hex()}"
    finally:
        attack.close()
    return _report(attack, watch, seed, time.monotonic() - began, fault)


def _report(attack: Attack, watch: Watch, seed: int, seconds: float, fault: str) -> dict[str, Any]:
    tally = attack.tally
    return {
        "seed": seed,
        "seconds": round(seconds),
        "cases": dict(tally.cases.most_common()),
        "messages": tally.messages,
        "replies": dict(tally.replies.most_common()),
        "codes": {str(code): count for code, count in tally.codes.most_common()},
        "notices": tally.notices,
        "lookups": watch.lookups,
        "slowest_lookup_ms": round(watch.slowest_s * 1000),
        "warm_mib": round(watch.warm_mib, 1),
        "growth_mib": round(watch.growth_mib, 1),
        "fault": fault,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.live", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, help="the same cases again; otherwise others on every run")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else time.time_ns() % 2**32
    with target() as attacked:
        found = run(attacked, seed=seed, seconds=options.seconds)
    print(json.dumps(found, indent=1))
    return 0 if not found["fault"] and found["growth_mib"] <= GROWTH_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
