"""Search parameters of Organization: a legal entity (EJ) or a site (EG)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from api.fhir import systems
from api.fhir.addresses import lines_of
from api.fhir.common_parameters import COMMON
from api.fhir.criteria import Criterion, Token
from api.fhir.identity import key_of
from api.fhir.meanings import (
    NOTHING,
    TEXTUAL,
    About,
    Meaning,
    Parameter,
    always,
    any_of,
    facet,
    facet_beginning,
    nothing,
    plain,
    referenced,
    text_in,
    tokens,
    written,
)
from directory.index.facets import LEGAL, MAIL, PART, STRUCTURE, tag
from directory.index.reader import Snapshot
from directory.index.selection import Written
from directory.model import Kind
from directory.query import Anything, Field, Has, Is, Not, Or, Predicate
from directory.text import fold

_LEGAL: Final = Is(Field.FACET, tag(STRUCTURE, LEGAL))
_IN_FINESS: Final = Or((Has(Field.FINESS), _LEGAL))
_NATIONAL: Final = Or((Has(Field.FINESS), Has(Field.ORGANIZATION_IDENTIFIER), Has(Field.SIRET)))


def _id(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    keys = [key_of(value) for value in criterion.texts]
    return always(any_of(Is(Field.KEY, key) if key else NOTHING for key in keys))


def _name(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    found = text_in(criterion, (Field.ORGANIZATION,))
    return Meaning(lambda _bearer: found, written(criterion, lambda record: (record["name"], record["trade_name"])))


def _city(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    found = text_in(criterion, (Field.CITY,), words=False)
    return Meaning(lambda _bearer: found, written(criterion, lambda record: _of_address(record, "city")))


def _postal_code(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    return always(text_in(criterion, (Field.POSTAL_CODE,), words=False))


def _address(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    found = Or(
        (
            text_in(criterion, (Field.CITY, Field.DEPARTMENT)),
            text_in(criterion, (Field.POSTAL_CODE,), words=False),
        )
    )
    return Meaning(lambda _bearer: found, written(criterion, lambda record: _of_address(record, "city", "postal_code")))


def _line(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    """Lines are not indexed: they are read of those that the other criteria leave."""
    asked = frozenset(criterion.texts if criterion.modifier == "exact" else map(fold, criterion.texts))

    def check(json: bytes) -> bool:
        held = orjson.loads(json)["address"]
        lines = lines_of(held) if held else []
        if criterion.modifier == "exact":
            return not asked.isdisjoint(lines)
        folded = list(map(fold, lines))
        if criterion.modifier == "contains":
            return any(one in line for line in folded for one in asked)
        return any(line.startswith(one) for line in folded for one in asked)

    return Meaning(lambda _bearer: Anything(), Written((criterion.name, criterion.modifier, asked), check))


def _of_address(record: dict[str, Any], *members: str) -> Iterable[str | None]:
    held = record["address"] or {}
    return (held.get(member) for member in members)


def _identifier(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    return tokens(criterion, lambda asked: plain(_numbered(asked)))


def _numbered(asked: Token) -> Predicate:
    number = asked.code
    match asked.system:
        case None:
            return Or((_finess(number), _national(number), Is(Field.KEY, number)))
        case systems.FINESS:
            return _finess(number) if number else _IN_FINESS
        case systems.NATIONAL_STRUCTURE:
            return _national(number) if number else _NATIONAL
        case systems.RPPS_RANG:
            return Is(Field.KEY, number) if number else Has(Field.KEY)
    return NOTHING


def _finess(number: str) -> Predicate:
    return Or((Is(Field.FINESS, number), Is(Field.FACET, tag(STRUCTURE, LEGAL, number))))


def _national(number: str) -> Predicate:
    """A digit that says what kind of number follows (TRE_G07), and the number."""
    kind, rest = number[:1], number[1:]
    found = [Is(Field.ORGANIZATION_IDENTIFIER, number)] if len(number) > 9 else []
    if kind == "1":
        found += (Is(Field.FINESS, rest), Is(Field.FACET, tag(STRUCTURE, LEGAL, rest)))
    elif kind == "3":
        found.append(Is(Field.SIRET, rest))
    return any_of(found) if found else NOTHING


def _identifier_type(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    known: dict[str, Predicate] = {
        "FINEG": Has(Field.FINESS),
        "FINEJ": _LEGAL,
        "IDNST": _NATIONAL,
        "RPPSRG": Has(Field.KEY),
    }
    return tokens(criterion, lambda asked: plain(known.get(asked.code, NOTHING)))


def _part_of(snapshot: Snapshot, criterion: Criterion) -> Meaning:
    ids = [referenced(value, "Organization") for value in criterion.texts]
    return always(any_of(_sites(snapshot, id_) for id_ in ids))


def _sites(snapshot: Snapshot, id_: str) -> Predicate:
    """The sites of the legal entity with this id."""
    key = key_of(id_)
    document = snapshot.get(Kind.ORGANIZATION, key) if key else None
    legal = tag(STRUCTURE, LEGAL, "")
    numbers = (
        [one.removeprefix(legal) for one in document.field(Field.FACET) if one.startswith(legal)] if document else []
    )
    return any_of(Is(Field.FACET, tag(STRUCTURE, PART, number)) for number in numbers) if numbers else NOTHING


def _type(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    return tokens(criterion, _typed)


def _typed(asked: Token) -> About:
    code, system = asked.code, asked.system
    if system in (None, systems.STRUCTURE_TYPE) and code in ("LEGAL-ENTITY", "GEOGRAPHICAL-ENTITY"):
        return plain(_LEGAL if code == "LEGAL-ENTITY" else Not(_LEGAL))
    if system in (None, systems.TERMINOLOGIES["r02"]):
        return facet("r02", code) if code else facet_beginning("r02")
    return plain(Anything()) if system == systems.STRUCTURE_TYPE and not code else nothing


def _information_system(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    known: dict[str, About] = {"FINESS": plain(_IN_FINESS), "RPPS": plain(Not(_IN_FINESS)), "MSS": facet(MAIL)}
    return tokens(criterion, lambda asked: known.get(asked.code, nothing))


PARAMETERS: Final = (
    Parameter("_id", "token", "Technical id.", _id),
    *(one for one in COMMON if one.name != "data-registration-authority"),
    Parameter("name", "string", "Name (raison sociale) or trade name, from the beginning of a word.", _name, TEXTUAL),
    Parameter("address", "string", "Town, postal code or département.", _address, TEXTUAL),
    Parameter("address-line", "string", "A line of the address; only with other criteria.", _line, TEXTUAL),
    Parameter("address-city", "string", "Town.", _city, TEXTUAL),
    Parameter(
        "address-postalcode", "string", "Postal code; its beginning says the département.", _postal_code, TEXTUAL
    ),
    Parameter("identifier", "token", "FINESS, national structure identifier, RPPS-rang.", _identifier, ("not",)),
    Parameter("identifier-type", "token", "FINEG, FINEJ, IDNST or RPPSRG.", _identifier_type, ("not",)),
    Parameter("partof", "reference", "The sites of a legal entity.", _part_of),
    Parameter("type", "token", "LEGAL-ENTITY, GEOGRAPHICAL-ENTITY, or a sector (SA..).", _type, ("not",)),
    Parameter(
        "data-information-system", "token", "FINESS, RPPS, or MSS: has a mailbox.", _information_system, ("not",)
    ),
)
