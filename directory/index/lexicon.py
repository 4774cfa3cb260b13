"""Ways to a word of the index other than its spelling: how it sounds, and itself with a letter or two amiss.

The lexicon holds each distinct word of all documents under keys that depend on the word alone:

* `s` and its sound;
* `d` and the word itself, or with one letter less: two words that are one edit apart share such a key, whichever the
  edit (an insertion, a deletion, a substitution or a swap of neighbours);
* `p`, its length, the number of a third of it and that third: of two words that are two edits apart, one third is
  mostly intact and at most two letters away from where it was.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract_iter

from directory.text import phonetic

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_SHORTEST: Final = 3  # letters of a word that has other ways to it than its spelling
_LONGEST: Final = 40
SHORTEST_TWICE_WRONG: Final = 5  # letters from which on two edits are not just another word
_THIRDS: Final = 3


def lexicon_keys(word: str) -> set[bytes]:
    """The keys a word is found under."""
    if not (_SHORTEST <= len(word) <= _LONGEST and word.isalpha()):
        return set()
    keys = _lesser_keys(word)
    keys.add(_sound_key(word))
    if len(word) >= SHORTEST_TWICE_WRONG:
        keys.update(_third_key(len(word), third, word[at:end]) for third, (at, end) in enumerate(_thirds(len(word))))
    return keys


def sounding_like(snapshot: Snapshot, word: str) -> set[str]:
    """The words that sound like a typed one."""
    if len(word) > _LONGEST:
        return set()
    return _found(snapshot, [_sound_key(word)])


def one_edit_away(snapshot: Snapshot, word: str) -> list[str]:
    """The words at most one edit away from a typed one."""
    if len(word) > _LONGEST + 1:
        return []
    return _within(word, _found(snapshot, map(_lesser_key, _lesser(word))), 1)


def two_edits_away(snapshot: Snapshot, word: str) -> list[str]:
    """The words at most two edits away from a typed one, but for a few whose every third is amiss."""
    if len(word) > _LONGEST + 2:  # its ways are as many as the square of its letters, and none leads anywhere
        return []
    swapped = {_lesser_key(lesser) for other in _swapped(word) for lesser in _lesser(other)}
    return _within(word, _found(snapshot, [*_displaced_thirds(word), *swapped]), 2)


def _within(word: str, candidates: Iterable[str], edits: int) -> list[str]:
    return [found for found, _, _ in extract_iter(word, candidates, scorer=OSA.distance, score_cutoff=edits)]


def _found(snapshot: Snapshot, keys: Iterable[bytes]) -> set[str]:
    found = b" ".join([words for _, words in snapshot.several("lexicon", keys)])
    return set(found.decode().split(" ")) if found else set()


# -- keys --------------------------------------------------------------------------------------------------------------


def _sound_key(word: str) -> bytes:
    return b"s" + phonetic(word).encode()


def _lesser_key(word: str) -> bytes:
    return b"d" + word.encode()


def _lesser_keys(word: str) -> set[bytes]:
    if not word.isascii():
        return {_lesser_key(lesser) for lesser in _lesser(word)}
    whole = _lesser_key(word)
    keys = {whole[:at] + whole[at + 1 :] for at in range(1, len(whole))}
    keys.add(whole)
    return keys


def _third_key(length: int, third: int, letters: str) -> bytes:
    return b"p" + bytes((length, third)) + letters.encode()


def _lesser(word: str) -> set[str]:
    """The word itself, and with each of its letters left out."""
    lesser = {word[:at] + word[at + 1 :] for at in range(len(word))}
    lesser.add(word)
    return lesser


def _swapped(word: str) -> Iterator[str]:
    """The word with two neighbours swapped: a swap over the bound of two thirds leaves neither intact."""
    return (word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1))


@functools.cache
def _thirds(length: int) -> tuple[tuple[int, int], ...]:
    """Where each third of a word of so many letters begins and ends; the last ones are the longer ones."""
    bounds = [length * third // _THIRDS for third in range(_THIRDS + 1)]
    return tuple(pairwise(bounds))


def _displaced_thirds(word: str) -> Iterator[bytes]:
    """The keys of the thirds of all words that two edits may have made `word` of.

    A third that is intact has moved by as many letters as the edits before it added or took, and what stands after it
    by as many as are still missing: with two edits in all this leaves the first and the last third one place each.
    """
    size = len(word)
    for length in range(max(size - 2, SHORTEST_TWICE_WRONG), size + 3):
        longer = size - length
        for third, (at, end) in enumerate(_thirds(length)):
            before, after = third, _THIRDS - 1 - third  # edits that can stand on either side
            first = max(at - before, at + longer - after, 0)
            last = min(at + before, at + longer + after, size - (end - at))
            for place in range(first, last + 1):
                yield _third_key(length, third, word[place : place + end - at])


# -- beginnings --------------------------------------------------------------------------------------------------------

SHORTEST_BEGUN: Final = 4  # letters from which on what is typed so far may be misspelt
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def amiss(typed: str) -> set[str]:
    """What the first letters of a word may be, if one of those typed so far is amiss."""
    found = set()
    for at in range(len(typed)):
        before, after = typed[:at], typed[at + 1 :]
        found.add(before + after)  # one too many
        found.update(before + letter + after for letter in _LETTERS)
        found.update(before + letter + typed[at:] for letter in _LETTERS)  # one missing
        if after:
            found.add(before + after[0] + typed[at] + after[1:])
    return found - {typed}
