"""What a build's workers leave on disk: chunks of prepared documents, and columns of bytes and numbers.

A chunk is some tens of thousands of documents in their static order, with what they are found by gathered per distinct
value: places in the chunk stand for the ids that are not known yet. Texts are in order in each chunk, so that merging
chunks is sorting what is nearly sorted.
"""

from __future__ import annotations

import contextlib
import mmap
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from directory.index import layout
from directory.index.documents import prepare
from directory.index.values import WORD_CLASS, named_by, split, words_in
from directory.model import Kind, Record
from directory.query import Field

Numbers = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int64]
Words = Callable[[str], Sequence[str]]

BODIES: Final = ("values", "documents", "entries")
_STEP: Final = 5_000  # bodies read together


class Chunk(NamedTuple):
    """One chunk's files; `columns` are those that are there."""

    folder: Path
    size: int
    columns: frozenset[str]

    def path(self, column: str) -> Path:
        return self.folder / column


def write_texts(path: Path, items: Collection[bytes]) -> None:
    """Byte strings of any content, one after the other, behind their lengths."""
    lengths = array("I", map(len, items))
    with path.open("wb") as file:
        file.write(len(lengths).to_bytes(8, "little"))
        lengths.tofile(file)
        file.writelines(items)


def read_lengths(path: Path) -> tuple[int, Numbers]:
    """Where the first byte string of a file stands, and the lengths of all."""
    with path.open("rb") as file:
        count = int.from_bytes(file.read(8), "little")
        return 8 + 4 * count, np.fromfile(file, dtype=np.uint32, count=count)


def read_texts(path: Path) -> list[bytes]:
    start, lengths = read_lengths(path)
    data = path.read_bytes()[start:]
    ends = [0, *np.cumsum(lengths, dtype=np.int64).tolist()]
    return [data[at:end] for at, end in pairwise(ends)]


def write_column(folder: Path, name: str, texts: Sequence[bytes], counts: Places, places: Numbers) -> None:
    """One file of distinct texts in order, one of how many places each has, one of the places."""
    write_texts(folder / name, texts)
    counts.astype(np.uint32).tofile(folder / f"{name}.counts")
    places.tofile(folder / f"{name}.places")


def read_numbers(path: Path) -> Numbers:
    return np.fromfile(path, dtype=np.uint32)


def bodies(
    name: str, chunks: Sequence[Chunk], places: Places, ids: Places | Numbers
) -> Iterator[list[tuple[bytes, bytes]]]:
    """What some documents have of a body, under their ids: their places are counted over all of these chunks. Files are
    mapped, not read: the order jumps about in them."""
    paths = [chunk.path(name) for chunk in chunks]
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in paths]
        maps = [stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) for file in files]
        headers = [read_lengths(path) for path in paths]
        lengths = np.concatenate([found for _, found in headers]).astype(np.int64)
        starts = np.concatenate([start + np.cumsum(found, dtype=np.int64) - found for start, found in headers])
        file_of = np.repeat(np.arange(len(paths)), [len(found) for _, found in headers])
        for first in range(0, len(places), _STEP):
            some = places[first : first + _STEP]
            where = zip(file_of[some].tolist(), starts[some].tolist(), lengths[some].tolist(), strict=True)
            yield [
                (layout.id_key(document_id), maps[number][at : at + length])
                for document_id, (number, at, length) in zip(ids[first : first + _STEP].tolist(), where, strict=True)
            ]


