"""What it costs to take a typed word for another one: how likely the slip is, as a number to add up.

0 is the word itself. One letter amiss costs about 1, and less where it is a common slip: a letter doubled or not, a key
beside the right one on an AZERTY keyboard, a spelling that sounds the same. The first letter is rarely wrong.
"""

from __future__ import annotations

from typing import Final

from rapidfuzz.distance import OSA

_SAME_SOUND: Final = 0.42  # another spelling of the same sound
_SPELT: Final = 0.26  # more, per letter that is another
_LETTER: Final = 1.05  # one letter amiss: of all the slips that may be, those with few outcomes are the likeliest
_OTHER_KEY: Final = 0.3  # more, when the letter that is wrong or too many is no key beside
_TWO_LETTERS: Final = 2.3
_FEW: Final = {1: 1.0, 2: 1.0, 3: 0.6, 4: 0.2}  # more, when there are few letters
_FIRST: Final = 0.5  # more, when it is the first one
_DOUBLED: Final = -0.3  # a letter doubled, or not
_BESIDE: Final = 0.1  # the key beside, instead or as well
_SWAPPED: Final = 0.0
_ROWS: Final = ("azertyuiop", "qsdfghjklm", "wxcvbn")


def _neighbours() -> frozenset[str]:
    """Pairs of keys that touch on an AZERTY keyboard."""
    keys = {letter: (row, at + row * 0.5) for row, letters in enumerate(_ROWS) for at, letter in enumerate(letters)}
    return frozenset(
        one + other
        for one, (row, at) in keys.items()
        for other, (other_row, other_at) in keys.items()
        if one != other and abs(row - other_row) <= 1 and abs(at - other_at) <= 1
    )


NEIGHBOURS: Final = _neighbours()


def same_sound(typed: str, word: str) -> float:
    """The cost of two words that sound the same."""
    return _SAME_SOUND + _SPELT * min(OSA.distance(typed, word), 5) + _FEW.get(len(typed), 0.0) / 2


def one_letter(typed: str, word: str) -> float:
    """The cost of two words that are one edit apart."""
    at = _common(typed, word)
    cost = _LETTER + _FEW.get(len(typed), 0.0)
    if not at:
        cost += _FIRST
    if len(typed) == len(word):
        if at + 1 < len(word) and typed[at] == word[at + 1] and typed[at + 1] == word[at]:
            return cost + _SWAPPED
        return cost + (_BESIDE if typed[at] + word[at] in NEIGHBOURS else _OTHER_KEY)
    longer = typed if len(typed) > len(word) else word
    if at and longer[at] == longer[at - 1]:
        return cost + _DOUBLED
    return cost if longer is word else cost + _too_many(typed, at)


def _too_many(typed: str, at: int) -> float:
    """More, when a letter was typed that is none of the word: mostly one beside a key that was meant."""
    beside = {typed[at] + other for other in typed[max(at - 1, 0) : at + 2]}
    return _OTHER_KEY if beside.isdisjoint(NEIGHBOURS) else _BESIDE


def two_letters(typed: str, word: str) -> float:
    """The cost of two words that are two edits apart."""
    cost = _TWO_LETTERS + _FEW.get(len(typed), 0.0)
    return cost if typed[0] == word[0] else cost + _FIRST


def cost(typed: str, word: str, most: int = 2) -> float | None:
    """The cost of taking one for the other by their letters; None where more than `most` edits are between them."""
    distance = OSA.distance(typed, word, score_cutoff=most)
    if distance > most:
        return None
    return 0.0 if distance == 0 else one_letter(typed, word) if distance == 1 else two_letters(typed, word)


def cost_of_beginning(typed: str, word: str) -> float | None:
    """The cost of taking what is typed so far for the beginning of a word, with a letter amiss."""
    best: float | None = None
    for size in (len(typed), len(typed) - 1, len(typed) + 1):
        found = cost(typed, word[:size], most=1) if size <= len(word) else None
        if found is not None and (best is None or found < best):
            best = found
    return best


def _common(one: str, other: str) -> int:
    """How many first letters two words share."""
    for at, (letter, same) in enumerate(zip(one, other, strict=False)):
        if letter != same:
            return at
    return min(len(one), len(other))
