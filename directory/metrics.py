"""Metrics of all processes of a node, in one folder: each process writes its own, one of them shows the sum."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name for it
_TOLD: Final = ".prom"


def share(folder: Path, process: str) -> None:
    """Keep this process's metrics in a folder, under a name that whoever takes its place goes on with. To be called
    before any metric is made; without it metrics stay in the process."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[_FOLDER] = str(folder)
    from prometheus_client import values

    values.ValueClass = values.MultiProcessValue(lambda: process)  # type: ignore[no-untyped-call]


def begin_anew(folder: Path) -> None:
    """Forget what processes of an earlier run counted."""
    for file in folder.glob("*.db"):
        with contextlib.suppress(FileNotFoundError):
            file.unlink()


def exposition() -> tuple[bytes, str]:
    """The metrics of all processes that share the folder, and the media type they are in."""
    import prometheus_client as prometheus
    from prometheus_client import multiprocess

    registry = prometheus.REGISTRY
    if _FOLDER in os.environ:
        registry = prometheus.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return prometheus.generate_latest(registry) + _told(), prometheus.CONTENT_TYPE_LATEST


def tell(folder: Path, name: str, registry: CollectorRegistry) -> None:
    """Leave metrics that no process counts (what the database says) in the folder, whole, in place of those before.
    They stay when their writer ends and when a node starts anew: the last that is known."""
    from prometheus_client import write_to_textfile

    folder.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(folder / f"{name}{_TOLD}"), registry)


def _told() -> bytes:
    folder = os.environ.get(_FOLDER)
    return b"".join(file.read_bytes() for file in sorted(Path(folder).glob(f"*{_TOLD}"))) if folder else b""
