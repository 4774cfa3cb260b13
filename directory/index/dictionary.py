"""The dictionary of a snapshot's distinct words, kept per process for finding words within a typo or two.

It is read again when the register has moved on and the copy is a minute old: exact and prefix matches never depend on
it, so a name that is new tonight is found at once when it is typed right.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract_iter

from directory.index.layout import WORD_CLASSES

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_FRESH_S: Final = 60.0
_MEMORY: Final = "dictionary"


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Words by class, first letter and length; and by what follows their first letter."""

    revision: int
    read_at: float
    buckets: dict[tuple[str, str, int], list[str]]
    tails: dict[tuple[str, str], list[str]]

    def within(self, word_class: str, word: str, edits: int) -> Iterator[tuple[str, int]]:
        """The words at most `edits` insertions, deletions, substitutions or swaps away, with their distance.

        The first letter is rarely wrong, and then it is mostly the only thing that is: it is taken as typed, as one
        too many, as swapped with the second, or, with nothing else amiss, as another or as missing.
        """
        for tail in (word, word[1:]):
            for found in self.tails.get((word_class, tail), ()):
                if found[0] not in word[:2]:
                    yield found, 1
        firsts = dict.fromkeys((word[0], word[1]))
        for first in firsts:
            for length in range(max(1, len(word) - edits), len(word) + edits + 1):
                bucket = self.buckets.get((word_class, first, length))
                if bucket:
                    for found, distance, _ in extract_iter(word, bucket, scorer=OSA.distance, score_cutoff=edits):
                        yield found, int(distance)


def dictionary(snapshot: Snapshot) -> Dictionary:
    """The dictionary for a snapshot, at most a minute behind it."""
    known: Dictionary | None = snapshot.memory.get(_MEMORY)
    now = time.monotonic()
    if known is not None and (known.revision == snapshot.state.revision or now - known.read_at < _FRESH_S):
        return known
    made = _read(snapshot, now)
    snapshot.memory[_MEMORY] = made
    return made


def _read(snapshot: Snapshot, now: float) -> Dictionary:
    buckets: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    tails: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, number in WORD_CLASSES.items():
        if name == "identifier":
            continue  # numbers and addresses are typed whole or in part, not misspelt
        for key, _ in snapshot.scan("words", bytes([number])):
            word = key[1:].decode(errors="ignore")
            if word.isalpha() and len(word) > 2:
                buckets[name, word[0], len(word)].append(word)
                tails[name, word[1:]].append(word)
    return Dictionary(snapshot.state.revision, now, dict(buckets), dict(tails))
