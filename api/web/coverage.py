"""Who can be reached by mailbox, as the pages show it: shares by département and profession, and the map's tiles."""

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
from directory.index.coverage import ALL, Cell, coverage
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
