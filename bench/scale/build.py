"""A full build of the index: documents a second, peak memory, size of the file."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.node import annuaire, environment
from bench.scale.memory import Peak, Sampler, postmaster_of

BARS: Final = {"documents_per_second": 15_000, "memory_mib": 3 * 1024, "file_gib": 6.0}  # at national scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What one build took."""

    counts: dict[str, int]
    seconds: float
    peak: Peak
    file_bytes: int

    @property
    def documents(self) -> int:
        return sum(self.counts.values())

    @property
    def per_second(self) -> float:
        return self.documents / self.seconds

    @property
    def met(self) -> bool:
        found = self.as_json()
        return bool(
            found["documents_per_second"] >= BARS["documents_per_second"]
            and found["memory"]["together_mib"] < BARS["memory_mib"]
            and found["file_gib"] < BARS["file_gib"]
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "counts": self.counts,
            "seconds": round(self.seconds, 1),
            "documents_per_second": round(self.per_second),
            "memory": self.peak.as_json(),
            "file_gib": round(self.file_bytes / 2**30, 3),
        }


def build(data: Path) -> Built:
    """Build the index of a data folder afresh, by the command an operator uses.

    Raises:
        RuntimeError: the build failed.
    """
    command = [sys.executable, "-m", "cli.main", "index", "build"]
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        env=environment(data),
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with Sampler(process.pid, postmaster_of(data)).running() as peak:
        said = process.communicate()[1]
    seconds = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(f"the build failed: {said.strip()}")
    status = json.loads(annuaire(data, "index", "status", "--json"))
    return Built(counts=status["counts"], seconds=seconds, peak=peak, file_bytes=file_bytes(data))


def file_bytes(data: Path) -> int:
    """What the index takes on disk: blocks, not the length of a sparse file."""
    return sum(path.stat().st_blocks * 512 for path in (data / "index").rglob("*") if path.is_file())
