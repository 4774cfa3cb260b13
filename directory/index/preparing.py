"""The first half of a build, and of a verification: worker processes prepare all documents and leave them in chunks."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, Protocol, TypeVar

from directory.index.spool import Chunk, Spooler
from directory.model import Kind
from directory.source import RecordSource, Register

_CHUNK: Final = 25_000  # documents prepared before they are spooled

Task = TypeVar("Task")
Result = TypeVar("Result")
Range = tuple[Register, str, Kind, str, str | None, Path]


class BuildProgress(Protocol):
    def stage(self, name: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...


class Silent:
    """Nobody watches."""

    def stage(self, name: str, total: int | None = None) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Team:
    """Worker processes, or this process alone."""

    pool: ProcessPoolExecutor | None

    def map(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """The results in the tasks' order; all tasks start at once."""
        return map(work, tasks) if self.pool is None else self.pool.map(work, tasks)


@contextlib.contextmanager
def team(workers: int | None) -> Iterator[Team]:
    """As many worker processes as asked for, or one per processor when None."""
    size = workers or os.cpu_count() or 1
    if size == 1:
        yield Team(None)
        return
    # Spawned, not forked: this process has connections and threads that a fork would copy half of.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(size, mp_context=spawn, initializer=_begin) as pool:
        pool.submit(int)  # starts them: they import what they need while this process finds out what is to be done
        yield Team(pool)


def _begin() -> None:
    gc.disable()  # see `without_garbage_collection`; a worker does nothing else
    _end_with_parent()


def _end_with_parent() -> None:
    """Leave as soon as the process that builds is gone: a worker would otherwise wait for its next task for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def prepare_all(register: Register, source: RecordSource, spool: Path, team: Team, watch: BuildProgress) -> list[Chunk]:
    """Prepare every document of a state of the register."""
    pinned = source.pin()
    ranges = 0
    pending: list[Iterator[list[Chunk]]] = []
    for kind in Kind:  # the workers begin with the first kind while the others are being divided
        parts = source.partitions(kind, _CHUNK)
        pending.append(team.map(_prepare_range, [(register, pinned, kind, first, end, spool) for first, end in parts]))
        ranges += len(parts)
    watch.stage("preparing documents", ranges)
    chunks: list[Chunk] = []
    for found in chain.from_iterable(pending):
        chunks += found
        watch.advance()
    return chunks


def _prepare_range(task: Range) -> list[Chunk]:
    """Prepare the documents of one key range, about one chunk of them."""
    register, pinned, kind, first, end, spool = task
    with without_garbage_collection(), register.open(pinned) as source:
        spooler = Spooler(kind)
        for record in source.read_range(kind, first, end):
            spooler.add(record)
        return [spooler.spool(spool)] if spooler.count else []


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Many small values live until their chunk is done and none is in a cycle: looking for cycles among them again and
    again would be a third of a build."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
