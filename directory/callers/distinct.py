"""How many different things have been marked, in a few bytes each: linear counting in a bitmap.

A thing sets the one bit that its hash chooses; how many different ones there were follows from how many bits are set
(Whang and others, 1990). With 8,192 bits the count is off by 1 to 2 percent up to 20,000 things. For more, only a share
of them is marked, chosen by the hash as well, and counted so many times.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from xxhash import xxh32_intdigest


class Distinct:
    """The arithmetic of a bitmap of 2 to the power of `bits` bits that is to count up to about `most` things."""

    __slots__ = ("_counts", "_mask", "_scale_mask", "_shift", "bytes")

    def __init__(self, bits: int, most: int) -> None:
        size = 1 << bits
        self.bytes = size // 8
        self._mask = size - 1
        self._shift = bits
        # One of 2, 4, 8 … things is marked when `most` would fill the bitmap more than twice over.
        spread = max(0, math.ceil(math.log2(max(1, most) / (2 * size))))
        self._scale_mask = (1 << spread) - 1
        self._counts = [round((1 << spread) * _linear(size, marked)) for marked in range(size + 1)]

    def places(self, things: Iterable[bytes]) -> list[int]:
        """The bits of some things; things that are not among those marked have none."""
        mask, shift, scale_mask = self._mask, self._shift, self._scale_mask
        return [hashed & mask for thing in things if not ((hashed := xxh32_intdigest(thing)) >> shift) & scale_mask]

    def places_of_numbers(self, numbers: Iterable[int]) -> list[int]:
        """The bits of things that have a number below 2 to the power of 32, found with arithmetic alone: each entry
        that is sent comes by here."""
        mask, shift, scale_mask = self._mask, self._shift, self._scale_mask
        return [hashed & mask for number in numbers if not ((hashed := _mixed(number)) >> shift) & scale_mask]

    def count(self, bitmap: bytes) -> int:
        """How many different things have been marked."""
        return self._counts[int.from_bytes(bitmap, "little").bit_count()]


def _mixed(number: int) -> int:
    """A hash of 32 bits that scatters numbers in sequence as it does any others.

    Multiplying alone would spread a sequence more evenly than chance does, which linear counting takes for many more.
    The factor keeps every product below 2 to the power of 59: no integer is ever a long one.
    """
    number = (number >> 16 ^ number) * 0x45D9F3B & 0xFFFFFFFF
    number = (number >> 16 ^ number) * 0x45D9F3B & 0xFFFFFFFF
    return number >> 16 ^ number


def _linear(size: int, marked: int) -> float:
    """The number of different things that set so many of so many bits; a full bitmap counts as one with a bit left."""
    return -size * math.log(max(1, size - marked) / size)
