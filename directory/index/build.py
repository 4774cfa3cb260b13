"""A full build: worker processes prepare documents in chunks, and one merge writes them in key order.

A chunk is some tens of thousands of documents with their postings, sorted and spooled to disk, so that memory does not
grow with the register. Ids are handed out in static order over all chunks; then the sorted chunks are merged, and LMDB
only ever appends. The result is made beside the index being served and swapped in at the end.
"""

from __future__ import annotations

import contextlib
import gc
import heapq
import multiprocessing
import os
import pickle
import tempfile
import threading
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Final, Protocol, TypeVar

from pyroaring import BitMap

from directory.index import layout, store
from directory.index.documents import Prepared, gram_values, prepare
from directory.index.layout import GRAM_FIELDS
from directory.index.store import Environment
from directory.model import Kind, Record, RegisterState
from directory.query import Field
from directory.source import Register
from directory.text import phonetic

_CHUNK: Final = 25_000  # documents prepared before they are spooled
_BLOCK: Final = 2_000  # postings pickled together
_TRANSACTION_BYTES: Final = 64 * 2**20  # written before LMDB commits: what it holds in memory meanwhile
POSTINGS: Final = ("grams", "terms", "words", "present", "kinds")  # the slow ones first

Task = TypeVar("Task")
Result = TypeVar("Result")
Range = tuple[Register, str, Kind, str, str | None, Path]
Entries = dict[str, list[int]]  # a value, word or gram, and the places in the chunk that have it


