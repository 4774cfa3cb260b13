"""What coverage was on the days before: counts that a node keeps beside its index, one small file a day.

The index holds the present only. So the follower notes what is covered at each revision, under the day of the data: the
last revision of a day stands for it. Every day of a year and some is kept, and before that the first one of
each month, for ten years. A new node begins with today; the folder may be copied from another one.
"""

from __future__ import annotations

import datetime as dt
import functools
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from directory.files import put_in_place
from directory.index.coverage import cells

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

FOLDER: Final = "coverage"
_DAILY: Final = 400  # days that are kept each
_LONGEST: Final = 3653  # days after which nothing is kept


class Measure(NamedTuple):
    """What was counted of a profession and a département on a day."""

    day: dt.date
    professionals: int
    reachable: int


def undisturbed() -> bool:
    return False


def note(path: Path, snapshot: Snapshot, disturbed: Callable[[], bool] = undisturbed) -> bool:
    """Note what is covered now, for the index in a folder; False when it broke off because it was disturbed."""
    counts: defaultdict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for cell in cells(snapshot):
        if disturbed():
            return False
        counts[cell.profession][cell.department] = cell.professionals, cell.reachable
    file = _file(path, _day(snapshot))
    file.parent.mkdir(parents=True, exist_ok=True)
    put_in_place(file, zlib.compress(orjson.dumps(counts)))
    held = _days(path)
    for day in set(held) - kept(held):
        _file(path, day).unlink(missing_ok=True)
    return True


def kept(days: Sequence[dt.date]) -> set[dt.date]:
    """Those of some days, in order, that are not thinned out."""
    if not days:
        return set()
    first_of_month: dict[tuple[int, int], dt.date] = {}
    for day in days:
        first_of_month.setdefault((day.year, day.month), day)
    ages = {day: (days[-1] - day).days for day in days}
    monthly = {day for day in first_of_month.values() if ages[day] < _LONGEST}
    return monthly | {day for day in days if ages[day] < _DAILY}


def read(path: Path, profession: str, department: str) -> Sequence[Measure]:
    """What was counted of a profession (or `ALL`) and a département (or `ALL`), the latest last."""
    found = []
    for day in _days(path):
        file = _file(path, day)
        try:
            counts = _read(file, file.stat().st_mtime_ns, profession, department)
        except (OSError, ValueError, zlib.error):
            continue  # thinned out just now, or damaged: a day less
        found.append(Measure(day, *counts))
    return found


@functools.lru_cache(maxsize=20_000)
def _read(file: Path, _stamp: int, profession: str, department: str) -> tuple[int, int]:
    counts = orjson.loads(zlib.decompress(file.read_bytes()))
    professionals, reachable = counts.get(profession, {}).get(department, (0, 0))
    return professionals, reachable


def _day(snapshot: Snapshot) -> dt.date:
    state = snapshot.state
    return (state.as_of or state.committed_at or dt.datetime.now(dt.UTC)).date()


def _days(path: Path) -> list[dt.date]:
    return sorted(dt.date.fromisoformat(file.stem) for file in (path / FOLDER).glob("????-??-??.counts"))


def _file(path: Path, day: dt.date) -> Path:
    return path / FOLDER / f"{day.isoformat()}.counts"
