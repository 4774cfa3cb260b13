"""Records that left the register less than 30 days ago: inactive resources, for who follows what changes.

Of them only their key is kept, so they are found by id, identifier, activity and moment, and by nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from api.fhir import systems
from api.fhir.asked import Asked
from api.fhir.common_parameters import holds
from api.fhir.criteria import Criterion, token
from api.fhir.identity import id_of
from api.fhir.resources import bare, instant, person_identifiers, structure_identifiers
from directory.index.reader import Snapshot
from directory.model import Kind

Resource = dict[str, Any]

_KINDS: Final = {"Practitioner": Kind.PRACTITIONER, "Organization": Kind.ORGANIZATION}


def found(snapshot: Snapshot, asked: Asked) -> list[str]:
    """The keys of those that a search finds, in order."""
    if asked.kind not in _KINDS or any(criterion.name not in _TOLD for criterion in asked.criteria):
        return []
    left = snapshot.left(_KINDS[asked.kind])
    if not asked.criteria:
        return list(left)
    return [key for key, at in left.items() if all(_TOLD[one.name](one, asked.kind, key, at) for one in asked.criteria)]


def resource(snapshot: Snapshot, kind: str, key: str) -> Resource | None:
    """One of them; None when no such record has left lately."""
    at = snapshot.left(_KINDS[kind]).get(key) if kind in _KINDS else None
    if at is None:
        return None
    return {**bare(kind, id_of(key), instant(at), active=False), "identifier": _identifiers(kind, key)}


def _identifiers(kind: str, key: str) -> list[Resource]:
    if kind == "Practitioner":
        return person_identifiers(key, key[1:] if key[:1] == "8" and len(key) == 12 else None)
    finess = key[1:] if key[:1] == "F" else None
    numbers: Mapping[str, str | None] = {"key": key, "finess": finess}
    return structure_identifiers({**_NO_NUMBERS, **numbers})


_NO_NUMBERS: Final[Mapping[str, None]] = dict.fromkeys(("former_id", "legal_entity_finess", "siret", "siren"))


def _by_id(criterion: Criterion, _kind: str, key: str, _at: str) -> bool:
    return id_of(key) in criterion.texts


def _by_identifier(criterion: Criterion, kind: str, key: str, _at: str) -> bool:
    held = {(one["system"], one["value"]) for one in _identifiers(kind, key)}
    tokens = [token(value) for value in criterion.values]
    found = any(
        (one.system is None or systems.canonical(one.system) == system) and (not one.code or one.code == value)
        for one in tokens
        for system, value in held
    )
    return found is (criterion.modifier != "not")


def _by_activity(criterion: Criterion, _kind: str, _key: str, _at: str) -> bool:
    return any(token(value).code == "false" for value in criterion.values) is (criterion.modifier != "not")


def _by_moment(criterion: Criterion, _kind: str, _key: str, at: str) -> bool:
    changed = dt.datetime.strptime(at + "+0000", "%Y%m%d%H%M%SZ%z")
    return any(holds(value, changed) for value in criterion.texts)


_Told = Callable[[Criterion, str, str, str], bool]
_TOLD: Final[Mapping[str, _Told]] = {
    "_id": _by_id,
    "identifier": _by_identifier,
    "active": _by_activity,
    "_lastUpdated": _by_moment,
}
