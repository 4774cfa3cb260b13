"""Searches on one snapshot: which resources, how many, and those of one page.

A search has one section of documents; a search of activities has one for the first activities of all persons, one for
the second ones, and so on: each is a selection of persons (`directory.index.facets`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from api.fhir import departed
from api.fhir.asked import PARAMETERS, Asked
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
    """One resource of an answer: its document, and which activity of it, if it is one."""

    document: int
    place: int | None = None
    departed: str | None = None  # the name of what has left (`departed`); it has no document


@dataclass(frozen=True, slots=True)
class Answer:
    """The resources of one page, how many there are in all, and where the next page begins, if there is one."""

    found: tuple[Found, ...]
    total: int
    following: Position | None


def predicate(snapshot: Snapshot, asked: Asked) -> Predicate:
    """What is asked of the first section: what a caller is known to look for."""
    return _predicate(_meanings(snapshot, asked), _BEARER.get(asked.kind, "0"))


def search(snapshot: Snapshot, asked: Asked, position: Position, deadline_s: float) -> Answer:
    """The resources that follow a position.

    Raises:
        PageGone: the record that the position stands behind is hidden by now.
        QueryTooComplex, TimeLimitExceeded: as `select`.
    """
    sections = list(_sections(snapshot, asked, deadline_s))
    left = departed.found(snapshot, asked)
    total = sum(len(section) for section in sections) + len(left)
    found: list[Found] = []
    last = _last(snapshot, asked, position) if position.section < len(sections) else None
    for at in range(position.section, len(sections)):
        wanted = asked.count + 1 - len(found)
        place = at if asked.kind == "PractitionerRole" else None
        found += [Found(number, place) for number in sections[at].after(snapshot, last, wanted)]
        if len(found) > asked.count:
            break
        last = None
    if len(found) <= asked.count:
        behind = position.key if position.section >= len(sections) else None
        found += (Found(-1, departed=name) for name in left.after(behind, asked.count + 1 - len(found)))
    shown = tuple(found[: asked.count])
    if not len(found) > len(shown) > 0:
        return Answer(shown, total, None)
    # Behind all sections of documents is that of what has left.
    end, seen = shown[-1], position.seen + len(shown)
    if end.departed is not None:
        return Answer(shown, total, Position(len(sections), end.departed, seen))
    return Answer(shown, total, Position(end.place or 0, snapshot.document(end.document).key, seen))


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
