"""What a build's workers leave on disk: chunks of prepared documents, and columns of bytes and numbers.

A chunk is some tens of thousands of documents in the order they were read, with what they are found by gathered per
distinct value: places in the chunk stand for the ids that are not known yet.
"""

from __future__ import annotations

import tempfile
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from directory.index import layout
from directory.index.documents import prepare
from directory.index.values import WORD_CLASS, named_by, split, value_words
from directory.model import Kind, Record
from directory.query import Field

Numbers = npt.NDArray[np.uint32]
Entries = dict[str, list[int]]  # a value or word, and the places in the chunk that have it

BODIES: Final = ("values", "documents", "entries")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk's files; `columns` are those that are there."""

    folder: Path
    count: int
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


def write_numbers(path: Path, numbers: Iterable[int]) -> None:
    with path.open("wb") as file:
        array("I", numbers).tofile(file)


def read_numbers(path: Path) -> Numbers:
    return np.fromfile(path, dtype=np.uint32)


class Spooler:
    """Gathers one chunk."""

    def __init__(self) -> None:
        self._bodies: dict[str, list[bytes]] = {name: [] for name in BODIES}
        self._orders: list[bytes] = []
        self._keys: list[bytes] = []
        self._kinds: dict[Kind, list[int]] = defaultdict(list)
        self._terms: dict[Field, Entries] = defaultdict(lambda: defaultdict(list))
        self._names: Entries = defaultdict(list)  # labels that serve as names

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
        self._keys.append(layout.record_key(prepared.kind, prepared.key))
        self._kinds[prepared.kind].append(place)
        for field, values in prepared.values.items():
            entries = self._terms[field]
            for value in values:
                entries[value].append(place)
        for label in named_by(prepared.kind, prepared.values):
            self._names[label].append(place)

    def spool(self, folder: Path) -> Chunk:
        """Write the chunk into a folder of its own."""
        chunk = Path(tempfile.mkdtemp(dir=folder))
        for name, bodies in self._bodies.items():
            if bodies:
                write_texts(chunk / name, bodies)
        write_texts(chunk / "orders", self._orders)
        write_texts(chunk / "keys", self._keys)
        for name, entries in self._sets():
            # One file of the distinct texts, one of how many places each has, one of the places.
            write_texts(chunk / name, [text.encode() for text in entries])
            write_numbers(chunk / f"{name}.counts", map(len, entries.values()))
            write_numbers(chunk / f"{name}.places", chain.from_iterable(entries.values()))
        return Chunk(chunk, self.count, frozenset(path.name for path in chunk.iterdir()))

    def _sets(self) -> Iterator[tuple[str, Entries]]:
        for kind, places in self._kinds.items():
            yield f"kinds-{kind}", {"": places}
        for field, entries in self._terms.items():
            yield f"terms-{field}", entries
        for word_class, entries in self._words().items():
            yield f"words-{word_class}", entries

    def _words(self) -> dict[str, Entries]:
        """As `values.words_of`, but once per distinct value. A document may stand twice under a word."""
        words: dict[str, Entries] = defaultdict(lambda: defaultdict(list))
        for field, word_class in WORD_CLASS.items():
            entries = words[word_class]
            for value, places in self._terms.get(field, {}).items():
                for word in value_words(field, value):
                    entries[word] += places
        for label, places in self._names.items():
            for word in split(label):
                words["name"][word] += places
        return words


@dataclass(frozen=True, slots=True)
class Column:
    """The distinct texts of one column over all chunks, in byte order, and the ids of the documents that have each:
    those of text n are `ids[bounds[n] : bounds[n + 1]]`, in no particular order."""

    texts: list[bytes]
    bounds: npt.NDArray[np.int64]
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


def byte_order(texts: list[bytes]) -> npt.NDArray[np.int64]:
    """The places of byte strings in their order."""
    return np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)
