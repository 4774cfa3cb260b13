"""The second half of a build: chunks' columns to the sorted postings that LMDB will hold.

Each task merges one column over all chunks and leaves files of (key, value) in key order; tasks are independent, so
that worker processes share them. Sorting and gathering are NumPy's; Python's work is once per distinct text.
"""

from __future__ import annotations

import marshal
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from directory.index import layout
from directory.index.layout import FIELD_NUMBER, GRAM_FIELDS, KIND_NUMBER, WORD_CLASSES
from directory.index.lexicon import lexicon_keys
from directory.index.postings import beginning_keys
from directory.index.spool import Chunk, Column, Numbers, Places, gathered, merged, read_texts, write_texts
from directory.index.values import split
from directory.model import Kind
from directory.query import Field

_BLOCK: Final = 5_000  # pairs written together
_GRAM_VALUES: Final = 100_000  # values whose grams are gathered together: more fit into no cache
_LEXICON_APART: Final = 3  # bytes
_GRAM_BITS: Final = 7  # a gram of ASCII letters is a number of 21 bits

Pair = tuple[bytes, bytes]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Spooled:
    """All chunks of a build, with the id of each of their places, and of each id whether it is a mailbox's."""

    folder: Path
    chunks: tuple[Chunk, ...]
    ids: tuple[Numbers, ...]
    mailboxes: Marks


Merge = Callable[[Spooled], dict[str, Path]]
"""Leaves one file of sorted pairs per database that it returns."""


@dataclass(frozen=True, slots=True)
class MergeTerms:
    """One field's terms, its presence, and, where it has them, the grams and beginnings of mailboxes."""

    field: Field

    def __call__(self, spooled: Spooled) -> dict[str, Path]:
        name = f"terms-{self.field}"
        column = merged(name, spooled.chunks, spooled.ids)
        if not column.texts:
            return {}
        prefix = bytes([FIELD_NUMBER[self.field]])
        files = {"terms": _dump(spooled, name, _pairs(prefix, column))}
        present = [(prefix, layout.encode_posting(BitMap(array("I", column.ids.tobytes()))))]
        files["present"] = _dump(spooled, f"present-{self.field}", present)
        if self.field is Field.SN:
            files["beginnings"] = _dump(spooled, "beginnings-surname", beginning_pairs(layout.SURNAME, column))
        if self.field is Field.GIVEN_NAME:
            files["beginnings"] = _dump(spooled, "beginnings-given", given_pairs(column))
        if self.field in GRAM_FIELDS:
            grams = gram_pairs(self.field, _of_some(column, spooled.mailboxes))
            files["grams"] = _dump(spooled, f"grams-{self.field}", grams)
        return files


@dataclass(frozen=True, slots=True)
class MergeWords:
    """One class's words and their beginnings; leaves the distinct words for the lexicon."""

    word_class: str

    def __call__(self, spooled: Spooled) -> dict[str, Path]:
        name = f"words-{self.word_class}"
        column = merged(name, spooled.chunks, spooled.ids)
        write_texts(spooled.folder / f"{name}.distinct", column.texts)
        return {
            "words": _dump(spooled, name, _pairs(bytes([WORD_CLASSES[self.word_class]]), column)),
            "beginnings": _dump(spooled, f"beginnings-{self.word_class}", beginning_pairs(self.word_class, column)),
        }


@dataclass(frozen=True, slots=True)
class MergeLexicon:
    """The other ways to the distinct words of all classes; after `MergeWords` of each."""

    def __call__(self, spooled: Spooled) -> dict[str, Path]:
        words = {
            text.decode()
            for word_class in WORD_CLASSES
            for text in read_texts(spooled.folder / f"words-{word_class}.distinct")
        }
        return {"lexicon": _dump(spooled, "lexicon", lexicon_pairs(words))}


def lexicon_pairs(words: Iterable[str]) -> Iterator[Pair]:
    """The words under each of their keys, in key order. Keys are sorted apart that begin alike: small tables are fast
    ones, and what was written is dropped."""
    alike: dict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
    for word in sorted(words):
        for key in lexicon_keys(word):
            alike[key[:_LEXICON_APART]].append((key, word))
    for beginning in sorted(alike):
        found: dict[bytes, list[str]] = defaultdict(list)
        for key, word in alike.pop(beginning):
            found[key].append(word)
        for key in sorted(found):
            yield key, " ".join(found[key]).encode()


