"""What left the register less than 30 days ago: inactive resources, for who follows what changes.

Of records only their key is kept, so they are found by id, identifier and its type, activity and moment, and by nothing
else. Of activities it is likewise (`ended`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from api.fhir import ended, systems
from api.fhir.asked import Asked
from api.fhir.common_parameters import asks_for_inactive, told_at
from api.fhir.criteria import Criterion, token
from api.fhir.ended import NOBODY, Departures, Listed
from api.fhir.identity import id_of, key_of
from api.fhir.practitioners import of_type
from api.fhir.resources import bare, instant, person_identifiers, structure_identifiers
from directory.index.reader import Snapshot
from directory.model import Kind

Resource = dict[str, Any]

_KINDS: Final = {"Practitioner": Kind.PRACTITIONER, "Organization": Kind.ORGANIZATION}


def found(snapshot: Snapshot, asked: Asked) -> Departures:
    """Those that a search finds, by name: a record's is its key."""
    if asked.kind not in _KINDS:
        return ended.found(snapshot, asked.criteria)
    if any(criterion.name not in _TOLD for criterion in asked.criteria):
        return NOBODY
    left = snapshot.left(_KINDS[asked.kind])
    tell = [_TOLD[one.name](one, asked.kind) for one in asked.criteria]
    return Listed([key for key, at in left.items() if all(fits(key, at) for fits in tell)])


def by_id(snapshot: Snapshot, kind: str, id_: str) -> str | None:
    """The name of the one with an id; None when no such one has left lately."""
    if kind not in _KINDS:
        return ended.name_of(snapshot, id_)
    key = key_of(id_)
    return key if key is not None and key in snapshot.left(_KINDS[kind]) else None


def resource(snapshot: Snapshot, kind: str, name: str) -> Resource:
    """The one with a name."""
    if kind not in _KINDS:
        return ended.resource(name)
    at = snapshot.left(_KINDS[kind])[name]
    return {**bare(kind, id_of(name), instant(at), active=False), "identifier": _identifiers(kind, name)}


def _identifiers(kind: str, key: str) -> list[Resource]:
    if kind == "Practitioner":
        return person_identifiers(key, key[1:] if key[:1] == "8" and len(key) == 12 else None)
    finess = key[1:] if key[:1] == "F" else None
    numbers: Mapping[str, str | None] = {"key": key, "finess": finess}
    return structure_identifiers({**_NO_NUMBERS, **numbers})


_NO_NUMBERS: Final[Mapping[str, None]] = dict.fromkeys(("former_id", "legal_entity_finess", "siret", "siren"))

_Fits = Callable[[str, str], bool]
"""Whether a record fits, by its key and the moment it left. What is asked is read once: thousands leave in a month."""


def _by_id(criterion: Criterion, _kind: str) -> _Fits:
    return lambda key, _: id_of(key) in criterion.texts


def _by_identifier(criterion: Criterion, kind: str) -> _Fits:
    tokens = [of_type(value) if criterion.modifier == "of-type" else token(value) for value in criterion.values]
    wanted = criterion.modifier != "not"

    def fits(key: str, _at: str) -> bool:
        # Each number that is told holds the key's own: nearly all records need not be looked at further.
        if not any(not one.code or key[1:] in one.code for one in tokens):
            return not wanted
        held = {(one["system"], one["value"]) for one in _identifiers(kind, key)}
        found = any(
            (one.system is None or systems.canonical(one.system) == system) and (not one.code or one.code == value)
            for one in tokens
            for system, value in held
        )
        return found is wanted

    return fits


def _by_identifier_type(criterion: Criterion, kind: str) -> _Fits:
    wanted = {token(value).code for value in criterion.values}
    positive = criterion.modifier != "not"

    def fits(key: str, _at: str) -> bool:
        types = {one["type"]["coding"][0]["code"] for one in _identifiers(kind, key)}
        return (not wanted.isdisjoint(types)) is positive

    return fits


def _by_activity(criterion: Criterion, _kind: str) -> _Fits:
    told = asks_for_inactive(criterion)
    return lambda _key, _at: told


def _by_moment(criterion: Criterion, _kind: str) -> _Fits:
    return lambda _key, at: told_at(criterion, at)


_TOLD: Final[Mapping[str, Callable[[Criterion, str], _Fits]]] = {
    "_id": _by_id,
    "identifier": _by_identifier,
    "identifier-type": _by_identifier_type,
    "active": _by_activity,
    "_lastUpdated": _by_moment,
}
