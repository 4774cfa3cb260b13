"""Digests of rows and of the records they make: stable, independent of line order, exact duplicates counted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl
import xxhash

VERSION: Final = 1
"""Mixed into every digest: raise it when a rule that derives stored values from the same columns changes."""

_COMPACT_ROWS: Final = 400_000  # accumulated variants that are worth compacting
_HALF: Final = 0xFFFF_FFFF
_HIGH, _LOW = 2 * VERSION, 2 * VERSION + 1


def row_digests(frame: pl.DataFrame, columns: Sequence[str]) -> tuple[pl.Series, pl.Series]:
    """Two 64-bit xxh3 values (as Int64) of each row's columns, joined by a character no field contains."""
    joined = frame.select(pl.concat_str(columns, separator="\x1f").cast(pl.Binary)).to_series().to_list()
    xxh3 = xxhash.xxh3_64_intdigest
    high = pl.Series("high", [xxh3(row, _HIGH) for row in joined], dtype=pl.UInt64).reinterpret(signed=True)
    low = pl.Series("low", [xxh3(row, _LOW) for row in joined], dtype=pl.UInt64).reinterpret(signed=True)
    return high, low


def summed(frame: pl.DataFrame) -> pl.DataFrame:
    """key, raw: digests added up per key. A sum, unlike an exclusive or, tells two equal lines from none; it is taken
    in halves, so that it does not hang on how a library overflows."""
    halves = frame.group_by("key").agg(high=(pl.col("raw") // 2**32).sum(), low=(pl.col("raw") & _HALF).sum())
    # Of the low halves' sum what is above 32 bits carries into the high ones, and past them is lost, as it should be.
    carried = ((pl.col("high") + pl.col("low") // 2**32) & _HALF) * 2**32 + (pl.col("low") & _HALF)
    return halves.select("key", raw=carried.reinterpret(signed=True))


@dataclass(slots=True)
class Digests:
    """Sums up the rows of each key; all rows of a key come in one batch."""

    _parts: list[pl.DataFrame] = field(default_factory=list)

    def add(self, keys: pl.Series, high: pl.Series, low: pl.Series, raw: pl.Series | None = None) -> None:
        """Rows with their digests, and those of the bytes of their lines."""
        rows = pl.DataFrame({"key": keys, "high": high, "low": low})
        found = rows.unique().group_by("key").agg(pl.col("high").bitwise_xor(), pl.col("low").bitwise_xor())
        if raw is None:
            self._parts.append(found.with_columns(raw=pl.lit(None, pl.Int64)))
        else:
            self._parts.append(found.join(summed(pl.DataFrame({"key": keys, "raw": raw})), on="key"))

    def per_key(self) -> pl.DataFrame:
        """One row per key: key, high, low, where the distinct rows' digests are combined by exclusive or, and raw."""
        schema = {"key": pl.String(), "high": pl.Int64(), "low": pl.Int64(), "raw": pl.Int64()}
        return pl.concat([pl.DataFrame(schema=schema), *self._parts], rechunk=True)


@dataclass(slots=True)
class Election:
    """Chooses, per key, the variant that most rows bear; of equals the one with the greatest digest.

    The lines of one structure do not always agree; what the register says of it must not depend on their order.
    """

    _parts: list[pl.DataFrame] = field(default_factory=list)
    _pending: int = 0

    def add(self, variants: pl.DataFrame) -> None:
        """Variants of a batch: key, high, low, the number of rows `votes` that bear each, and the `line` of one."""
        self._parts.append(variants)
        self._pending += variants.height
        if self._pending > _COMPACT_ROWS:
            self._compact()

    def elected(self) -> pl.DataFrame:
        """One row per key: key, high, low of its variant and a line that bears it."""
        ranked = self._compact().sort("votes", "high", "low", descending=True)
        return ranked.unique("key", keep="first", maintain_order=True).select("key", "high", "low", "line")

    def _compact(self) -> pl.DataFrame:
        if not self._parts:
            whole = pl.Int64()
            return pl.DataFrame(
                schema={"key": pl.String(), "high": whole, "low": whole, "votes": pl.UInt32(), "line": whole}
            )
        if len(self._parts) > 1:
            summed = pl.concat(self._parts).group_by("key", "high", "low")
            self._parts = [summed.agg(pl.col("votes").sum(), pl.col("line").min())]
            self._pending = 0
        return self._parts[0]
