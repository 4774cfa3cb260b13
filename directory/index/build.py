"""A full build: worker processes prepare documents in chunks, and one merge writes them in key order.

A chunk is some tens of thousands of documents with their postings, sorted and spooled to disk, so that memory does not
grow with the register. Ids are handed out in static order over all chunks; then the sorted chunks are merged, and LMDB
only ever appends. The result is made beside the index being served and swapped in at the end.
"""

from __future__ import annotations

import heapq
import multiprocessing
import os
import pickle
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Final, Protocol

from pyroaring import BitMap

from directory.index import layout, store
from directory.index.documents import Prepared, gram_values, prepare
from directory.index.layout import DATABASES, GRAM_FIELDS
from directory.model import Kind, Record, RegisterState
from directory.query import Field
from directory.source import Register
from directory.text import phonetic

_CHUNK: Final = 25_000  # documents prepared before they are spooled
_BLOCK: Final = 2_000  # postings pickled together
_DATABASE_NUMBER: Final = {name: number for number, name in enumerate(DATABASES)}


class BuildProgress(Protocol):
    def stage(self, name: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a worker leaves on disk: bodies one after the other, and sorted postings of places in this chunk."""

    path: Path
    orders: list[bytes]
    keys: list[bytes]  # record keys
    sizes: list[int]  # bytes of each body


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
    with tempfile.TemporaryDirectory(prefix="build-spool-", dir=path) as spool:
        with register.open() as source:
            state = source.state
            tasks = [
                (register, source_pin, kind, first, end, Path(spool))
                for source_pin in [source.pin()]
                for kind in Kind
                for first, end in source.partitions(kind, 2 * (workers or os.cpu_count() or 1))
            ]
            chunks = _prepare_all(tasks, workers or os.cpu_count() or 1, progress)
        _write(build, map_bytes, chunks, state, progress)
    store.swap_in(path, build)
    store.write_seen(path, state.revision)
    return state


def _prepare_all(tasks: list[Any], workers: int, progress: BuildProgress | None) -> list[Chunk]:
    if progress:
        progress.stage("preparing documents", len(tasks))
    chunks: list[Chunk] = []
    if workers == 1 or len(tasks) <= 1:
        for task in tasks:
            chunks += _prepare_range(*task)
            if progress:
                progress.advance()
        return chunks
    # Spawned, not forked: this process has connections and threads that a fork would copy half of.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for found in pool.map(_prepare_task, tasks):
            chunks += found
            if progress:
                progress.advance()
    return chunks


def _prepare_task(task: Any) -> list[Chunk]:
    return _prepare_range(*task)


def _prepare_range(
    register: Register, pinned: str, kind: Kind, first: str, end: str | None, spool: Path
) -> list[Chunk]:
    """Prepare the documents of one key range."""
    chunks: list[Chunk] = []
    with register.open(pinned) as source:
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


class _Spooler:
    """Gathers one chunk. Keys are encoded and grams are made once per distinct value, when the chunk is spooled: most
    values recur, and this is where a build's time goes."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []
        self._orders: list[bytes] = []
        self._keys: list[bytes] = []
        self._kinds: dict[Kind, list[int]] = {}
        self._values: dict[Field, dict[str, list[int]]] = {}
        self._infixes: dict[Field, dict[str, list[int]]] = {}  # of mailboxes, in fields that have grams
        self._words: dict[str, dict[str, list[int]]] = {}

    @property
    def count(self) -> int:
        return len(self._bodies)

    def add(self, record: Record) -> None:
        prepared: Prepared = prepare(record)
        document, place = prepared.document, len(self._bodies)
        self._bodies.append(layout.encode_document(document))
        self._orders.append(prepared.order)
        self._keys.append(layout.record_key(document.kind, document.key))
        self._kinds.setdefault(document.kind, []).append(place)
        mailbox = document.kind is Kind.MAILBOX
        for field, values in document.values.items():
            _enter(self._values.setdefault(field, {}), values, place)
            if mailbox and field in GRAM_FIELDS:
                _enter(self._infixes.setdefault(field, {}), values, place)
        for word_class, words in prepared.words.items():
            _enter(self._words.setdefault(word_class, {}), words, place)

    def spool(self, folder: Path) -> Chunk:
        number, name = tempfile.mkstemp(dir=folder)
        path = Path(name)
        with os.fdopen(number, "wb") as file:
            file.writelines(self._bodies)
        ordered = sorted(self._postings())
        with path.with_suffix(".postings").open("wb") as file:
            for start in range(0, len(ordered), _BLOCK):
                pickle.dump(ordered[start : start + _BLOCK], file, pickle.HIGHEST_PROTOCOL)
        return Chunk(path, self._orders, self._keys, [len(body) for body in self._bodies])

    def _postings(self) -> Iterator[tuple[int, bytes, array[int]]]:
        """Every posting of the chunk; the keys are those of `postings.all_keys` (a test compares)."""
        kinds, present, terms, grams, words = (
            _DATABASE_NUMBER[name] for name in ("kinds", "present", "terms", "grams", "words")
        )
        for kind, places in self._kinds.items():
            yield kinds, bytes([layout.KIND_NUMBER[kind]]), array("I", places)
        for field, values in self._values.items():
            everywhere = sorted({place for places in values.values() for place in places})
            yield present, bytes([layout.FIELD_NUMBER[field]]), array("I", everywhere)
            for value, places in values.items():
                yield terms, layout.term_key(field, value), array("I", places)
        for field, values in self._infixes.items():
            for gram, places in _grams(values).items():
                yield grams, layout.term_key(field, gram), array("I", places)
        for word_class, found in self._words.items():
            for word, places in found.items():
                yield words, layout.word_key(word_class, word), array("I", places)


def _enter(found: dict[str, list[int]], values: Iterable[str], place: int) -> None:
    for value in values:
        places = found.get(value)
        if places is None:
            found[value] = [place]
        else:
            places.append(place)


def _grams(values: Mapping[str, list[int]]) -> dict[str, list[int]]:
    grams: dict[str, list[int]] = {}
    for value, places in values.items():
        for gram in gram_values((value,)):
            found = grams.get(gram)
            if found is None:
                grams[gram] = places.copy()
            else:
                found += places
    return grams


def _write(
    build: Path, map_bytes: int, chunks: list[Chunk], state: RegisterState, progress: BuildProgress | None
) -> None:
    ids = _hand_out_ids(chunks)
    environment = store.open_environment(build, map_bytes, write=True, fresh=True)
    try:
        with environment.lmdb.begin(write=True) as txn:
            put = _Appender(txn, environment.databases)
            if progress:
                progress.stage("writing documents", sum(len(chunk.orders) for chunk in chunks))
            _write_documents(put, chunks, ids, progress)
            if progress:
                progress.stage("writing postings")
            _write_postings(put, chunks, ids)
            total = sum(len(chunk.orders) for chunk in chunks)
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
    """Appends to LMDB databases in key order."""

    def __init__(self, txn: Any, databases: dict[str, Any]) -> None:
        self._txn = txn
        self._databases = databases

    def __call__(self, database: str, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        with self._txn.cursor(db=self._databases[database]) as cursor:
            cursor.putmulti(pairs, append=True)


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


def _write_postings(put: _Appender, chunks: list[Chunk], ids: list[array[int]]) -> None:
    sounds: dict[bytes, list[str]] = {}
    streams = [_read_postings(chunk, found) for chunk, found in zip(chunks, ids, strict=True)]
    # Without a key function: tuples compare by database and key first, and far faster so.
    merged = heapq.merge(*streams)

    def pairs(of_database: Iterable[tuple[int, bytes, list[int]]], *, words: bool) -> Iterator[tuple[bytes, bytes]]:
        for key, same in groupby(of_database, key=itemgetter(1)):
            found = [places for _, _, places in same]
            if words:
                note_sound(sounds, key)
            if len(found) == 1 and len(found[0]) == 1:
                yield key, layout.id_key(found[0][0])
            else:
                yield key, layout.encode_posting(BitMap(chain.from_iterable(found)))

    for number, of_database in groupby(merged, key=itemgetter(0)):
        put(DATABASES[number], pairs(of_database, words=DATABASES[number] == "words"))
    put("sounds", ((key, " ".join(sorted(words)).encode()) for key, words in sorted(sounds.items())))


def _read_postings(chunk: Chunk, ids: array[int]) -> Iterator[tuple[int, bytes, list[int]]]:
    path = chunk.path.with_suffix(".postings")
    with path.open("rb") as file:
        while True:
            try:
                block = pickle.load(file)  # noqa: S301 - our own spool, in a private folder, written a moment ago
            except EOFError:
                break
            for database, key, places in block:
                yield database, key, [ids[place] for place in places]
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