class BuildProgress(Protocol):
    def stage(self, name: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a worker leaves on disk: bodies one after the other, and per database the sorted postings of places in this
    chunk (`postings`)."""

    path: Path
    orders: list[bytes]
    keys: list[bytes]  # record keys
    sizes: list[int]  # bytes of each body

    def postings(self, database: str) -> Path:
        return self.path.with_suffix(f".{database}")


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
    with tempfile.TemporaryDirectory(prefix="build-spool-", dir=path) as name, _team(workers) as team:
        spool = Path(name)
        with register.open() as source:
            state = source.state
            pinned = source.pin()
            tasks = [
                (register, pinned, kind, first, end, spool)
                for kind in Kind
                for first, end in source.partitions(kind, 2 * team.size)
            ]
            chunks = _prepare_all(tasks, team, progress)
        _write(build, map_bytes, chunks, spool, state, team, progress)
    store.swap_in(path, build)
    store.write_seen(path, state.revision)
    return state


@dataclass(frozen=True, slots=True)
class _Team:
    """Worker processes, or this process alone."""

    size: int
    pool: ProcessPoolExecutor | None

    def map(self, work: Callable[[Task], Result], tasks: list[Task]) -> Iterator[Result]:
        """The results in the tasks' order; all tasks start at once."""
        return map(work, tasks) if self.pool is None else self.pool.map(work, tasks)


@contextlib.contextmanager
def _team(workers: int | None) -> Iterator[_Team]:
    size = workers or os.cpu_count() or 1
    if size == 1:
        yield _Team(1, None)
        return
    # Spawned, not forked: this process has connections and threads that a fork would copy half of.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(size, mp_context=spawn, initializer=_end_with_parent) as pool:
        yield _Team(size, pool)


def _end_with_parent() -> None:
    """Leave as soon as the process that builds is gone: a worker would otherwise wait for its next task for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _prepare_all(tasks: list[Range], team: _Team, progress: BuildProgress | None) -> list[Chunk]:
    if progress:
        progress.stage("preparing documents", len(tasks))
    chunks: list[Chunk] = []
    for found in team.map(_prepare_range, tasks):
        chunks += found
        if progress:
            progress.advance()
    return chunks


def _prepare_range(task: Range) -> list[Chunk]:
    """Prepare the documents of one key range."""
    register, pinned, kind, first, end, spool = task
    chunks: list[Chunk] = []
    with _without_garbage_collection(), register.open(pinned) as source:
        records = source.read_range(kind, first, end)
        while True:
            spooler = _Spooler()
            for record in records:
                spooler.add(record)
                if spooler.count >= _CHUNK:
                    break
            if spooler.count:
                chunks.append(spooler.spool(spool))
            if spooler.count < _CHUNK:
                return chunks


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Millions of small values live until their chunk is done and none is in a cycle: looking for cycles among them
    again and again would be a third of a build."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Spooler:
    """Gathers one chunk. Keys are encoded and grams are made once per distinct value, when the chunk is spooled: most
    values recur, and this is where a build's time goes."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []
        self._orders: list[bytes] = []
        self._keys: list[bytes] = []
        self._kinds: dict[Kind, list[int]] = defaultdict(list)
        self._values: dict[Field, Entries] = defaultdict(_entries)
        self._infixes: dict[Field, Entries] = defaultdict(_entries)  # of mailboxes, in fields that have grams
        self._words: dict[str, Entries] = defaultdict(_entries)

    @property
    def count(self) -> int:
        return len(self._bodies)

    def add(self, record: Record) -> None:
        prepared: Prepared = prepare(record)
        document, place = prepared.document, len(self._bodies)
        self._bodies.append(layout.encode_document(document))
        self._orders.append(prepared.order)
        self._keys.append(layout.record_key(document.kind, document.key))
        self._kinds[document.kind].append(place)
        mailbox = document.kind is Kind.MAILBOX
        for field, values in document.values.items():
            entries = self._values[field]
            for value in values:
                entries[value].append(place)
            if mailbox and field in GRAM_FIELDS:
                entries = self._infixes[field]
                for value in values:
                    entries[value].append(place)
        for word_class, words in prepared.words.items():
            entries = self._words[word_class]
            for word in words:
                entries[word].append(place)

    def spool(self, folder: Path) -> Chunk:
        number, name = tempfile.mkstemp(dir=folder)
        with os.fdopen(number, "wb") as file:
            file.writelines(self._bodies)
        chunk = Chunk(Path(name), self._orders, self._keys, [len(body) for body in self._bodies])
        for database in POSTINGS:
            # An array of places pickles best as its bytes, a lone place as a number.
            sets = sorted(self._postings(database))
            _dump(chunk.postings(database), ((k, p[0] if len(p) == 1 else array("I", p).tobytes()) for k, p in sets))
        return chunk

    def _postings(self, database: str) -> Iterator[tuple[bytes, list[int]]]:
        """The chunk's postings in one database; the keys are those of `postings.all_keys` (a test compares)."""
        if database == "kinds":
            for kind, places in self._kinds.items():
                yield bytes([layout.KIND_NUMBER[kind]]), places
        elif database == "present":
            for field, values in self._values.items():
                yield bytes([layout.FIELD_NUMBER[field]]), list(set(chain.from_iterable(values.values())))
        elif database == "terms":
            for field, values in self._values.items():
                for value, places in values.items():
                    yield layout.term_key(field, value), places
        elif database == "grams":
            for field, values in self._infixes.items():
                for gram, places in _grams(values).items():
                    yield layout.term_key(field, gram), places
        else:
            for word_class, found in self._words.items():
                for word, places in found.items():
                    yield layout.word_key(word_class, word), places


def _entries() -> Entries:
    return defaultdict(list)


def _grams(values: Entries) -> Entries:
    grams = _entries()
    for value, places in values.items():
        for gram in gram_values((value,)):
            grams[gram] += places
    return grams


def _write(
    build: Path,
    map_bytes: int,
    chunks: list[Chunk],
    spool: Path,
    state: RegisterState,
    team: _Team,
    progress: BuildProgress | None,
) -> None:
    ids = _hand_out_ids(chunks)
    # The workers merge postings while this process writes the documents.
    merges = team.map(_merge, [(database, chunks, ids, spool) for database in POSTINGS])
    environment = store.open_environment(build, map_bytes, write=True, fresh=True)
    try:
        with store.translated():
            put = _Appender(environment)
            total = sum(len(chunk.orders) for chunk in chunks)
            if progress:
                progress.stage("writing documents", total)
            _write_documents(put, chunks, ids, progress)
            if progress:
                progress.stage("writing postings", len(POSTINGS))
            for merged in merges:
                for database, file in merged:
                    put(database, _load(file))
                if progress:
                    progress.advance()
            with environment.lmdb.begin(write=True) as txn:
                txn.put(layout.META_NEXT_ID, layout.id_key(total), db=environment.databases["meta"])
                store.write_state(txn, environment, state)
            environment.lmdb.sync(True)
    finally:
        environment.close()


def _hand_out_ids(chunks: list[Chunk]) -> list[array[int]]:
    """Per chunk, the id of each of its documents: its rank in the static order of all."""
    everything = [
        (order, number, place) for number, chunk in enumerate(chunks) for place, order in enumerate(chunk.orders)
    ]
    everything.sort()
    ids = [array("I", bytes(4 * len(chunk.orders))) for chunk in chunks]
    for document_id, (_, number, place) in enumerate(everything):
        ids[number][place] = document_id
    return ids


class _Appender:
    """Appends to LMDB databases in key order, in transactions of bounded size: nobody reads the build before it is
    whole, so memory is all that they are for."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __call__(self, database: str, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        db = self._environment.databases[database]
        for batch in _batches(pairs, _TRANSACTION_BYTES):
            with self._environment.lmdb.begin(write=True) as txn, txn.cursor(db=db) as cursor:
                cursor.putmulti(batch, append=True)


def _batches(pairs: Iterable[tuple[bytes, bytes]], size: int) -> Iterator[list[tuple[bytes, bytes]]]:
    batch: list[tuple[bytes, bytes]] = []
    held = 0
    for pair in pairs:
        batch.append(pair)
        held += len(pair[1]) + 32
        if held >= size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _write_documents(
    put: _Appender,
    chunks: list[Chunk],
    ids: list[array[int]],
    progress: BuildProgress | None,
) -> None:
    where: list[tuple[int, int]] = [(0, 0)] * sum(len(found) for found in ids)
    for number, found in enumerate(ids):
        for place, document_id in enumerate(found):
            where[document_id] = (number, place)
    starts = [array("Q", _offsets(chunk.sizes)) for chunk in chunks]
    files: list[IO[bytes]] = [chunk.path.open("rb") for chunk in chunks]
    try:

        def bodies() -> Iterator[tuple[bytes, bytes]]:
            for document_id, (number, place) in enumerate(where):
                body = os.pread(files[number].fileno(), chunks[number].sizes[place], starts[number][place])
                yield layout.id_key(document_id), body
                if progress and document_id % 1000 == 0:
                    progress.advance(1000)

        put("documents", bodies())
    finally:
        for file in files:
            file.close()
    put("orders", ((layout.id_key(i), chunks[n].orders[p]) for i, (n, p) in enumerate(where)))
    record_keys = sorted((key, ids[n][p]) for n, chunk in enumerate(chunks) for p, key in enumerate(chunk.keys))
    put("ids", ((key, layout.id_key(document_id)) for key, document_id in record_keys))


def _offsets(sizes: list[int]) -> Iterator[int]:
    at = 0
    for size in sizes:
        yield at
        at += size


def _merge(task: tuple[str, list[Chunk], list[array[int]], Path]) -> list[tuple[str, Path]]:
    """Merge the chunks' postings of one database into one sorted file of what LMDB will hold; for words also the file
    of their sounds."""
    database, chunks, ids, spool = task
    sounds: dict[bytes, list[str]] = {}
    streams = [_placed(chunk.postings(database), found) for chunk, found in zip(chunks, ids, strict=True)]

    def pairs() -> Iterator[tuple[bytes, bytes]]:
        # Merged without a key function: tuples compare by key first, and far faster so.
        for key, same in groupby(heapq.merge(*streams), key=itemgetter(0)):
            if database == "words":
                note_sound(sounds, key)
            found = array("I")
            for _, some in same:
                found += some
            yield key, layout.id_key(found[0]) if len(found) == 1 else layout.encode_posting(BitMap(found))

    files = [(database, spool / f"{database}.merged")]
    with _without_garbage_collection():
        _dump(files[0][1], pairs())
    if database == "words":
        files.append(("sounds", spool / "sounds.merged"))
        _dump(files[1][1], ((key, " ".join(sorted(words)).encode()) for key, words in sorted(sounds.items())))
    return files


def _placed(path: Path, ids: array[int]) -> Iterator[tuple[bytes, array[int]]]:
    """A chunk's postings with the ids of its places."""
    id_of = ids.__getitem__
    for key, places in _load(path):
        if isinstance(places, int):
            yield key, ids[places : places + 1]
        else:
            several = array("I")
            several.frombytes(places)
            yield key, array("I", map(id_of, several))


def _dump(path: Path, pairs: Iterable[tuple[bytes, Any]]) -> None:
    iterator = iter(pairs)
    with path.open("wb") as file:
        while block := list(islice(iterator, _BLOCK)):
            pickle.dump(block, file, pickle.HIGHEST_PROTOCOL)


def _load(path: Path) -> Iterator[tuple[bytes, Any]]:
    with path.open("rb") as file:
        while True:
            try:
                yield from pickle.load(file)  # noqa: S301 - our own spool, in a private folder, written a moment ago
            except EOFError:
                break
    path.unlink()


def note_sound(sounds: dict[bytes, list[str]], word_key: bytes) -> None:
    """Enter a word of the dictionary under the way it sounds, within its word class."""
    word = word_key[1:].decode(errors="ignore")
    key = sound_key(word_key[0], word)
    if key is not None:
        sounds.setdefault(key, []).append(word)


def sound_key(word_class: int, word: str) -> bytes | None:
    """The key in `sounds`; None for words without a sound, such as numbers."""
    sound = phonetic(word) if word.isalpha() else ""
    return bytes([word_class]) + sound.encode() if sound else None
