"""Records as vCards, for address books: the one writer of pages and exports.

Version 3.0 (RFC 2426): Outlook reads no 4.0, and everything else reads both.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from directory.model import Kind, RegisterState

MEDIA_TYPE: Final = "text/vcard; charset=utf-8"
SOURCE: Final = "RPPS, Annuaire Santé (ANS)"
_LONGEST: Final = 75  # octets of a line without its break (RFC 2426 section 2.6)
_SPECIAL: Final = re.compile(r"[\\,;]|\r\n|\r|\n")

Record = Mapping[str, Any]
Lines = Iterator[str]


def vcard(kind: Kind, record: Record, state: RegisterState) -> str:
    """The card of a record as REST shows it (docs/architecture.md), with its source and the register's date."""
    dated = f"{SOURCE}, {state.as_of.date().isoformat()}" if state.as_of else SOURCE
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        "PRODID:-//annuaire//FR",
        *_OF[kind](record),
        f"NOTE:{_text(dated)}",
        *([f"REV:{state.as_of.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"] if state.as_of else []),
        "END:VCARD",
    ]
    return "".join(_folded(line) for line in lines)


def _practitioner(record: Record) -> Lines:
    exercises = record["professions"]
    activities = [activity for exercise in exercises for activity in exercise["activities"]]
    title = record["practice_civility"] or record["civility"]
    yield from _person(record["family_name"], record["given_name"], title and title["label"])
    yield from _titles(exercise["profession"]["label"] for exercise in exercises)
    names = (activity["organization"]["name"] for activity in activities if activity["organization"])
    name = next(filter(None, names), None)
    if name:
        yield _structured("ORG", name)
    for activity in activities:
        yield from _place(activity["address"], activity["phones"])
    yield from _addresses(record["mailboxes"])
    yield f"UID:urn:annuaire:practitioner:{_text(record['national_id'])}"


def _organization(record: Record) -> Lines:
    yield from _structure(record["name"] or record["trade_name"] or record["key"], None)
    yield from _place(record["address"], record["phones"])
    yield from _addresses(record["mailboxes"])
    yield f"UID:urn:annuaire:organization:{_text(record['key'])}"


def _mailbox(record: Record) -> Lines:
    holder: Record = next(iter(record["holders"]), {})
    structure = holder.get("organization") or {}
    structure_name = structure.get("name") or structure.get("trade_name")
    if holder.get("family_name"):
        yield from _person(holder["family_name"], holder["given_name"], holder["civility"])
        yield from _titles([holder["profession"]["label"]] if holder["profession"] else [])
        if structure_name:
            yield _structured("ORG", structure_name)
    else:
        yield from _structure(structure_name or record["address"], holder.get("service"))
    yield from _place(holder.get("address"), ())
    yield from _addresses([record])
    yield f"UID:urn:annuaire:mailbox:{_text(record['address'].lower())}"


_OF: Final[Mapping[Kind, Callable[[Record], Lines]]] = {
    Kind.PRACTITIONER: _practitioner,
    Kind.ORGANIZATION: _organization,
    Kind.MAILBOX: _mailbox,
}


def _person(family: str, given: str | None, title: str | None) -> Lines:
    yield "FN:" + _text(" ".join(part for part in (given, family) if part))
    yield _structured("N", family, given, None, title, None)


def _structure(name: str, service: str | None) -> Lines:
    yield "FN:" + _text(" - ".join(part for part in (name, service) if part))
    yield _structured("N", name, None, None, None, None)
    yield _structured("ORG", *filter(None, (name, service)))


def _titles(labels: Iterable[str]) -> Lines:
    together = ", ".join(dict.fromkeys(labels))
    if together:
        yield "TITLE:" + _text(together)


def _place(address: Record | None, phones: Iterable[str]) -> Lines:
    if address:
        yield _structured("ADR;TYPE=WORK", None, None, _street(address), address["city"], None,
                          address["postal_code"], (address["country"] or {}).get("label"))  # fmt: skip
    for phone in phones:
        yield f"TEL;TYPE=WORK,VOICE:{_text(phone)}"


def _street(address: Record) -> str:
    """The postal lines before the one of the town, which has its own places."""
    lines = list(address["lines"])
    country = (address["country"] or {}).get("label")
    if lines and lines[-1] == country:
        lines.pop()
    if lines and address["postal_code"] and lines[-1].startswith(address["postal_code"]):
        lines.pop()
    return "\n".join(lines)


def _addresses(mailboxes: Iterable[Record]) -> Lines:
    for mailbox in mailboxes:
        yield f"EMAIL;TYPE=INTERNET:{_text(mailbox['address'])}"


def _structured(name: str, *parts: str | None) -> str:
    return f"{name}:" + ";".join(_text(part or "") for part in parts)


def _text(value: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found[0] if found[0] in "\\,;" else "\\n", value)


def _folded(line: str) -> str:
    """A line as it is sent: no longer than allowed in octets, never broken inside a letter."""
    octets = line.encode()
    if len(octets) <= _LONGEST:
        return line + "\r\n"
    pieces, size = [""], 0
    for letter in line:
        width = len(letter.encode())
        if size + width > _LONGEST:
            pieces.append(" ")
            size = 1
        pieces[-1] += letter
        size += width
    return "\r\n".join(pieces) + "\r\n"