@dataclass(frozen=True, slots=True)
class MergeKinds:
    """The documents of each kind."""

    def __call__(self, spooled: Spooled) -> dict[str, Path]:
        pairs = []
        for kind in Kind:
            ids = merged(f"kinds-{kind}", spooled.chunks, spooled.ids).ids
            if len(ids):
                pairs.append((bytes([KIND_NUMBER[kind]]), layout.encode_posting(BitMap(array("I", ids.tobytes())))))
        return {"kinds": _dump(spooled, "kinds", sorted(pairs))}


@dataclass(frozen=True, slots=True)
class MergeIds:
    """The id of each record."""

    def __call__(self, spooled: Spooled) -> dict[str, Path]:
        column = merged("keys", spooled.chunks, spooled.ids)
        return {"ids": _dump(spooled, "ids", _plain_pairs(b"", column))}


# Words first, which the lexicon needs, and the class with the most of them before the others.
WORDS: Final = tuple(
    MergeWords(word_class) for word_class in ("structure", "name", "identifier", "place", "profession")
)
IN_KEY_ORDER: Final = sorted(WORDS, key=lambda one: WORD_CLASSES[one.word_class])
OTHERS: Final[tuple[Merge, ...]] = (MergeLexicon(), *map(MergeTerms, layout.FIELDS), MergeIds(), MergeKinds())


def run(task: tuple[Merge, Spooled]) -> dict[str, Path]:
    merge, spooled = task
    return merge(spooled)


# -- postings ----------------------------------------------------------------------------------------------------------


def _posting(ids: Numbers) -> bytes:
    if len(ids) == 1:
        return layout.id_key(int(ids[0]))
    return layout.encode_posting(BitMap(array("I", ids.tobytes())))


def _pairs(prefix: bytes, column: Column) -> Iterable[Pair]:
    """Each text's posting, under its key."""
    pairs = _plain_pairs(prefix, column)
    if max(map(len, column.texts), default=0) <= layout.LONGEST_TEXT:
        return pairs
    # Keys that were cut end in a digest, and may stand elsewhere than their texts.
    return sorted((layout.bounded(key), value) for key, value in pairs)


def _plain_pairs(prefix: bytes, column: Column) -> Iterator[Pair]:
    lone = column.ids.astype(">u4").tobytes()  # as `layout.id_key` writes them
    plain = column.ids.tobytes()
    bounds = column.bounds.tolist()
    for text, at, end in zip(column.texts, bounds, bounds[1:], strict=False):
        if end - at == 1:
            yield prefix + text, lone[4 * at : 4 * end]
        else:
            yield prefix + text, layout.encode_posting(BitMap(array("I", plain[4 * at : 4 * end])))


def _of_some(column: Column, some: Marks) -> Column:
    """The part of a column that is about some documents: those whose ids are marked."""
    keep = some[column.ids]
    bounds = np.concatenate(([0], np.cumsum(keep)))[column.bounds]
    texts = [text for text, size in zip(column.texts, np.diff(bounds).tolist(), strict=True) if size]
    return Column(texts, np.append(np.unique(bounds[:-1])[: len(texts)], bounds[-1:]), column.ids[keep])


def beginning_pairs(word_class: str, column: Column) -> list[Pair]:
    """The beginnings of a class's words, or of family names, in key order."""
    found = _beginnings(column, layout.LONGEST_BEGINNING[word_class])
    return sorted((layout.beginning_key(word_class, text.decode()), _posting(ids)) for text, ids in found)


def given_pairs(column: Column) -> list[Pair]:
    """The beginnings of the words of given names, in key order."""
    found: dict[bytes, list[Numbers]] = defaultdict(list)
    for text, (at, end) in zip(column.texts, pairwise(column.bounds.tolist()), strict=True):
        for key in {key for word in split(text.decode()) for key in beginning_keys(layout.GIVEN, word)}:
            found[key].append(column.ids[at:end])
    return sorted((key, _posting(np.concatenate(ids))) for key, ids in found.items())


def _beginnings(column: Column, longest: int) -> Iterator[tuple[bytes, Numbers]]:
    """The beginnings of 1 to `longest` letters, each with the ids of all texts that begin so: these stand together, as
    texts are in order."""
    letters = [text.decode() for text in column.texts]
    for size in range(1, longest + 1):
        row = 0
        for beginning, same in groupby(text[:size] for text in letters):
            first, row = row, row + sum(1 for _ in same)
            if len(beginning) == size:
                yield beginning.encode(), column.ids[column.bounds[first] : column.bounds[row]]


# -- grams -------------------------------------------------------------------------------------------------------------


