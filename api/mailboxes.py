"""Which of somebody's mailboxes to write to, and which others there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson

from directory import text
from directory.index.reader import Snapshot
from directory.model import Kind

_MOST: Final = 10
_KEPT: Final = 5_000  # structures
_OWN: Final = {"PER": "own", "CAB": "practice"}


class Choice(NamedTuple):
    """A mailbox as records show it, and why it is named: `own`, `own-at-structure`, `practice`, `service`,
    `structure`."""

    mailbox: Mapping[str, Any]
    why: str


def choose(record: Mapping[str, Any], structure: str | None = None) -> Choice | None:
    """The mailbox to write to: the person's own before those of the practice, one that names the structure that is
    asked for before others, one whose domain is trusted before others; None where there is none."""
    wanted = set(text.words(structure)) if structure else set()

    def rank(mailbox: Mapping[str, Any]) -> tuple[bool, bool, bool]:
        return (
            mailbox["kind"] != "PER",
            not (wanted and wanted <= set(text.words(mailbox["organization"] or ""))),
            not mailbox["trusted"],
        )  # among equals the record's own order decides (DOMAIN section 4 rule 6)

    best = min((one for one in record["mailboxes"] if one["kind"] in _OWN), key=rank, default=None)
    if best is None:
        return None
    at_structure = best["kind"] == "PER" and not rank(best)[1]
    return Choice(best, "own-at-structure" if at_structure else _OWN[best["kind"]])


def alternatives(snapshot: Snapshot, record: Mapping[str, Any], chosen: Choice | None) -> Sequence[Choice]:
    """The other mailboxes through which a person may be reached: their own, those of the practice, those of the
    services and structures where they work."""
    found: dict[str, Choice] = {}
    for choice in (*_of_person(record), *_of_structures(snapshot, record)):
        address = choice.mailbox["address"]
        if chosen is None or address != chosen.mailbox["address"]:
            found.setdefault(address, choice)
    return list(found.values())[:_MOST]


def _of_person(record: Mapping[str, Any]) -> Iterator[Choice]:
    for mailbox in record["mailboxes"]:
        yield Choice(mailbox, _OWN.get(mailbox["kind"], "structure"))


def _of_structures(snapshot: Snapshot, record: Mapping[str, Any]) -> Iterator[Choice]:
    activities = [activity for exercise in record["professions"] for activity in exercise["activities"]]
    for key in dict.fromkeys(one["organization"]["key"] for one in activities if one["organization"]):
        yield from _of_structure(snapshot, key)


def _of_structure(snapshot: Snapshot, key: str) -> Sequence[Choice]:
    """The first mailboxes of a structure; a hospital shows hundreds of its people's, and is asked about often: what is
    found is kept for as long as the revision is the same."""
    kept: dict[str, Sequence[Choice]] = snapshot.kept.setdefault("mailboxes of structures", {})
    found = kept.get(key)
    if found is None:
        if len(kept) >= _KEPT:
            kept.clear()
        found = kept[key] = tuple(islice(_read(snapshot, key), _MOST + 1))
    return found


def _read(snapshot: Snapshot, key: str) -> Iterator[Choice]:
    document = snapshot.get(Kind.ORGANIZATION, key)
    if document is not None and document.reachable:
        for mailbox in orjson.loads(document.json)["mailboxes"]:
            if mailbox["kind"] not in _OWN:
                yield Choice(mailbox, "service" if mailbox["service"] else "structure")
