"""A full build: worker processes prepare documents in chunks and merge what they are found by; one process writes.

Memory does not grow with the register: chunks are spooled to disk (`spool`), ids are handed out in static order over
all of them, columns are merged one at a time (`merge`), and LMDB only ever appends. The result is made beside the index
being served and swapped in at the end.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import mmap
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, Protocol, TypeVar

import numpy as np

from directory.accounts import AccountList
from directory.index import accounts, layout, merge, store, trust
from directory.index.layout import WORD_CLASSES
from directory.index.merge import Pair, Spooled
from directory.index.spool import BODIES, Chunk, Numbers, Places, Spooler, byte_order, read_lengths, read_texts
from directory.index.store import Environment
from directory.index.wear import pages_in_use
from directory.model import Kind, RegisterState
from directory.source import RecordSource, Register
from directory.trust import WhiteList

_CHUNK: Final = 25_000  # documents prepared before they are spooled
_TRANSACTION_BYTES: Final = 64 * 2**20  # written before LMDB commits: what it holds in memory meanwhile
_STEP: Final = 5_000  # documents written together

Task = TypeVar("Task")
Result = TypeVar("Result")
Range = tuple[Register, str, Kind, str, str | None, Path]


class BuildProgress(Protocol):
    def stage(self, name: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...


class _Silent:
    def stage(self, name: str, total: int | None = None) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass


def build_index(
    register: Register,
    path: Path,
    *,
    map_bytes: int,
    workers: int | None = None,
    progress: BuildProgress | None = None,
) -> RegisterState:
    """Build the index of the register's present state and serve it from now on; returns that state.

    Raises:
        Unavailable: the register cannot be reached, or another process writes this index.
    """
    with store.only_writer(path):
        return build_locked(register, path, map_bytes=map_bytes, workers=workers, progress=progress)


def build_locked(
    register: Register,
    path: Path,
    *,
    map_bytes: int,
    workers: int | None = None,
    progress: BuildProgress | None = None,
) -> RegisterState:
    """As `build_index`, for who already is the only writer."""
    store.remove_leftovers(path)
    build = store.new_build(path)
    watch = progress or _Silent()
    with tempfile.TemporaryDirectory(prefix="build-spool-", dir=path) as name:
        spool = Path(name)
        # One team after the other: what was kept to prepare documents is not held while they are merged.
        with register.open() as source, _team(workers) as team:
            state, held, listed, left = source.state, source.accounts(), source.white_list(), source.left()
            chunks = _prepare_all(register, source, spool, team, watch)
        with _team(workers) as team:
            _write(build, map_bytes, chunks, spool, state, held, listed, left, team, watch)
    store.swap_in(path, build)
    store.write_seen(path, state.revision)
    return state


# -- workers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Team:
    """Worker processes, or this process alone."""

    pool: ProcessPoolExecutor | None

    def map(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """The results in the tasks' order; all tasks start at once."""
        return map(work, tasks) if self.pool is None else self.pool.map(work, tasks)


@contextlib.contextmanager
def _team(workers: int | None) -> Iterator[_Team]:
    size = workers or os.cpu_count() or 1
    if size == 1:
        yield _Team(None)
        return
    # Spawned, not forked: this process has connections and threads that a fork would copy half of.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(size, mp_context=spawn, initializer=_begin) as pool:
        pool.submit(int)  # starts them: they import what they need while this process finds out what is to be done
        yield _Team(pool)


def _begin() -> None:
    gc.disable()  # see `_without_garbage_collection`; a worker does nothing else
    _end_with_parent()


