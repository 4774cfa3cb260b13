"""Contact points: mailboxes as the national directory publishes them (docs/fhir.md, section 7), phones, e-mail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from api.fhir import systems
from directory.index.facets import PERSON, bearer

Resource = dict[str, Any]

_MSSANTE: Final = {
    "url": systems.EMAIL_TYPE,
    "valueCoding": {"system": systems.TERMINOLOGIES["r256"], "code": "MSSANTE"},
}


def of_person(record: Mapping[str, Any], *, repeated: bool) -> list[Resource]:
    """The mailboxes that a practitioner bears itself; with those of its activities, where they are repeated."""
    holders = _holders(record)
    return [_mailbox(mailbox) for holder, mailbox in holders if holder == PERSON or (repeated and holder is not None)]


def of_activity(record: Mapping[str, Any], place: int) -> list[Resource]:
    return [_mailbox(mailbox) for holder, mailbox in _holders(record) if holder == str(place)]


def of_organization(record: Mapping[str, Any]) -> list[Resource]:
    phones = [{"system": "phone", "value": number} for number in record["phones"]]
    found: list[Resource] = [{**phone, "rank": rank} for rank, phone in enumerate(phones, 1)]
    if record["fax"]:
        found.append({"system": "fax", "value": record["fax"]})
    if record["email"]:
        found.append({"system": "email", "value": record["email"]})
    found += [_mailbox(mailbox) for mailbox in record["mailboxes"] if mailbox["kind"] in ("ORG", "APP")]
    return found


def _holders(record: Mapping[str, Any]) -> Iterable[tuple[str | None, Mapping[str, Any]]]:
    if not record["mailboxes"]:
        return []
    organizations = [activity["organization"] for one in record["professions"] for activity in one["activities"]]
    places = [organization and organization["key"] for organization in organizations]
    return [(bearer(one["kind"], one["organization_key"], places), one) for one in record["mailboxes"]]


def _mailbox(mailbox: Mapping[str, Any]) -> Resource:
    metadata: list[Resource] = [{"url": "type", "valueCodeableConcept": {"coding": [_type(mailbox["kind"])]}}]
    if mailbox["kind"] in ("ORG", "APP") and mailbox["service"]:
        metadata.append({"url": "service", "valueString": mailbox["service"]})
    # A red-listed mailbox never gets as far as the index.
    metadata.append({"url": "listeRouge", "valueBoolean": False})
    extension = [_MSSANTE, {"url": systems.MAILBOX, "extension": metadata}]
    return {"extension": extension, "system": "email", "value": mailbox["address"]}


def _type(kind: str) -> Resource:
    return {"system": systems.TERMINOLOGIES["r257"], "code": kind}