def gram_pairs(field: Field, column: Column) -> list[Pair]:
    """The grams and anchored beginnings of a field's values (`layout.GRAM_FIELDS`), in key order."""
    number = bytes([FIELD_NUMBER[field]])
    sets = {number + gram: found for gram, found in _gram_sets(column).items()}
    pairs = [(key, layout.encode_posting(found)) for key, found in sets.items()]
    for beginning, ids in _beginnings(column, layout.LONGEST_ANCHORED):
        pairs.append((layout.anchored_key(field, beginning.decode()), _posting(ids)))
    pairs.sort()
    return pairs


def _gram_sets(column: Column) -> dict[bytes, BitMap]:
    """The documents with each infix of 1 to 3 letters."""
    plain = [text.isascii() for text in column.texts]
    sets: dict[bytes, BitMap] = defaultdict(BitMap)
    ascii_rows = np.flatnonzero(plain)
    for first in range(0, len(ascii_rows), _GRAM_VALUES):
        for gram, found in _ascii_gram_sets(column, ascii_rows[first : first + _GRAM_VALUES]):
            sets[gram] |= found
    others: dict[bytes, set[int]] = defaultdict(set)
    for row in np.flatnonzero(np.logical_not(plain)).tolist():
        letters = column.texts[row].decode()
        ids = column.ids[column.bounds[row] : column.bounds[row + 1]].tolist()
        for size in range(1, layout.LONGEST_GRAM + 1):
            for at in range(len(letters) - size + 1):
                others[letters[at : at + size].encode()].update(ids)
    for gram, ids_of in others.items():
        sets[gram] |= BitMap(ids_of)
    return sets


def _ascii_gram_sets(column: Column, rows: Places) -> Iterator[tuple[bytes, BitMap]]:
    """The same for some values of ASCII letters only, which nearly all are: grams as numbers, sorted by counting."""
    texts = [column.texts[row] for row in rows.tolist()]
    letters = np.frombuffer(b"\0".join(texts) + b"\0", dtype=np.uint8).astype(np.uint32)
    row_of = np.repeat(rows.astype(np.uint32), [len(text) + 1 for text in texts])
    sizes = np.diff(column.bounds)
    for size in range(1, layout.LONGEST_GRAM + 1):
        codes, rows_of = _windows(letters, row_of, size)
        if not len(codes):
            break
        grams, order, ends = _counted(codes)
        having = rows_of[order]
        members, where = gathered(column.ids, column.bounds[having], sizes[having])
        for gram, (at, end) in zip(grams.tolist(), pairwise([0, *where[ends - 1].tolist()]), strict=True):
            shifts = range(_GRAM_BITS * (size - 1), -1, -_GRAM_BITS)
            yield bytes((gram >> shift) & 0x7F for shift in shifts), BitMap(array("I", members[at:end].tobytes()))


def _windows(letters: Numbers, row_of: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """Every infix of a size as a number, and the row of the value it is from; those over two values are left out."""
    count = len(letters) - size + 1
    codes: Numbers = np.zeros(max(count, 0), np.uint32)
    inside = np.ones(max(count, 0), bool)
    for at in range(size):
        window = letters[at : at + count]
        codes = np.left_shift(codes, _GRAM_BITS, dtype=np.uint32) | window
        inside &= window != 0
    return codes[inside], row_of[: max(count, 0)][inside]


def _counted(codes: Numbers) -> tuple[Numbers, Places, Numbers]:
    """The distinct codes, an order that brings equal ones together, and where each ends in it. Codes are ranked by a
    table first: NumPy sorts numbers of 16 bits by counting, in linear time."""
    table = np.zeros(1 << (_GRAM_BITS * layout.LONGEST_GRAM), np.uint32)
    table[codes] = 1
    distinct = np.flatnonzero(table)
    table[distinct] = np.arange(len(distinct))
    ranks = table[codes]
    order = np.argsort(ranks.astype(np.uint16) if len(distinct) <= 0xFFFF else ranks, kind="stable")
    return distinct.astype(np.uint32), order, np.cumsum(np.bincount(ranks)).astype(np.uint32)


# -- files -------------------------------------------------------------------------------------------------------------


def _dump(spooled: Spooled, name: str, pairs: Iterable[Pair]) -> Path:
    path = spooled.folder / f"{name}.merged"
    iterator = iter(pairs)
    with path.open("wb") as file:
        while block := list(islice(iterator, _BLOCK)):
            marshal.dump(block, file)
    return path


def load(path: Path) -> Iterator[list[Pair]]:
    """The pairs of a merged file, some thousands at a time; the file is gone afterwards."""
    with path.open("rb") as file:
        while file.peek(1):
            yield marshal.load(file)  # noqa: S302 - our own spool, in a private folder, written a moment ago
    path.unlink()
