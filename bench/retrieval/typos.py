"""What goes wrong at the keyboard: one error in one word, drawn by a seeded dice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from string import ascii_lowercase
from typing import Final

from bench.retrieval.letters import distance

_ROWS: Final = ("azertyuiop", "qsdfghjklm", "wxcvbn")
_FIRST_LETTER: Final = 0.05  # share of errors that hit the first letter, which is rarely wrong
_TRIES: Final = 50


def _neighbours() -> dict[str, str]:
    """The letters around each letter of an AZERTY keyboard; a row stands half a key to the right of the one above."""
    near: dict[str, set[str]] = {letter: set() for letter in ascii_lowercase}
    for number, row in enumerate(_ROWS):
        for at, letter in enumerate(row):
            near[letter].update(row[max(0, at - 1) : at + 2])
            below = _ROWS[number + 1] if number + 1 < len(_ROWS) else ""
            for other in below[max(0, at - 1) : at + 1]:
                near[letter].add(other)
                near[other].add(letter)
    return {letter: "".join(sorted(others - {letter})) for letter, others in near.items()}


AZERTY: Final[Mapping[str, str]] = _neighbours()


def insertion(dice: Random, word: str) -> str:
    """A letter too many: mostly one beside the key that was meant, never one doubled."""
    at = _place(dice, len(word))
    near = AZERTY.get(word[at], ascii_lowercase) if dice.random() < 0.7 else ascii_lowercase
    letter = dice.choice([other for other in near if other not in word[max(0, at - 1) : at + 1]])
    return word[:at] + letter + word[at:]


def deletion(dice: Random, word: str) -> str:
    at = _place(dice, len(word))
    return word[:at] + word[at + 1 :]


def substitution(dice: Random, word: str) -> str:
    """The key beside the one that was meant."""
    at = _place(dice, len(word))
    return word[:at] + dice.choice(AZERTY.get(word[at], ascii_lowercase)) + word[at + 1 :]


def transposition(dice: Random, word: str) -> str:
    at = _place(dice, len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def doubling(dice: Random, word: str) -> str:
    at = _place(dice, len(word))
    return word[: at + 1] + word[at:]


TYPOS: Final[Mapping[str, Callable[[Random, str], str]]] = {
    "insertion": insertion,
    "deletion": deletion,
    "substitution": substitution,
    "transposition": transposition,
    "doubled letter": doubling,
}


def typo(dice: Random, word: str, kind: str | None = None) -> str | None:
    """The word with one error, of the kind or of any; None where the dice found none that shows."""
    for _ in range(_TRIES):
        wrong = TYPOS[kind or dice.choice(list(TYPOS))](dice, word)
        if distance(word, wrong) == 1:
            return wrong
    return None


def two_typos(dice: Random, word: str) -> str | None:
    """The word with two errors that do not undo one another."""
    for _ in range(_TRIES):
        once = typo(dice, word)
        twice = once and typo(dice, once)
        if twice and distance(word, twice) == 2:
            return twice
    return None


def _place(dice: Random, length: int) -> int:
    return 0 if length < 2 or dice.random() < _FIRST_LETTER else dice.randrange(1, length)
