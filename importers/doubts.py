"""What looks wrong in lines that are kept all the same: identifiers that fail their check, or contradict each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from importers.extract import Batch

_SAMPLE: Final = 3


@dataclass(slots=True)
class Doubts:
    """Gathers doubtful identifiers over the lines that an import reads: those that are new or differ."""

    _failing: dict[str, set[str]] = field(default_factory=dict)
    _torn: dict[str, tuple[int, int]] = field(default_factory=dict)  # per file: the first such line, how many

    def note(self, batch: Batch) -> None:
        frame = batch.frame
        torn = frame.filter(pl.col("national_id") != pl.col("identifier_type") + pl.col("identifier"))["line"]
        if torn.len():
            first, number = self._torn.get(batch.file, (int(torn[0]), 0))
            self._torn[batch.file] = (first, number + torn.len())
        self._check("RPPS", frame.filter(pl.col("identifier_type") == "8")["identifier"], "^10[0-9]{9}$")
        for name in ("finess", "legal_entity_finess"):
            if name in frame.columns:
                # Corsican numbers have a letter, and no check digit.
                numbers = frame.filter((pl.col(name) != "") & ~pl.col(name).str.contains("^2[AB][0-9]{7}$"))[name]
                self._check("FINESS", numbers, "^[0-9]{9}$")

    def _check(self, name: str, numbers: pl.Series, shape: str) -> None:
        numbers = numbers.unique()
        shaped = numbers.str.contains(shape)
        failing = [*numbers.filter(~shaped), *_failing_luhn(numbers.filter(shaped))]
        if failing:
            self._failing.setdefault(name, set()).update(failing)

    def warnings(self) -> list[str]:
        torn = [
            f"{file}: line {line}: the national identifier is not type and identifier together ({number} such lines)"
            for file, (line, number) in self._torn.items()
        ]
        return torn + [
            f"{len(numbers)} {name} numbers of new or changed lines fail their check, kept as they are: "
            + ", ".join(sorted(numbers)[:_SAMPLE])
            for name, numbers in sorted(self._failing.items())
        ]


def _failing_luhn(numbers: pl.Series) -> list[str]:
    """Of numbers of equal length those that fail the Luhn check."""
    if not numbers.len():
        return []
    digits = np.frombuffer("".join(numbers).encode(), dtype=np.uint8).reshape(numbers.len(), -1) - 48
    doubled = digits[:, -2::-2] * 2
    total = digits[:, ::-2].sum(axis=1) + (doubled - 9 * (doubled > 9)).sum(axis=1)
    return numbers.filter(pl.Series(total % 10 != 0)).to_list()
