"""Folding and edit distance of the benchmark's own: nothing here comes from what is being measured."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LIGATURES: Final = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE"})
_WORD: Final = re.compile(r"[^\W_]+")


def plain(value: str) -> str:
    """Lower-case letters without accents or ligatures; signs and spaces stay."""
    if value.isascii():
        return value.lower()
    decomposed = unicodedata.normalize("NFKD", value.translate(_LIGATURES))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).lower()


def words(value: str) -> tuple[str, ...]:
    """The plain words of a value: hyphens, apostrophes and spaces alike part them."""
    return tuple(_WORD.findall(plain(value)))


def distance(one: str, other: str) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours from one word to another (optimal alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        older, before, row = before, row, [at]
        for column, wanted in enumerate(other, 1):
            cost = min(before[column] + 1, row[-1] + 1, before[column - 1] + (letter != wanted))
            if at > 1 and column > 1 and letter == other[column - 2] and one[at - 2] == wanted:
                cost = min(cost, older[column - 2] + 1)
            row.append(cost)
    return row[-1]
