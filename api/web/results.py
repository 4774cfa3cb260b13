"""What a search found, as the list of a page shows it: each person once, with the addresses to write to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson

from api.access import Visit
from api.search import find
from api.web import choices
from api.web.asked import Asked
from directory.index.found import Found, these
from directory.index.reader import Snapshot, StoredDocument
from directory.model import Kind
from directory.settings import Settings
from directory.text import words

PATHS: Final = {Kind.PRACTITIONER: "/p/", Kind.ORGANIZATION: "/s/", Kind.MAILBOX: "/m/"}
_SHOWN_MAILBOXES: Final = 3
_SHOWN_PLACES: Final = 2
# A person's mailboxes are found beside the person, and shown there: that many more are asked for.
_SPARE: Final = 2


@dataclass(frozen=True, slots=True)
class Box:
    """An address to write to, and which service reads it."""

    address: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the list."""

    kind: str
    url: str
    name: str
    what: str = ""
    places: tuple[str, ...] = ()
    mailboxes: tuple[Box, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The list, and whether it is all there is."""

    results: tuple[Result, ...]
    complete: bool
    every: Found
    """All that there is, as far as it is counted: misspellings only where they are in the list."""


def search(snapshot: Snapshot, settings: Settings, asking: Visit, asked: Asked, limit: int) -> Results:
    """The best matches of what was asked.

    Raises:
        DirectoryError: a filter is wrong, or the caller has had enough.
    """
    asking.asks(asked.predicate)
    page = find(snapshot, settings, asked.q, asked.kinds, asked.where, limit * _SPARE)
    distinct = {
        (document.kind, document.key): document
        for document in (_holder(snapshot, match.document) for match in page.matches)
    }
    meant = frozenset(words(asked.q))
    shown = list(distinct.values())[:limit]
    asking.sends([document.number for document in shown])
    complete = page.complete and len(distinct) <= limit
    return Results(
        results=tuple(result(document, meant) for document in shown),
        complete=complete,
        every=these(snapshot, (document.number for document in shown)) if complete
        else choices.meant(snapshot, settings, asked),
    )  # fmt: skip


def _holder(snapshot: Snapshot, document: StoredDocument) -> StoredDocument:
    """The person that a personal mailbox belongs to, where the register knows them; else the document itself."""
    if document.kind is not Kind.MAILBOX:
        return document
    holders = {holder["national_id"] for holder in orjson.loads(document.json)["holders"]}
    if len(holders) != 1:
        return document
    identifier = holders.pop()
    return (identifier and snapshot.get(Kind.PRACTITIONER, identifier)) or document


def result(document: StoredDocument, meant: frozenset[str] = frozenset()) -> Result:
    """A record's line; of many mailboxes those of the services that were meant come first."""
    record: dict[str, Any] = orjson.loads(document.json)
    return _SHOWN[document.kind](document.key, record, meant)


def _practitioner(key: str, record: Mapping[str, Any], meant: frozenset[str]) -> Result:
    exercises = record["professions"]
    activities = [activity for exercise in exercises for activity in exercise["activities"]]
    what = [text for exercise in exercises for text in (exercise["profession"]["label"], *_specialties(exercise))]
    return Result(
        kind="practitioner",
        url=url(Kind.PRACTITIONER, key),
        name=person_name(record),
        what=" · ".join(dict.fromkeys(what)),
        places=_distinct(_workplace(activity) for activity in activities)[:_SHOWN_PLACES],
        **_addresses(record["mailboxes"], meant),
    )


def _organization(key: str, record: Mapping[str, Any], meant: frozenset[str]) -> Result:
    return Result(
        kind="organization",
        url=url(Kind.ORGANIZATION, key),
        name=record["name"] or record["trade_name"] or record["key"],
        what=(record["sector"] or {}).get("label", ""),
        places=_distinct([town(record["address"])]),
        **_addresses(record["mailboxes"], meant),
    )


def _mailbox(key: str, record: Mapping[str, Any], _: frozenset[str]) -> Result:
    holder: Mapping[str, Any] = next(iter(record["holders"]), {})
    structure = holder.get("organization") or {}
    name = person_name(holder) or structure.get("name") or structure.get("trade_name") or record["address"]
    what = [holder.get("service"), (holder.get("profession") or {}).get("label")]
    return Result(
        kind="mailbox",
        url=url(Kind.MAILBOX, key),
        name=name,
        what=" · ".join(filter(None, what)),
        places=_distinct([town(holder.get("address"))]),
        mailboxes=(Box(record["address"], ""),),
    )


_SHOWN: Final = {Kind.PRACTITIONER: _practitioner, Kind.ORGANIZATION: _organization, Kind.MAILBOX: _mailbox}


def url(kind: Kind, key: str) -> str:
    """The address of a record's card."""
    return PATHS[kind] + quote(key, safe="@")


def person_name(person: Mapping[str, Any]) -> str:
    """First name and SURNAME, as the register writes them."""
    return " ".join(part for part in (person.get("given_name"), person.get("family_name")) if part)


def town(address: Mapping[str, Any] | None) -> str:
    if not address:
        return ""
    return " ".join(part for part in (address["postal_code"], address["city"]) if part)


def _specialties(exercise: Mapping[str, Any]) -> list[str]:
    return [expertise["label"] for expertise in exercise["expertises"][:2]]


def _workplace(activity: Mapping[str, Any]) -> str:
    name = (activity["organization"] or {}).get("name")
    return ", ".join(part for part in (name, town(activity["address"])) if part)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, texts)))


def _addresses(mailboxes: list[Mapping[str, Any]], meant: frozenset[str]) -> dict[str, Any]:
    boxes = [Box(mailbox["address"], mailbox["service"] or "") for mailbox in mailboxes]
    boxes.sort(key=lambda box: meant.isdisjoint(words(box.service)))
    return {"mailboxes": tuple(boxes[:_SHOWN_MAILBOXES]), "more": max(0, len(boxes) - _SHOWN_MAILBOXES)}
