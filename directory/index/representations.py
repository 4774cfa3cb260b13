"""Records as the REST interface shows them: JSON that answers embed as it is (contract: DESIGN section 8)."""

from __future__ import annotations

import functools
from typing import Any

import orjson

from directory.model import (
    Activity,
    Address,
    Coded,
    Exercise,
    Expertise,
    Holder,
    Mailbox,
    Organization,
    Practitioner,
    Record,
)

# Coded values and mailbox summaries are dataclasses with exactly the members shown: orjson writes them as they are.
# The codes of short lists recur in every record, and are written once.


def _code(coded: Coded | None) -> orjson.Fragment | None:
    return None if coded is None else _written(coded.code, coded.label)


@functools.lru_cache(maxsize=10_000)
def _written(code: str, label: str) -> orjson.Fragment:
    # By texts: their hashes are kept, while a record's hash and equality are reckoned in Python each time.
    return orjson.Fragment(orjson.dumps(Coded(code=code, label=label)))


def record_json(record: Record) -> bytes:
    """Any record as REST shows it."""
    match record:
        case Practitioner():
            return practitioner_json(record)
        case Organization():
            return organization_json(record)
        case Mailbox():
            return mailbox_json(record)


def practitioner_json(record: Practitioner) -> bytes:
    return orjson.dumps(
        {
            "national_id": record.national_id,
            "rpps": record.rpps,
            "adeli": record.adeli,
            "civility": _code(record.civility),
            "practice_civility": _code(record.practice_civility),
            "family_name": record.family_name,
            "given_name": record.given_name,
            "professions": [_exercise(exercise) for exercise in record.exercises],
            "mailboxes": record.mailboxes,
        }
    )


def organization_json(record: Organization) -> bytes:
    return orjson.dumps(
        {
            "key": record.key,
            "name": record.name,
            "trade_name": record.trade_name,
            "finess": record.finess,
            "legal_entity_finess": record.legal_entity_finess,
            "siret": record.siret,
            "siren": record.siren,
            "former_id": record.former_id,
            "sector": _code(record.sector),
            "address": _structured(record.address),
            "phones": record.phones,
            "fax": record.fax,
            "email": record.email,
            "mailboxes": record.mailboxes,
        }
    )


def mailbox_json(record: Mailbox) -> bytes:
    return orjson.dumps(
        {
            "address": record.address,
            "kind": record.kind,
            "domain": record.address.rpartition("@")[2].lower(),
            "paperless": record.paperless,
            "trusted": record.trusted,
            "holders": [_holder(holder) for holder in record.holders],
            "created_at": record.created_at,
            "modified_at": record.modified_at,
        }
    )


def _exercise(exercise: Exercise) -> dict[str, Any]:
    return {
        "profession": _code(exercise.profession),
        "category": _code(exercise.category),
        "expertises": [_expertise(expertise) for expertise in exercise.expertises],
        "activities": [_activity(activity) for activity in exercise.activities],
    }


def _expertise(expertise: Expertise) -> dict[str, Any]:
    return {"code": expertise.expertise.code, "label": expertise.expertise.label, "type": _code(expertise.type)}


def _activity(activity: Activity) -> dict[str, Any]:
    organization = activity.organization
    shown: dict[str, Any] = {
        "mode": _code(activity.mode),
        "sector": _code(activity.sector),
        "role": _code(activity.role),
        "genre": _code(activity.genre),
        "pharmacy_section": _code(activity.pharmacy_section),
        "organization": None,
        "address": None,
        "phones": (),
    }
    if organization is not None:
        shown["organization"] = {
            "key": organization.key,
            "name": organization.name,
            "finess": organization.finess,
            "siret": organization.siret,
        }
        shown["address"] = _address(organization.address)
        shown["phones"] = organization.phones
    return shown


def _holder(holder: Holder) -> dict[str, Any]:
    return {
        "national_id": holder.national_id,
        "rpps": holder.identifier if holder.identifier_type == "8" else None,
        "adeli": holder.identifier if holder.identifier_type == "0" else None,
        "civility": holder.practice_civility,
        "family_name": holder.family_name,
        "given_name": holder.given_name,
        "profession": holder.profession,
        "expertise": holder.expertise,
        "organization": _holder_organization(holder),
        "service": holder.service,
        "address": _address(holder.address),
    }


def _holder_organization(holder: Holder) -> dict[str, Any] | None:
    if not (holder.organization_identifier or holder.organization_name):
        return None
    return {
        "key": holder.organization_key,
        "name": holder.organization_name,
        "trade_name": holder.trade_name,
        "identifier_type": holder.organization_identifier_type,
        "identifier": holder.organization_identifier,
    }


def _structured(address: Address) -> dict[str, Any] | None:
    """An address with the parts of its lines, where it has any."""
    shown = _address(address)
    if shown is not None:
        parts = {name: value for name in _PARTS if (value := getattr(address, name)) is not None}
        shown["parts"] = parts
    return shown


_PARTS = ("recipient", "location", "street_number", "street_repeat", "street_type", "street_name", "distribution")


def _address(address: Address) -> dict[str, Any] | None:
    lines = address.lines
    if not lines:
        return None
    return {
        "lines": lines,
        "postal_code": address.postal_code,
        "city": address.city,
        "commune": address.commune,
        "department": _code(address.department),
        "country": address.country,
    }
