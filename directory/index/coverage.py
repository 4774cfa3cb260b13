"""How many professionals can be reached by mailbox: counts over the index's sets, by profession and place.

A person with two professions, or with places of work in two places, counts in each of them, and once in a total.
Somebody is reachable whose record has a mailbox.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from pyroaring import BitMap

from directory.index import layout, sets
from directory.index.found import Found, matching
from directory.index.values import fold
from directory.model import Kind
from directory.query import Field, Predicate

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_PLACE: Final = "coverage"
_SEVERAL: Final = "coverage: several departments"
_TOWNS: Final = "coverage: towns"
_LOOKED_AT: Final = 5  # records that are read for the name of a town
ALL: Final = ""
"""Stands for every profession, or every département, in a cell that is a total."""


class Cell(NamedTuple):
    """How many professionals of a profession work in a département, and how many of them can be reached."""

    profession: str
    department: str
    professionals: int
    reachable: int


class Town(NamedTuple):
    """A commune of a département with the professionals who work there. `code` is the INSEE code; empty where the
    register gives the town's name alone."""

    code: str
    name: str
    people: BitMap


class TownCell(NamedTuple):
    """How many professionals of a profession work in a town, and how many of them can be reached."""

    profession: str
    town: Town
    professionals: int
    reachable: int


def coverage(snapshot: Snapshot) -> Sequence[Cell]:
    """Every cell that is not empty, totals (`ALL`) among them, in the order of codes; kept for as long as the revision
    is the same. The first time it takes a tenth of a second at national scale."""
    found: Sequence[Cell] | None = snapshot.kept.get(_PLACE)
    if found is None:
        found = snapshot.kept[_PLACE] = tuple(cells(snapshot))
    return found


def cells(snapshot: Snapshot) -> Iterator[Cell]:
    """The same, one cell after the other as it is counted."""
    everybody = sets.of_kinds(snapshot, (Kind.PRACTITIONER,))
    reachable = everybody & sets.present(snapshot, Field.MAIL)
    departments = [(code.upper(), everybody & of) for code, of in _values(snapshot, Field.DEPARTMENT_CODE)]
    yield from _row(ALL, everybody, reachable, departments)
    for profession, bearers in _values(snapshot, Field.PROFESSION):
        of = bearers & everybody
        yield from _row(profession.upper(), of, of & reachable, departments)


def coverage_of_towns(snapshot: Snapshot, department: str, profession: str | None = None) -> Iterator[TownCell]:
    """The same for the towns of a département: of one profession (or `ALL`), or of each and of all of them."""
    reachable = sets.present(snapshot, Field.MAIL)
    within = people_of(snapshot, department)
    bearers = [(ALL, within)] + [(code.upper(), of) for code, of in _values(snapshot, Field.PROFESSION)]
    for code, of in bearers:
        if profession in (None, code):
            there = of & within
            for town in towns(snapshot, department):
                people = there & town.people
                if people:
                    yield TownCell(code, town, len(people), people.intersection_cardinality(reachable))


def towns(snapshot: Snapshot, department: str) -> Sequence[Town]:
    """The towns of a département where professionals work, by name; kept for as long as the revision is the same. The
    first time it takes some tenths of a second at national scale, so front-ends ask off their loop.

    Sets tell of who works in one département only. Of the others, which of their towns lies in which of their
    départements stands in their records alone, so those are read.
    """
    kept: dict[str, Sequence[Town]] = snapshot.kept.setdefault(_TOWNS, {})
    found = kept.get(department)
    if found is None:
        found = kept[department] = tuple(sorted(_towns(snapshot, department), key=lambda town: (town.name, town.code)))
    return found


def unequipped(
    snapshot: Snapshot, who: Predicate, places: Predicate | None, communes: Mapping[str, str], deadline_s: float
) -> Found:
    """The professionals for whom `who` is true and who work in one of some places, or of some communes, given as the
    INSEE code and its département, and have no mailbox.

    Raises:
        QueryTooComplex: beyond the bounds on depth and width.
        TimeLimitExceeded: the deadline passed.
    """
    kinds = (Kind.PRACTITIONER,)
    there = [
        town.people
        for code, department in communes.items()
        for town in towns(snapshot, department)
        if town.code == code
    ]
    if places is not None:
        there.append(matching(snapshot, places, kinds, deadline_s).ids)
    ids = matching(snapshot, who, kinds, deadline_s).ids & sets.union(there)
    return Found(snapshot, ids - sets.present(snapshot, Field.MAIL))


def people_of(snapshot: Snapshot, department: str) -> BitMap:
    """The professionals who work in a département."""
    of = sets.term(snapshot, Field.DEPARTMENT_CODE, department.lower())
    return of & sets.of_kinds(snapshot, (Kind.PRACTITIONER,))


def _towns(snapshot: Snapshot, department: str) -> Iterator[Town]:
    within = people_of(snapshot, department)
    elsewhere_too = within & _several(snapshot)
    certain = within - elsewhere_too
    by_town: defaultdict[str, BitMap] = defaultdict(BitMap)
    for town, of in _values(snapshot, Field.CITY):
        if of.intersect(certain):
            by_town[town] = of & certain
    for number in elsewhere_too:
        for address in _addresses(snapshot, number, department):
            by_town[fold(address["city"])].add(number)
    for town, people in by_town.items():
        for number in people[:_LOOKED_AT]:
            named = next((one for one in _addresses(snapshot, number, department) if fold(one["city"]) == town), None)
            if named is not None:  # else it is abroad
                commune = named["commune"] or {}
                yield Town(commune.get("code", ""), commune.get("label") or named["city"], people)
                break


def _addresses(snapshot: Snapshot, number: int, department: str) -> Iterator[dict[str, Any]]:
    """The places of work of a professional in a département whose town is known."""
    for exercise in orjson.loads(snapshot.document(number).json)["professions"]:
        for activity in exercise["activities"]:
            address = activity["address"]
            if address and address["city"] and (address["department"] or {}).get("code") == department:
                yield address


def _several(snapshot: Snapshot) -> BitMap:
    """The documents with places in more than one département."""
    found: BitMap | None = snapshot.kept.get(_SEVERAL)
    if found is None:
        once, found = BitMap(), BitMap()
        for _, of in _values(snapshot, Field.DEPARTMENT_CODE):
            found |= once & of
            once |= of
        snapshot.kept[_SEVERAL] = found
    return found


def _row(profession: str, of: BitMap, reachable: BitMap, departments: Sequence[tuple[str, BitMap]]) -> Iterator[Cell]:
    for department, within in [(ALL, of), *departments]:
        count = of.intersection_cardinality(within)
        if count:
            yield Cell(profession, department, count, reachable.intersection_cardinality(within))


def _values(snapshot: Snapshot, field: Field) -> Iterator[tuple[str, BitMap]]:
    """The distinct folded values of a field, each with its documents."""
    for key, value in snapshot.scan("terms", layout.value_beginning(field, "")):
        yield key[1:].decode(), snapshot.decoded("terms", key, value)
