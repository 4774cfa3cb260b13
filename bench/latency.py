"""What is said about a series of latencies: percentiles by nearest rank, medians of runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of values in ascending order: a value that was seen, never one in between.

    Raises:
        ValueError: there is no value, or `share` is not in (0, 1].
    """
    if not ordered or not 0 < share <= 1:
        raise ValueError("a percentile needs values and a share in (0, 1]")
    return ordered[math.ceil(share * len(ordered)) - 1]


def median(values: Iterable[float]) -> float:
    """The middle value; of an even number the mean of the two in the middle."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("a median needs values")
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """A series in milliseconds, summed up."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self:
        ordered = sorted(value * 1000 for value in seconds)
        return cls(
            count=len(ordered),
            p50_ms=round(percentile(ordered, 0.50), 3),
            p95_ms=round(percentile(ordered, 0.95), 3),
            p99_ms=round(percentile(ordered, 0.99), 3),
            max_ms=round(ordered[-1], 3),
        )

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}
