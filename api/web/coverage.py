"""Who can be reached by mailbox, as the pages show it: shares by place and profession, the map's tiles, the line of the
days before."""

from __future__ import annotations

import bisect
import csv
import functools
import importlib.resources
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from directory import nomenclature
from directory.index.coverage import ALL, Cell, coverage, coverage_of_towns
from directory.index.measured import Measure
from directory.index.reader import Snapshot

_CLASSES: Final = 5
_OUTLIERS: Final = 0.04  # of the départements at either end, which do not stretch the scale of the map


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Some professionals, and how many of them can be reached."""

    code: str
    label: str
    people: int
    reachable: int

    @property
    def percent(self) -> float:
        return 100 * self.reachable / self.people if self.people else 0.0


@dataclass(frozen=True, slots=True)
class Tile:
    """A département's place on the map, and how dark it is."""

    column: int
    row: int
    shade: int
    share: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How the share went over the days, in a square of a hundred by a hundred."""

    points: str
    low: int  # percent, at the bottom
    high: int
    days: tuple[Measure, ...]
    months: tuple[Measure, ...]
    """The last of each month, the latest first."""


def whole(snapshot: Snapshot, *, profession: str = ALL, department: str = ALL) -> Share:
    """All professionals, or those of a profession, of a département, of both."""
    cell = next((one for one in coverage(snapshot) if one[:2] == (profession, department)), Cell(ALL, ALL, 0, 0))
    return _share("", "", cell)


def by_department(snapshot: Snapshot, profession: str = ALL) -> tuple[Share, ...]:
    """Those of each département, also where there are none."""
    cells = {cell.department: cell for cell in coverage(snapshot) if cell.profession == profession}
    nobody = Cell(ALL, ALL, 0, 0)
    labels = nomenclature.codes("departments")
    return tuple(_share(code, label, cells.get(code, nobody)) for code, label in labels.items())


def by_profession(snapshot: Snapshot, department: str = ALL) -> tuple[Share, ...]:
    """Those of each profession that has any, the largest first."""
    cells = [cell for cell in coverage(snapshot) if cell.department == department and cell.profession != ALL]
    cells.sort(key=lambda cell: -cell.professionals)
    return tuple(
        _share(cell.profession, nomenclature.label("professions", cell.profession) or cell.profession, cell)
        for cell in cells
    )


def by_town(snapshot: Snapshot, department: str, profession: str = ALL) -> tuple[Share, ...]:
    """Those of each town of a département, where the most have no mailbox first. `code` is the name's own where the
    register gives that alone. Off the loop: the first time it takes some tenths of a second."""
    shares = [
        Share(
            code=cell.town.code or cell.town.name,
            label=cell.town.name,
            people=cell.professionals,
            reachable=cell.reachable,
        )
        for cell in coverage_of_towns(snapshot, department, profession)
    ]
    return tuple(sorted(shares, key=lambda share: (share.reachable - share.people, share.label)))


def line(measures: Sequence[Measure]) -> Line | None:
    """The line of some days; None where there are not two of them yet."""
    days = tuple(measure for measure in measures if measure.professionals)
    if len(days) < 2:
        return None
    percents = [100 * day.reachable / day.professionals for day in days]
    low, high = math.floor(min(percents)), math.ceil(max(percents))
    high = max(high, low + 1)
    length = (days[-1].day - days[0].day).days
    points = (
        f"{100 * (day.day - days[0].day).days / length:.2f},{100 * (high - percent) / (high - low):.2f}"
        for day, percent in zip(days, percents, strict=True)
    )
    months = {(day.day.year, day.day.month): day for day in days}
    return Line(points=" ".join(points), low=low, high=high, days=days, months=tuple(reversed(months.values())))


def _share(code: str, label: str, cell: Cell) -> Share:
    return Share(code=code, label=label, people=cell.professionals, reachable=cell.reachable)


def classes(shares: Sequence[Share]) -> tuple[int, ...]:
    """Where the classes that the map colours begin, in percent: equal steps between the shares that there are."""
    percents = sorted(share.percent for share in shares if share.people) or [0.0]
    cut = int(len(percents) * _OUTLIERS)
    low, high = math.floor(percents[cut]), math.ceil(percents[-1 - cut])
    step = max(1, math.ceil((high - low) / _CLASSES))
    return tuple(low + step * number for number in range(_CLASSES))


def tiles(shares: Sequence[Share]) -> tuple[Tile, ...]:
    """The map: a tile per département, where it lies, those overseas in a row of their own."""
    places, begins = _places(), classes(shares)
    return tuple(
        Tile(*places[share.code], bisect.bisect_right(begins[1:], share.percent), share)
        for share in shares
        if share.code in places
    )


@functools.cache
def _places() -> Mapping[str, tuple[int, int]]:
    table = importlib.resources.files("api") / "web" / "tiles.csv"
    with table.open(encoding="utf-8") as file:
        return {row["department"]: (int(row["column"]), int(row["row"])) for row in csv.DictReader(file)}
