"""Search parameters of PractitionerRole: an activity of a person at a structure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from api.fhir import systems
from api.fhir.common_parameters import COMMON
from api.fhir.criteria import Criterion, Token
from api.fhir.identity import key_of, person_of_role, role_ids
from api.fhir.meanings import (
    NOTHING,
    About,
    Meaning,
    Parameter,
    any_of,
    everything,
    facet,
    facet_beginning,
    nothing,
    referenced,
    tokens,
)
from api.fhir.resources import record_of
from directory.index.facets import MAIL, PERSON, PLACE, SEVERAL, tag
from directory.index.reader import Snapshot
from directory.model import Kind
from directory.query import And, Field, Is, Not, Or, Predicate

_ALONE: Final = Not(Is(Field.FACET, tag(PERSON, SEVERAL)))


def _id(snapshot: Snapshot, criterion: Criterion) -> Meaning:
    return _any(_role(snapshot, id_) for id_ in criterion.texts)


def _identifier(snapshot: Snapshot, criterion: Criterion) -> Meaning:
    def meaning(asked: Token) -> About:
        if asked.system not in (None, systems.ACTIVITY):
            return nothing
        return _role(snapshot, asked.code) if asked.code else everything

    return tokens(criterion, meaning)


def place_of(snapshot: Snapshot, id_: str) -> tuple[str, int] | None:
    """The key of the person whose activity has this id, and its place in the record; None when there is none."""
    key = person_of_role(id_)
    document = snapshot.get(Kind.PRACTITIONER, key) if key else None
    ids = role_ids(record_of(document)) if document else []
    return (document.key, ids.index(id_)) if document and id_ in ids else None


def _role(snapshot: Snapshot, id_: str) -> About:
    found = place_of(snapshot, id_)
    if found is None:
        return nothing
    key, place = found
    return lambda bearer: Is(Field.NATIONAL_ID, key) if bearer == str(place) else NOTHING


def _practitioner(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    keys = [key_of(referenced(value, "Practitioner")) for value in criterion.texts]
    found = any_of(Is(Field.NATIONAL_ID, key) if key else NOTHING for key in keys)
    return Meaning(lambda _bearer: found)


def _organization(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    keys = [key_of(referenced(value, "Organization")) for value in criterion.texts]
    return Meaning(lambda bearer: any_of(at(bearer, key) if key else NOTHING for key in keys))


def at(bearer: str, key: str) -> Predicate:
    """The activity is at a structure: who has one activity has it where the record says."""
    placed = Is(Field.FACET, tag(bearer, PLACE, key))
    return Or((placed, And((Is(Field.KEY, key), _ALONE)))) if bearer == "0" else placed


def _code(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    return tokens(criterion, _coded)


def _coded(asked: Token) -> About:
    if asked.system is None:
        return lambda bearer: any_of(Is(Field.FACET, tag(bearer, name, asked.code)) for name in systems.ROLES)
    list_name = systems.LIST_OF.get(asked.system, "")
    if list_name not in systems.ROLES:
        return nothing
    return facet(list_name, asked.code) if asked.code else facet_beginning(list_name)


def _information_system(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    known: dict[str, About] = {"RPPS": everything, "MSS": facet(MAIL)}
    return tokens(criterion, lambda asked: known.get(asked.code, nothing))


def _any(abouts: Iterable[About]) -> Meaning:
    several = list(abouts)
    return Meaning(lambda bearer: any_of(about(bearer) for about in several))


PARAMETERS: Final = (
    Parameter("_id", "token", "Technical id.", _id),
    *COMMON,
    Parameter(
        "identifier", "token", "Identifier of the activity (ours: the extracts give none).", _identifier, ("not",)
    ),
    Parameter("practitioner", "reference", "The person.", _practitioner),
    Parameter("organization", "reference", "The structure.", _organization),
    Parameter("role", "token", "Function, role, genre, practice mode, pharmacists' section.", _code, ("not",)),
    Parameter("data-information-system", "token", "RPPS, or MSS: has a mailbox.", _information_system, ("not",)),
)
