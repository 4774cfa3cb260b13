"""Searches on one snapshot: which resources, how many, and those of one page.

A search has one section of documents; a search of activities has one for the first activities of all persons, one for
the second ones, and so on: each is a selection of persons (`directory.index.facets`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from api.fhir import departed
from api.fhir.asked import PARAMETERS, Asked
from api.fhir.ended import Departures
from api.fhir.meanings import Meaning, any_of
from api.fhir.pages import Position, gone
from directory.index.facets import PERSON, STRUCTURE
from directory.index.reader import Snapshot
from directory.index.selection import Selection, select
from directory.model import Kind
from directory.query import And, Anything, Field, Is, Predicate

KIND_OF: Final = {
    "Practitioner": Kind.PRACTITIONER,
    "PractitionerRole": Kind.PRACTITIONER,
    "Organization": Kind.ORGANIZATION,
}
_PLACES_S: Final = 5.0  # far more than finding them takes
_BEARER: Final = {"Practitioner": PERSON, "Organization": STRUCTURE}


@dataclass(frozen=True, slots=True)
class Found:
    """One resource of an answer: its type, its document, and which activity of it, if it is one."""

    kind: str
    document: int
    place: int | None = None
    departed: str | None = None  # the name of what has left (`departed`); it has no document


@dataclass(frozen=True, slots=True)
class Answer:
    """The resources of one page, how many there are in all, and where the next page begins, if there is one."""

    found: tuple[Found, ...]
    total: int
    following: Position | None


def predicate(snapshot: Snapshot, asked: Sequence[Asked]) -> Predicate:
    """What is asked of the first section of each type: what a caller is known to look for."""
    return any_of(_predicate(_meanings(snapshot, one), _BEARER.get(one.kind, "0")) for one in asked)


def search(snapshot: Snapshot, asked: Sequence[Asked], position: Position, deadline_s: float) -> Answer:
    """The resources that follow a position, those of one type behind those of the other.

    Raises:
        PageGone: the record that the position stands behind is hidden by now.
        QueryTooComplex, TimeLimitExceeded: as `select`.
    """
    sought = [_Sought(one, list(_sections(snapshot, one, deadline_s)), departed.found(snapshot, one)) for one in asked]
    total, count = sum(map(len, sought)), asked[0].count
    found: list[Found] = []
    begun = position
    for at in range(position.kind, len(sought)):
        found += sought[at].after(snapshot, begun, count + 1 - len(found))
        if len(found) > count:
            break
        begun = Position()
    shown = tuple(found[:count])
    if not len(found) > len(shown) > 0:
        return Answer(shown, total, None)
    kind = next(at for at, one in enumerate(asked) if one.kind == shown[-1].kind)
    section, key = sought[kind].place_of(snapshot, shown[-1])
    return Answer(shown, total, Position(section, key, position.seen + len(shown), kind))


@dataclass(frozen=True, slots=True)
class _Sought:
    """All resources of one type that a search finds: sections of documents, and behind them what has left."""

    asked: Asked
    sections: Sequence[Selection]
    left: Departures

    def __len__(self) -> int:
        return sum(map(len, self.sections)) + len(self.left)

    def after(self, snapshot: Snapshot, position: Position, limit: int) -> list[Found]:
        """The first ones, or those that follow a position."""
        kind, found = self.asked.kind, list[Found]()
        behind = position.key
        if position.section < len(self.sections):
            last, behind = _last(snapshot, self.asked, position), None
            for at in range(position.section, len(self.sections)):
                place = at if kind == "PractitionerRole" else None
                numbers = self.sections[at].after(snapshot, last, limit - len(found))
                found += (Found(kind, number, place) for number in numbers)
                if len(found) == limit:
                    return found
                last = None
        names = self.left.after(behind, limit - len(found))
        return [*found, *(Found(kind, -1, departed=name) for name in names)]

    def place_of(self, snapshot: Snapshot, found: Found) -> tuple[int, str]:
        """Section and key of one of them."""
        if found.departed is not None:
            return len(self.sections), found.departed
        return found.place or 0, snapshot.document(found.document).key


def _last(snapshot: Snapshot, asked: Asked, position: Position) -> int | None:
    if position.key is None:
        return None
    document = snapshot.get(KIND_OF[asked.kind], position.key)
    if document is None:
        raise gone()
    return document.number


def _sections(snapshot: Snapshot, asked: Asked, deadline_s: float) -> Iterator[Selection]:
    meanings = _meanings(snapshot, asked)
    bearer = _BEARER.get(asked.kind)
    if bearer is not None:
        yield _selected(snapshot, asked, meanings, bearer, deadline_s)
        return
    for place in places(snapshot, deadline_s):
        yield _selected(snapshot, asked, meanings, str(place), deadline_s)


def places(snapshot: Snapshot, deadline_s: float) -> Iterator[int]:
    """The places that activities have in the records of persons: first, second …, up to the last one that is taken."""
    place = 0
    while select(snapshot, Is(Field.FACET, str(place)), Kind.PRACTITIONER, deadline_s):
        yield place
        place += 1


def _selected(snapshot: Snapshot, asked: Asked, meanings: list[Meaning], bearer: str, deadline_s: float) -> Selection:
    written = tuple(meaning.written for meaning in meanings if meaning.written is not None)
    return select(snapshot, _predicate(meanings, bearer), KIND_OF[asked.kind], deadline_s, written)


def _meanings(snapshot: Snapshot, asked: Asked) -> list[Meaning]:
    parameters = PARAMETERS[asked.kind]
    found = []
    for criterion in asked.criteria:
        meaning = parameters[criterion.name].meaning(snapshot, criterion)
        repeated = asked.repeated and criterion.name.startswith("mailbox-")
        found.append(_of_anybody(snapshot, meaning) if repeated else meaning)
    return found


def _of_anybody(snapshot: Snapshot, meaning: Meaning) -> Meaning:
    """The same of a person or any of its activities."""
    bearers = [PERSON, *map(str, places(snapshot, _PLACES_S))]
    found = any_of(map(meaning.about, bearers))
    return Meaning(lambda _bearer: found)


def _predicate(meanings: list[Meaning], bearer: str) -> Predicate:
    parts = [meaning.about(bearer) for meaning in meanings]
    if bearer not in (PERSON, STRUCTURE):
        parts.insert(0, Is(Field.FACET, bearer))
    parts = [part for part in parts if not isinstance(part, Anything)]
    return parts[0] if len(parts) == 1 else And(tuple(parts)) if parts else Anything()
