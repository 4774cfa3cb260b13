"""Reproducible randomness per entity: the same person has the same name whatever else the country holds."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, Generic, TypeVar

import xxhash

T = TypeVar("T")

_MASK: Final = (1 << 64) - 1


class Dice:
    """A stream of numbers that depends only on what it was made from (SplitMix64)."""

    __slots__ = ("_state",)

    def __init__(self, *seeds: object) -> None:
        self._state = xxhash.xxh3_64_intdigest("\x1f".join(map(str, seeds)).encode())

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return (state ^ (state >> 31)) % limit

    def share(self) -> float:
        """A number in [0, 1)."""
        return self.below(1 << 53) / (1 << 53)

    def chance(self, probability: float) -> bool:
        return self.share() < probability

    def of(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]


class Weighted(Generic[T]):
    """Choices with weights."""

    def __init__(self, weights: Sequence[tuple[T, float]]) -> None:
        self._choices = [choice for choice, _ in weights]
        self._sums = list(accumulate(weight for _, weight in weights))

    def draw(self, dice: Dice) -> T:
        return self._choices[bisect(self._sums, dice.share() * self._sums[-1], 0, len(self._sums) - 1)]
