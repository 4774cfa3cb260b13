"""A published table: what it says in Markdown, and what its plot shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """One set of marks of a plot, one value per row; None where there is nothing to show."""

    name: str
    values: Sequence[float | None]
    labels: Sequence[str] = ()  # beside the marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A dot plot: a row per category, a mark per series, and what has to be reached.

    `bars` are marks of their own in each row; `line` is one value for all rows.
    """

    title: str
    axis: str
    categories: Sequence[str]
    series: Sequence[Series]
    bars: Series | None = None
    line: tuple[float, str] | None = None
    logarithmic: bool = False
    from_zero: bool = True  # the axis, where it is not logarithmic


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its plot. Columns whose name ends with `:` are numbers and stand to the right."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    chart: Chart
    notes: Sequence[str] = ()


def markdown(table: Table, *, folder: str = "") -> str:
    """Heading, notes, rows and the plot, which lies in `folder` as seen from the page."""
    names = [column.removesuffix(":") for column in table.columns]
    rules = ["---:" if column.endswith(":") else "---" for column in table.columns]
    lines = [f"## {table.title}", "", *(line for note in table.notes for line in (note, ""))]
    lines += (_row(cells) for cells in (names, rules, *table.rows))
    plot = f"{folder}/{table.name}.svg" if folder else f"{table.name}.svg"
    return "\n".join([*lines, "", f"![{table.chart.title}]({plot})", ""])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