def _end_with_parent() -> None:
    """Leave as soon as the process that builds is gone: a worker would otherwise wait for its next task for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _prepare_all(
    register: Register, source: RecordSource, spool: Path, team: _Team, watch: BuildProgress
) -> list[Chunk]:
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
    with _without_garbage_collection(), register.open(pinned) as source:
        spooler = Spooler(kind)
        for record in source.read_range(kind, first, end):
            spooler.add(record)
        return [spooler.spool(spool)] if spooler.count else []


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Many small values live until their chunk is done and none is in a cycle: looking for cycles among them again and
    again would be a third of a build."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# -- writing -----------------------------------------------------------------------------------------------------------


def _write(
    build: Path,
    map_bytes: int,
    chunks: list[Chunk],
    spool: Path,
    state: RegisterState,
    held: AccountList,
    listed: WhiteList,
    left: Sequence[tuple[Kind, str, dt.datetime]],
    team: _Team,
    watch: BuildProgress,
) -> None:
    watch.stage("handing out ids")
    ids, ranked = _hand_out_ids(chunks)
    spooled = Spooled(spool, tuple(chunks), tuple(ids), _mailboxes(chunks))
    # The workers go on merging while this process writes the documents.
    words = team.map(merge.run, [(one, spooled) for one in merge.WORDS])
    environment = store.open_environment(build, map_bytes, write=True, fresh=True)
    try:
        with store.translated(), _without_garbage_collection(), ThreadPoolExecutor(1) as disk:
            put = _Appender(environment)
            first, *others = BODIES
            _write_bodies(put, first, chunks, ranked, watch)
            by_class = dict(zip(merge.WORDS, words, strict=True))
            rest = team.map(merge.run, [(one, spooled) for one in merge.OTHERS])  # the lexicon needs all words
            for database in others:
                _write_bodies(put, database, chunks, ranked, watch)
            disk.submit(environment.lmdb.sync, True)  # while the workers are busy still
            watch.stage("writing postings", len(merge.WORDS) + len(merge.OTHERS))
            in_key_order = (by_class[one] for one in sorted(by_class, key=lambda one: WORD_CLASSES[one.word_class]))
            for files in chain(in_key_order, rest):
                for database, file in files.items():
                    put(database, merge.load(file))
                watch.advance()
            watch.stage("writing to disk")
            with environment.lmdb.begin(write=True) as txn:
                txn.put(layout.META_NEXT_ID, layout.id_key(len(ranked)), db=environment.databases["meta"])
                accounts.write(txn, environment.databases[accounts.DATABASE], held)
                trust.write(txn, environment.databases[trust.DATABASE], listed)
                store.write_state(txn, environment, state)
                store.write_left(txn, environment, left)
                built = str(pages_in_use(environment, txn)).encode()
                txn.put(layout.META_BUILT_PAGES, built, db=environment.databases["meta"])
            environment.lmdb.sync(True)
    finally:
        environment.close()


def _hand_out_ids(chunks: list[Chunk]) -> tuple[list[Numbers], Places]:
    """Per chunk, the id of each of its documents: its rank in the static order of all. And the other way round: which
    document, counted over all chunks, has each id."""
    orders = list(chain.from_iterable(read_texts(chunk.path("orders")) for chunk in chunks))
    ranked = byte_order(orders)
    ids = np.empty(len(ranked), np.uint32)
    ids[ranked] = np.arange(len(ranked), dtype=np.uint32)
    bounds = np.cumsum([chunk.count for chunk in chunks])
    return [np.ascontiguousarray(part) for part in np.split(ids, bounds[:-1])] if chunks else [], ranked


def _mailboxes(chunks: list[Chunk]) -> int:
    return sum(chunk.count for chunk in chunks if "entries" in chunk.columns)


class _Appender:
    """Appends to LMDB databases in key order, in transactions of bounded size: nobody reads the build before it is
    whole, so memory is all that they are for."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __call__(self, database: str, blocks: Iterable[list[Pair]]) -> None:
        db = self._environment.databases[database]
        for transaction in _transactions(blocks, _TRANSACTION_BYTES):
            with self._environment.lmdb.begin(write=True) as txn, txn.cursor(db=db) as cursor:
                for block in transaction:
                    cursor.putmulti(block, append=True)


def _transactions(blocks: Iterable[list[Pair]], size: int) -> Iterator[Iterator[list[Pair]]]:
    """Blocks, divided into runs of about some size; each run is to be used up before the next one is asked for."""
    left = iter(blocks)

    def run(block: list[Pair]) -> Iterator[list[Pair]]:
        held = 0
        while True:
            yield block
            held += sum([len(value) for _, value in block]) + 32 * len(block)
            following = None if held >= size else next(left, None)
            if following is None:
                return
            block = following

    while (first := next(left, None)) is not None:
        yield run(first)


def _write_bodies(put: _Appender, database: str, chunks: list[Chunk], ranked: Places, watch: BuildProgress) -> None:
    """Write one of the databases of documents, in id order."""
    # Mailboxes are the first documents and have the first ids, so that entries are numbered as all bodies are.
    holding = [chunk for chunk in chunks if database in chunk.columns]
    count = sum(chunk.count for chunk in holding)
    watch.stage(f"writing {database}", count)
    if holding:
        put(database, _numbered([chunk.path(database) for chunk in holding], ranked[:count], watch))


def _numbered(paths: list[Path], ranked: Places, watch: BuildProgress) -> Iterator[list[Pair]]:
    """The bodies of some files under their ids. Files are mapped, not read: the order jumps about in them."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in paths]
        maps = [stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) for file in files]
        headers = [read_lengths(path) for path in paths]
        lengths = np.concatenate([found for _, found in headers]).astype(np.int64)
        starts = np.concatenate([start + np.cumsum(found, dtype=np.int64) - found for start, found in headers])
        file_of = np.repeat(np.arange(len(paths)), [len(found) for _, found in headers])
        for first in range(0, len(ranked), _STEP):
            some = ranked[first : first + _STEP]
            where = zip(file_of[some].tolist(), starts[some].tolist(), lengths[some].tolist(), strict=True)
            yield [
                (layout.id_key(document_id), maps[number][at : at + length])
                for document_id, (number, at, length) in enumerate(where, first)
            ]
            watch.advance(len(some))
