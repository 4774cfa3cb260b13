"""How many professionals can be reached by mailbox: counts over the index's sets, by profession and département.

A person with two professions, or with places of work in two départements, counts in each of them, and once in a total.
Somebody is reachable whose record has a mailbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from pyroaring import BitMap

from directory.index import layout, sets
from directory.model import Kind
from directory.query import Field

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_PLACE: Final = "coverage"
ALL: Final = ""
"""Stands for every profession, or every département, in a cell that is a total."""


class Cell(NamedTuple):
    """How many professionals of a profession work in a département, and how many of them can be reached."""

    profession: str
    department: str
    professionals: int
    reachable: int


def coverage(snapshot: Snapshot) -> Sequence[Cell]:
    """Every cell that is not empty, totals (`ALL`) among them, in the order of codes; kept for as long as the revision
    is the same. The first time it takes a tenth of a second at national scale."""
    found: Sequence[Cell] | None = snapshot.kept.get(_PLACE)
    if found is None:
        found = snapshot.kept[_PLACE] = tuple(_cells(snapshot))
    return found


def _cells(snapshot: Snapshot) -> Iterator[Cell]:
    everybody = sets.of_kinds(snapshot, (Kind.PRACTITIONER,))
    reachable = everybody & sets.present(snapshot, Field.MAIL)
    departments = [(code, everybody & of) for code, of in _values(snapshot, Field.DEPARTMENT_CODE)]
    yield from _row(ALL, everybody, reachable, departments)
    for profession, bearers in _values(snapshot, Field.PROFESSION):
        of = bearers & everybody
        yield from _row(profession, of, of & reachable, departments)


def _row(profession: str, of: BitMap, reachable: BitMap, departments: Sequence[tuple[str, BitMap]]) -> Iterator[Cell]:
    for department, within in [(ALL, of), *departments]:
        count = of.intersection_cardinality(within)
        if count:
            yield Cell(profession, department, count, reachable.intersection_cardinality(within))


def _values(snapshot: Snapshot, field: Field) -> Iterator[tuple[str, BitMap]]:
    """The distinct codes of a field, each with its documents."""
    for key, value in snapshot.scan("terms", layout.value_beginning(field, "")):
        yield key[1:].decode().upper(), snapshot.decoded("terms", key, value)
