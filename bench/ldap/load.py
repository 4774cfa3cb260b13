"""Closed-loop load by ldapload.c, compiled when it is first needed: one run against one server."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from bench.latency import median
from bench.ldap.client import SIZE_LIMIT, SUCCESS
from bench.node import Address

_SOURCE: Final = Path(__file__).with_name("ldapload.c")
_DRAIN_S: Final = 60.0  # what is under way at the end of a run may take this long to be answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What ldapload measured; latencies in milliseconds."""

    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    entries_per_search: float
    unanswered: int
    codes: dict[str, int]

    @classmethod
    def median(cls, runs: Sequence[Self]) -> Self:
        """The medians of several runs, each figure for itself; counts are summed up."""
        codes: dict[str, int] = {}
        for run in runs:
            for code, count in run.codes.items():
                codes[code] = codes.get(code, 0) + count
        figures = ("per_second", "p50_ms", "p95_ms", "p99_ms", "max_ms", "entries_per_search")
        middle = {name: round(median(getattr(run, name) for run in runs), 3) for name in figures}
        return cls(codes=codes, unanswered=sum(run.unanswered for run in runs), **middle)

    @property
    def at_size_limit(self) -> float:
        """The share of searches that matched more than may be returned."""
        return self.codes.get(str(SIZE_LIMIT), 0) / max(1, sum(self.codes.values()))

    @property
    def failed(self) -> int:
        """How many searches ended otherwise than with their entries, or did not end at all."""
        return self.unanswered + sum(n for code, n in self.codes.items() if int(code) not in (SUCCESS, SIZE_LIMIT))

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Loader:
    """The compiled program and how it is run."""

    program: Path
    connections: int
    seconds: float

    @classmethod
    def compiled(cls, scratch: Path, *, connections: int, seconds: float) -> Self:
        """Compile into a scratch folder.

        Raises:
            RuntimeError: there is no C compiler, or it fails.
        """
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise RuntimeError("a C compiler is needed to build the load generator (Debian: apt-get install gcc)")
        program = scratch / "ldapload"
        command = [compiler, "-O2", "-o", str(program), str(_SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the load generator does not compile: {done.stderr.strip()}")
        return cls(program, connections, seconds)

    def run(self, server: Address, requests: Path) -> Run:
        """Load a server with the requests of a file for the time of a run.

        Raises:
            RuntimeError: the server closed a connection or cannot be reached.
        """
        numbers = map(str, (server.port, self.connections, self.seconds, _DRAIN_S))
        command = [str(self.program), server.host, *numbers, str(requests)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the load on {server} ended: {done.stderr.strip()}")
        return _run_of(json.loads(done.stdout))


def _run_of(said: dict[str, Any]) -> Run:
    answered = said["searches"] - said["unanswered"]
    return Run(
        entries_per_search=round(said["entries"] / max(1, answered), 2),
        **{name: said[name] for name in Run.__slots__ if name != "entries_per_search"},
    )
