"""Activities that ended less than 30 days ago: inactive resources, for who follows what changes.

Of them only their id is kept, which says whose they were, so they are found by id, identifier, person, activity and
moment, and by nothing else. Tens of thousands end in a month: unless a search names some, they are counted by the
moments at which they ended, and read no further than a page goes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, Protocol

from api.fhir import systems
from api.fhir.common_parameters import asks_for_inactive, told_at
from api.fhir.criteria import Criterion, token
from api.fhir.identity import key_of, person_of_role, role_id
from api.fhir.meanings import referenced
from api.fhir.resources import activity_identifiers, bare, instant
from directory.index.ended import EndedCopy, name, named
from directory.index.reader import Snapshot

Resource = dict[str, Any]


class Departures(Protocol):
    """Some of what is no longer there, each by a name that says in which order they are gone through."""

    def __len__(self) -> int: ...

    def after(self, last: str | None, limit: int) -> Sequence[str]:
        """The first of them, or those behind one."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A few of them, by their names in order."""

    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    def after(self, last: str | None, limit: int) -> Sequence[str]:
        begin = bisect_right(self.names, last) if last is not None else 0
        return self.names[begin : begin + limit]


@dataclass(frozen=True, slots=True)
class _Since:
    """All activities that ended at some moments, each with how many did, but for a few of them."""

    held: EndedCopy
    numbers: Mapping[str, int]
    without: Collection[str]

    def __len__(self) -> int:
        return sum(self.numbers.values()) - len(self.without)

    def after(self, last: str | None, limit: int) -> Sequence[str]:
        begun = named(last)[2] if last is not None else ""
        moments = (moment for moment in self.numbers if moment >= begun)
        names = chain.from_iterable(self.held.names(one, last if one == begun else None) for one in moments)
        return list(islice((one for one in names if one not in self.without), limit))


NOBODY: Final = Listed(())


def found(snapshot: Snapshot, criteria: Iterable[Criterion]) -> Departures:
    """Those that a search finds, the earliest first."""
    held = snapshot.ended
    numbers = held.numbers()
    only: set[str] | None = None
    without = set(held.hidden())
    for criterion in criteria:
        if criterion.name == "_lastUpdated":
            numbers = {moment: number for moment, number in numbers.items() if told_at(criterion, moment)}
        elif criterion.name == "active":
            if not asks_for_inactive(criterion):
                return NOBODY
        elif criterion.name in _NAMING:
            some = _NAMING[criterion.name](held, criterion)
            if criterion.modifier == "not":
                if some is None:
                    return NOBODY
                without |= some
            elif some is not None:
                only = some if only is None else only & some
        else:
            return NOBODY
    if only is not None:
        return Listed(sorted(one for one in only - without if named(one)[2] in numbers))
    return _Since(held, numbers, {one for one in without if named(one)[2] in numbers})


def name_of(snapshot: Snapshot, id_: str) -> str | None:
    """The name of the one with an id."""
    return _by_id(snapshot.ended, id_)


def resource(known: str) -> Resource:
    """The one with a name."""
    person, mark, moment = named(known)
    id_ = role_id(person, mark)
    found = bare("PractitionerRole", id_, instant(moment), active=False)
    return {**found, "identifier": activity_identifiers(id_)}


def _by_id(held: EndedCopy, id_: str) -> str | None:
    person, mark = person_of_role(id_), id_.partition(".")[2]
    moment = held.of(person).get(mark) if person else None
    return name(person, mark, moment) if person and moment and role_id(person, mark) == id_ else None


def _by_ids(held: EndedCopy, ids: Iterable[str]) -> set[str]:
    return {found for id_ in ids if (found := _by_id(held, id_)) is not None}


def _ids(held: EndedCopy, criterion: Criterion) -> set[str]:
    return _by_ids(held, criterion.texts)


def _identifiers(held: EndedCopy, criterion: Criterion) -> set[str] | None:
    """None: every one of them."""
    tokens = [token(value) for value in criterion.values]
    ours = [one.code for one in tokens if one.system in (None, systems.ACTIVITY)]
    return None if "" in ours else _by_ids(held, ours)


def _of_people(held: EndedCopy, criterion: Criterion) -> set[str]:
    people = {key for value in criterion.texts if (key := key_of(referenced(value, "Practitioner"))) is not None}
    return {name(person, mark, moment) for person in people for mark, moment in held.of(person).items()}


_NAMING: Final = {"_id": _ids, "identifier": _identifiers, "practitioner": _of_people}
