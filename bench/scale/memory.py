"""Peak memory of a family of processes, sampled: what they do not share with anybody.

Pages that a process has to itself are summed up (Private_Clean and Private_Dirty of smaps_rollup). PostgreSQL's
processes share their buffers among themselves: of these the proportional share (Pss) is taken. Resident size would
count shared pages once per process.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

_INTERVAL_S: Final = 0.25
_COST_SHARE: Final = 0.05  # of the time that looking may take: the kernel walks a process's pages for it


@dataclass(slots=True)
class Peak:
    """The largest sums seen, in bytes; they need not be of one moment."""

    private: int = 0  # all processes of the program together
    anonymous: int = 0  # of these what is not of a file, and so cannot be dropped and read again
    largest: int = 0  # one process
    database: int = 0  # PostgreSQL, proportional
    together: int = 0  # program and database at one moment
    samples: int = 0

    def note(self, private: Iterable[int], database: int, anonymous: int = 0) -> None:
        each = list(private)
        self.anonymous = max(self.anonymous, anonymous)
        self.private = max(self.private, sum(each))
        self.largest = max(self.largest, *each, 0)
        self.database = max(self.database, database)
        self.together = max(self.together, sum(each) + database)
        self.samples += 1

    def as_json(self) -> dict[str, Any]:
        return {
            "program_mib": round(self.private / 2**20),
            "program_anonymous_mib": round(self.anonymous / 2**20),
            "largest_process_mib": round(self.largest / 2**20),
            "database_mib": round(self.database / 2**20),
            "together_mib": round(self.together / 2**20),
            "samples": self.samples,
        }


@dataclass(slots=True)
class Sampler:
    """Samples until it is stopped; `root` and its descendants are the program."""

    root: int
    postmaster: Callable[[], int | None]
    peak: Peak = field(default_factory=Peak)

    def sample(self) -> None:
        program = family(self.root)
        postmaster = self.postmaster()
        database = [] if postmaster is None else family(postmaster)
        own = [read_rollup(_rollup(pid)) for pid in program if pid not in database]
        shares = [read_rollup(_rollup(pid)).get("Pss", 0) for pid in database]
        self.peak.note(map(private, own), sum(shares), sum(found.get("Anonymous", 0) for found in own))

    @contextlib.contextmanager
    def running(self) -> Iterator[Peak]:
        """Sample in the background while the block runs."""
        stop = threading.Event()

        def run() -> None:
            cost_s = 0.0
            while not stop.wait(max(_INTERVAL_S, cost_s / _COST_SHARE)):
                began = time.monotonic()
                self.sample()
                cost_s = time.monotonic() - began

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield self.peak
        finally:
            stop.set()
            thread.join()


def family(pid: int) -> list[int]:
    """A process and its descendants; nothing when it is gone."""
    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def private(found: Mapping[str, int]) -> int:
    return found.get("Private_Clean", 0) + found.get("Private_Dirty", 0)


def _rollup(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:  # it has ended meanwhile
        return ""


def read_rollup(text: str) -> dict[str, int]:
    """The sizes of a smaps_rollup file, in bytes."""
    rows = (line.split() for line in text.splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) == 3 and row[2] == "kB"}


def postmaster_of(data: Path) -> Callable[[], int | None]:
    """Looks up the embedded PostgreSQL of a data folder: it is started by whoever needs it first."""
    file = data / "postgres" / "cluster" / "postmaster.pid"

    def look() -> int | None:
        try:
            return int(file.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    return look
