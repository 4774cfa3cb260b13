"""What the card of a record shows beside the record itself: where else one can write, who works there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from api.access import Visit
from api.web.results import Result, result, url
from directory.errors import NotFound
from directory.index.reader import Snapshot, StoredDocument
from directory.model import Kind
from directory.query import Field, Is, Or, Query
from directory.text import words

PEOPLE: Final = 30
"""Professionals of a structure on one page."""
_FURTHEST: Final = 3_000  # professionals of one structure that can be paged through
_ELSEWHERE, _PLACES = 3, 4  # mailboxes shown of each structure; structures
_SHORT: Final = 3  # letters: "et", "de" name no service
_IDENTIFIERS: Final[Mapping[Kind, tuple[Field, ...]]] = {
    Kind.PRACTITIONER: (Field.IDENTIFIER, Field.NATIONAL_ID),
    Kind.ORGANIZATION: (Field.FINESS, Field.SIRET),
    Kind.MAILBOX: (Field.MAIL,),
}

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """One page of the professionals of a structure."""

    people: tuple[Result, ...]
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A structure with mailboxes of its own, where somebody without one works."""

    name: str
    url: str
    mailboxes: tuple[Record, ...]


def look_up(snapshot: Snapshot, kind: Kind, identifier: str) -> StoredDocument:
    """The record of a card, by its key or by an identifier that only it bears.

    Raises:
        NotFound: there is none, or more than one.
    """
    document = snapshot.get(kind, identifier.lower() if kind is Kind.MAILBOX else identifier)
    if document is not None:
        return document
    predicate = Or(tuple(Is(field, identifier) for field in _IDENTIFIERS[kind]))
    found = snapshot.find(Query(predicate=predicate, kinds=(kind,), limit=2)).matches
    if len(found) != 1:
        shown = identifier[:80]
        raise NotFound(f"no record bears {shown}", fr=f"aucune fiche ne porte {shown}")
    return found[0].document


def read(document: StoredDocument) -> Record:
    record: Record = orjson.loads(document.json)
    return record


def people_of(snapshot: Snapshot, asking: Visit, structure: str, offset: int) -> People:
    """Who works in a structure, those with a mailbox first."""
    offset = max(0, min(offset, _FURTHEST))
    found = snapshot.find(
        Query(predicate=Is(Field.KEY, structure), kinds=(Kind.PRACTITIONER,), limit=PEOPLE, offset=offset)
    )
    asking.sends([match.document.number for match in found.matches])
    return People(
        people=tuple(result(match.document) for match in found.matches),
        before=max(0, offset - PEOPLE) if offset else None,
        after=None if found.complete or offset + PEOPLE > _FURTHEST else offset + PEOPLE,
    )


def elsewhere(snapshot: Snapshot, person: Mapping[str, Any]) -> tuple[Elsewhere, ...]:
    """The mailboxes of the structures where a person works: one of each service, those of the person's own first."""
    own = frozenset(
        word
        for exercise in person["professions"]
        for expertise in exercise["expertises"]
        for word in words(expertise["label"])
        if len(word) > _SHORT
    )
    keys = dict.fromkeys(
        activity["organization"]["key"]
        for exercise in person["professions"]
        for activity in exercise["activities"]
        if activity["organization"]
    )
    found = []
    for key in list(keys)[:_PLACES]:
        document = snapshot.get(Kind.ORGANIZATION, key)
        record = read(document) if document else None
        if record and record["mailboxes"]:
            name = record["name"] or record["trade_name"] or key
            shown = tuple(_of_services(record["mailboxes"], own)[:_ELSEWHERE])
            found.append(Elsewhere(name=name, url=url(Kind.ORGANIZATION, key), mailboxes=shown))
    return tuple(found)


def _of_services(mailboxes: list[Record], own: frozenset[str]) -> list[Record]:
    firsts = {mailbox["service"] or "": mailbox for mailbox in reversed(mailboxes)}
    return sorted(firsts.values(), key=lambda mailbox: own.isdisjoint(words(mailbox["service"] or "")))


def by_service(mailboxes: list[Record]) -> dict[str, list[Record]]:
    """The mailboxes of a structure, by the service that reads them; those of the structure itself stand first."""
    services: dict[str, list[Record]] = defaultdict(list)
    for mailbox in mailboxes:
        services[mailbox["service"] or ""].append(mailbox)
    return {service: services[service] for service in sorted(services, key=str.casefold)}


def holders(snapshot: Snapshot, mailbox: Mapping[str, Any]) -> list[Record]:
    """The rows of a mailbox, each with the cards of its person and its structure where the register knows them."""
    return [
        {
            **holder,
            "person_url": _url_of(snapshot, Kind.PRACTITIONER, holder["national_id"]),
            "structure_url": _url_of(snapshot, Kind.ORGANIZATION, (holder["organization"] or {}).get("key")),
        }
        for holder in mailbox["holders"]
    ]


def _url_of(snapshot: Snapshot, kind: Kind, key: str | None) -> str | None:
    return url(kind, key) if key and snapshot.get(kind, key) else None
