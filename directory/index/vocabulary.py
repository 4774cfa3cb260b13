"""The distinct values of a field, or words of a class, side by side in memory: which of them begin with, or contain, a
few letters.

A field of two million documents has some hundred thousand distinct values: a few megabytes, searched in a millisecond
or a few. Three letters stand in thousands of them, all over the index: the postings of each are kept beside, a few
megabytes as well, where looking them up one by one would take longer than all the rest. They are read from the index
when they are first asked for at a revision, and kept as long as it lasts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from directory.index import layout
from directory.index.decoded import NOBODY
from directory.index.layout import FIELD_NUMBER, WORD_CLASSES
from directory.index.small_postings import united
from directory.query import Field

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_END: Final = b"\n"  # no folded value contains it

Places = npt.NDArray[np.int64]
"""Values that were found, by their numbers, in byte order."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Distinct values and their postings."""

    text: bytes
    """The values in byte order, each between line ends."""
    ends: npt.NDArray[np.int64]
    """Where those line ends are."""
    postings: bytes
    """The posting of each value, one after the other."""
    bounds: npt.NDArray[np.int64]
    """Where each begins, and the last one ends."""

    @classmethod
    def of(cls, values: Sequence[bytes], postings: Sequence[bytes]) -> Vocabulary:
        """Some values in byte order, with the posting of each."""
        text = _END + _END.join(values) + _END if values else b""
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == _END[0])
        bounds = np.cumsum([0, *map(len, postings)], dtype=np.int64)
        return Vocabulary(text, ends, b"".join(postings), bounds)

    @classmethod
    def of_field(cls, snapshot: Snapshot, field: Field) -> Vocabulary:
        return _kept(snapshot, "terms", bytes([FIELD_NUMBER[field]]))

    @classmethod
    def of_words(cls, snapshot: Snapshot, word_class: str) -> Vocabulary:
        return _kept(snapshot, "words", bytes([WORD_CLASSES[word_class]]))

    def holding(self, initial: bytes, middle: Sequence[bytes], final: bytes) -> Places:
        """The values that are initial*middle*…*final, found by the longest of their pieces and what follows it."""
        if not middle and not final:
            return self.beginning(initial)
        pieces = [*middle, final + _END] if final else list(middle)
        rarest = max(range(len(pieces)), key=lambda at: len(pieces[at]))
        wanted = pieces[rarest:]
        found = self._with(wanted[0]) if len(wanted) == 1 else self._matching(wanted)
        if not initial and rarest == 0:
            return found
        fitting = [place for place in found.tolist() if matches_parts(self.value(place), initial, middle, final)]
        return np.array(fitting, dtype=np.int64)

    def beginning(self, part: bytes) -> Places:
        """The values that begin so."""
        return self._with(_END + part)

    def containing(self, part: bytes) -> Places:
        """The values that contain it."""
        return self._with(part)

    def starting(self, part: bytes) -> Places:
        """The values that begin so, or go on so where a word begins."""
        return self._with(part, at_words=True)

    def value(self, place: int) -> bytes:
        return self.text[self.ends[place] + 1 : self.ends[place + 1]]

    def documents(self, found: Places) -> BitMap:
        """The documents with one of some values."""
        return united(self.postings, self.bounds[found], self.bounds[found + 1]) if len(found) else NOBODY

    def _matching(self, pieces: Sequence[bytes]) -> Places:
        """The values in which some pieces are found one behind the other; the last one may hold the line's end."""
        pattern = re.compile(b"[^\n]*?".join(map(re.escape, pieces)))
        return self._holding(np.array([found.start() for found in pattern.finditer(self.text)], dtype=np.int64))

    def _with(self, part: bytes, *, at_words: bool = False) -> Places:
        """In passes over the whole text: that takes half as long as to go from one value to the next."""
        octets = np.frombuffer(self.text, np.uint8)
        last = max(0, len(octets) - len(part) + 1)
        begun = octets[:last] == part[0]
        if len(part) > 1:
            begun &= octets[1 : last + 1] == part[1]
        at = np.flatnonzero(begun)
        for further in range(2, len(part)):
            at = at[octets[at + further] == part[further]]
        if at_words:
            at = at[~_IN_WORD[octets[at - 1]]]
        return self._holding(at)

    def _holding(self, at: npt.NDArray[np.int64]) -> Places:
        """The values in which some places of the text lie, or at whose beginning line ends do."""
        found: Places = np.searchsorted(self.ends, at, side="right") - 1
        return found[np.flatnonzero(np.diff(found, prepend=-1))]


def matches_parts(value: bytes, initial: bytes, middle: Sequence[bytes], final: bytes) -> bool:
    """Whether a folded value is initial*middle*…*final, the parts in order and without overlap."""
    if not value.startswith(initial):
        return False
    at, end = len(initial), len(value) - len(final)
    if end < at or not value.endswith(final):
        return False
    for part in middle:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def begins_word(value: bytes, part: bytes) -> bool:
    """Whether a folded value begins so, or goes on so where a word begins."""
    at = value.find(part)
    while at > 0 and _in_word(value[at - 1]):
        at = value.find(part, at + 1)
    return at >= 0


def _in_word(byte: int) -> bool:
    """Whether a byte belongs to a letter or digit: beyond ASCII, folding leaves hardly anything else."""
    return byte >= 0x80 or 0x61 <= byte <= 0x7A or 0x30 <= byte <= 0x39


_IN_WORD: Final = np.array([_in_word(byte) for byte in range(256)])


def _kept(snapshot: Snapshot, database: str, prefix: bytes) -> Vocabulary:
    key = ("vocabulary", database, prefix)
    found: Vocabulary | None = snapshot.kept.get(key)
    if found is None:
        values: list[bytes] = []
        postings: list[bytes] = []  # copies: a view of each would be looked through for garbage again and again
        for name, posting in snapshot.scan(database, prefix):
            if not layout.is_cut(name):
                values.append(name[1:])
                postings.append(bytes(posting))
        found = snapshot.kept[key] = Vocabulary.of(values, postings)
    return found