class _Gathered:
    """One column of a chunk in the making: texts, each with the place of a document that has it."""

    __slots__ = ("places", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.places = array("I")

    def add(self, values: Sequence[str], place: int) -> None:
        if len(values) == 1:  # nearly always
            self.texts.append(values[0])
            self.places.append(place)
        else:
            self.texts += values
            self.places.extend([place] * len(values))


class _Grouped(NamedTuple):
    """A column of a chunk: its distinct texts in byte order; the places of text n are
    `places[bounds[n] : bounds[n + 1]]`."""

    texts: list[str]
    bounds: Places
    places: Numbers


class Spooler:
    """Gathers one chunk: documents of one kind, put into their static order at last.

    Nothing is looked up while documents come in: columns are grouped one by one when all are there, each in the
    processor's caches.
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._bodies: dict[str, list[bytes]] = {name: [] for name in BODIES}
        self._orders: list[bytes] = []
        self._keys: list[bytes] = []
        self._terms: dict[Field, _Gathered] = defaultdict(_Gathered)
        self._names = _Gathered()  # labels that serve as names

    @property
    def count(self) -> int:
        return len(self._keys)

    def add(self, record: Record) -> None:
        prepared, place = prepare(record), len(self._keys)
        bodies = self._bodies
        bodies["values"].append(prepared.record)
        bodies["documents"].append(prepared.json)
        if prepared.entry:
            bodies["entries"].append(prepared.entry)
        self._orders.append(prepared.order)
        self._keys.append(layout.record_key(self._kind, prepared.key))
        terms = self._terms
        for field, values in prepared.values.items():
            terms[field].add(values, place)
        self._names.add(named_by(self._kind, prepared.values), place)

    def spool(self, folder: Path) -> Chunk:
        """Write the chunk into a folder of its own."""
        chunk = Path(tempfile.mkdtemp(dir=folder))
        order = byte_order(self._orders)
        for name, bodies in (*self._bodies.items(), ("orders", self._orders)):
            if bodies:
                write_texts(chunk / name, [bodies[place] for place in order.tolist()])
        rank = np.empty(self.count, np.uint32)
        rank[order] = np.arange(self.count, dtype=np.uint32)
        by_key = byte_order(self._keys)
        write_column(chunk, "keys", [self._keys[at] for at in by_key.tolist()], np.ones_like(by_key), rank[by_key])
        write_column(chunk, f"kinds-{self._kind}", [b""], np.array([self.count]), rank)
        for name, (texts, bounds, places) in self._columns():
            write_column(chunk, name, [text.encode() for text in texts], np.diff(bounds), rank[places])
        return Chunk(chunk, self.count, frozenset(path.name for path in chunk.iterdir()))

    def _columns(self) -> Iterator[tuple[str, _Grouped]]:
        words: dict[str, list[tuple[_Grouped, Words]]] = defaultdict(list)
        for field, found in self._terms.items():
            column = _grouped(found.texts, np.frombuffer(found.places, np.uint32))
            yield f"terms-{field}", column
            if field in WORD_CLASS:
                words[WORD_CLASS[field]].append((column, words_in(field)))
        names = _grouped(self._names.texts, np.frombuffer(self._names.places, np.uint32))
        words["name"].append((names, split))
        for word_class, columns in words.items():
            yield f"words-{word_class}", _words(columns)


def _grouped(texts: Sequence[str], places: Numbers) -> _Grouped:
    """Texts that stand as often as they have places, each once; the order of code points is that of UTF-8's bytes."""
    distinct = sorted(set(texts))
    rank = {text: number for number, text in enumerate(distinct)}
    # NumPy sorts numbers of 16 bits by counting, in linear time.
    small = np.uint16 if len(distinct) <= 0xFFFF else np.uint32
    ranks = np.fromiter(map(rank.__getitem__, texts), small, len(texts))
    bounds = np.concatenate(([0], np.cumsum(np.bincount(ranks, minlength=len(distinct)))))
    return _Grouped(distinct, bounds, places[np.argsort(ranks, kind="stable")])


def _words(columns: Sequence[tuple[_Grouped, Words]]) -> _Grouped:
    """The words of some columns, split once per distinct value: as `values.words_of`, but that a document may stand
    twice under a word."""
    split_up = [words(text) for column, words in columns for text in column.texts]
    rows = np.repeat(np.arange(len(split_up), dtype=np.uint32), list(map(len, split_up)))
    words = _grouped(list(chain.from_iterable(split_up)), rows)
    sizes = np.concatenate([np.diff(column.bounds) for column, _ in columns])
    places = np.concatenate([column.places for column, _ in columns])
    starts = np.concatenate(([0], np.cumsum(sizes)))[:-1]
    found, ends = gathered(places, starts[words.places], sizes[words.places])
    return _Grouped(words.texts, np.concatenate(([0], ends))[words.bounds], found)


def gathered(members: Numbers, starts: Places, sizes: Places) -> tuple[Numbers, Places]:
    """Runs of members, one run after the other, and where each ends."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    if total == len(ends):
        return members[starts], ends
    return members[np.repeat(starts - (ends - sizes), sizes) + np.arange(total)], ends


@dataclass(frozen=True, slots=True)
class Column:
    """The distinct texts of one column over all chunks, in byte order, and the ids of the documents that have each:
    those of text n are `ids[bounds[n] : bounds[n + 1]]`, in no particular order."""

    texts: list[bytes]
    bounds: Places
    ids: Numbers


def merged(name: str, chunks: Sequence[Chunk], ids: Sequence[Numbers]) -> Column:
    """One column of all chunks, its places turned into ids."""
    texts: list[bytes] = []
    counts: list[Numbers] = [np.zeros(0, np.uint32)]
    members: list[Numbers] = [np.zeros(0, np.uint32)]
    for chunk, of_place in zip(chunks, ids, strict=True):
        if name in chunk.columns:
            texts += read_texts(chunk.path(name))
            counts.append(read_numbers(chunk.path(f"{name}.counts")))
            members.append(of_place[read_numbers(chunk.path(f"{name}.places"))])
    return _sorted(texts, np.concatenate(counts), np.concatenate(members))


def _sorted(texts: list[bytes], counts: Numbers, members: Numbers) -> Column:
    """Bring runs of members into the byte order of their texts, runs of the same text together."""
    order = byte_order(texts)
    starts = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    sizes = counts[order]
    ends = np.cumsum(sizes, dtype=np.int64)
    # Position in `members` of each member in the new order: where its run starts, and how far into the run it is.
    # 32 bits are enough for some thousand million members, and these are the largest arrays of a build.
    where = np.repeat((starts[:-1][order] - (ends - sizes)).astype(np.int32), sizes)
    where += np.arange(len(members), dtype=np.int32)
    distinct: list[bytes] = []
    firsts: list[int] = []
    last: bytes | None = None
    for row, number in enumerate(order.tolist()):
        text = texts[number]
        if text != last:
            distinct.append(text)
            firsts.append(row)
            last = text
    begins = np.concatenate(([0], ends))
    bounds = np.append(begins[np.array(firsts, dtype=np.int64)], len(members))
    return Column(distinct, bounds, members[where])


def byte_order(texts: list[bytes]) -> Places:
    """The places of byte strings in their order; runs that are in order already cost little."""
    return np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)
