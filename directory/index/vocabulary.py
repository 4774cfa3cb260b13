"""The distinct values of a field, or words of a class, side by side in memory: which of them begin with, or contain, a
few letters.

A field of two million documents has some hundred thousand distinct values: a few megabytes, searched in a millisecond.
They are read from the index when they are first asked for at a revision, and kept as long as it lasts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory.index import layout
from directory.index.decoded import NOBODY
from directory.index.layout import FIELD_NUMBER, WORD_CLASSES
from directory.query import Field

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_END: Final = b"\n"  # no folded value contains it
_AT_ONCE: Final = 4096  # postings read together


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Distinct values in byte order, each between line ends; `prefix` is what their keys in `database` begin with."""

    database: str
    prefix: bytes
    text: bytes

    @classmethod
    def of_field(cls, snapshot: Snapshot, field: Field) -> Vocabulary:
        return _kept(snapshot, "terms", bytes([FIELD_NUMBER[field]]))

    @classmethod
    def of_words(cls, snapshot: Snapshot, word_class: str) -> Vocabulary:
        return _kept(snapshot, "words", bytes([WORD_CLASSES[word_class]]))

    def holding(self, initial: bytes, middle: Sequence[bytes], final: bytes) -> set[bytes]:
        """The values that are initial*middle*…*final, found by the longest of their pieces and what follows it."""
        if not middle and not final:
            return self.beginning(initial)
        pieces = [*middle, final + _END] if final else list(middle)
        rarest = max(range(len(pieces)), key=lambda at: len(pieces[at]))
        wanted = pieces[rarest:]
        # One piece alone is found a third sooner without a pattern.
        lines = self._lines(wanted[0]) if len(wanted) == 1 else self._matching(wanted)
        found = set(lines)
        if not initial and rarest == 0:
            return found
        return {value for value in found if matches_parts(value, initial, middle, final)}

    def beginning(self, part: bytes) -> set[bytes]:
        """The values that begin so."""
        return set(self._lines(_END + part))

    def containing(self, part: bytes) -> set[bytes]:
        """The values that contain it."""
        return set(self._lines(part))

    def starting(self, part: bytes) -> set[bytes]:
        """The values that begin so, or go on so where a word begins."""
        return set(self._lines(part, at_words=True))

    def documents(self, snapshot: Snapshot, values: Iterable[bytes]) -> BitMap:
        """The documents with one of some values."""
        keys = sorted(self.prefix + value for value in values)
        lone: list[int] = []
        several: list[BitMap] = []
        for start in range(0, len(keys), _AT_ONCE):
            for key, value in snapshot.several(self.database, keys[start : start + _AT_ONCE]):
                if len(value) == 4:
                    lone.append(layout.id_of(value))
                else:
                    several.append(snapshot.decoded(self.database, bytes(key), value))
        found = BitMap(lone)
        return BitMap.union(found, *several) if several else found or NOBODY

    def _matching(self, pieces: Sequence[bytes]) -> Iterator[bytes]:
        """The lines in which some pieces are found one behind the other; the last one may hold the line's end."""
        text, search = self.text, re.compile(b"[^\n]*?".join(map(re.escape, pieces))).search
        found = search(text)
        while found:
            begin = text.rfind(_END, 0, found.start() + 1) + 1
            end = text.find(_END, max(begin, found.end() - 1))
            yield text[begin:end]
            found = search(text, end)

    def _lines(self, part: bytes, *, at_words: bool = False) -> Iterator[bytes]:
        text, find = self.text, self.text.find
        at = find(part)
        while at >= 0:
            begin = text.rfind(_END, 0, at + 1) + 1
            if at_words and at > begin and _in_word(text[at - 1]):
                at = find(part, at + 1)
                continue
            end = find(_END, at + 1)
            yield text[begin:end]
            at = find(part, end)


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


def _kept(snapshot: Snapshot, database: str, prefix: bytes) -> Vocabulary:
    key = ("vocabulary", database, prefix)
    found: Vocabulary | None = snapshot.kept.get(key)
    if found is None:
        values = [name[1:] for name in snapshot.keys(database, prefix) if not layout.is_cut(name)]
        text = _END + _END.join(values) + _END if values else b""
        found = snapshot.kept[key] = Vocabulary(database, prefix, text)
    return found
