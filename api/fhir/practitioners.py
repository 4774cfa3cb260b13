"""Search parameters of Practitioner: a person in one or more professions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from api.fhir import systems
from api.fhir.common_parameters import COMMON
from api.fhir.criteria import Criterion, Token, separated, unescaped
from api.fhir.identity import key_of
from api.fhir.meanings import (
    NOTHING,
    TEXTUAL,
    About,
    Meaning,
    Parameter,
    always,
    any_of,
    both,
    everything,
    facet,
    facet_beginning,
    nothing,
    plain,
    text_in,
    tokens,
    written,
)
from directory import nomenclature
from directory.errors import InvalidInput
from directory.index.facets import MAIL, PERSON, TITLE, tag
from directory.index.reader import Snapshot
from directory.query import Field, Has, Is, Or, Predicate
from directory.text import fold

_RPPS: Final = Is(Field.IDENTIFIER_TYPE, "8")
_TYPES: Final = {"RPPS": systems.RPPS, "IDNPS": systems.NATIONAL_PERSON}


def _id(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    keys = [key_of(value) for value in criterion.texts]
    return always(any_of(Is(Field.NATIONAL_ID, key) if key else NOTHING for key in keys))


def _family(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    found = text_in(criterion, (Field.SN,))
    return Meaning(lambda _bearer: found, written(criterion, lambda record: _texts(record, "family_name")))


def _given(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    found = text_in(criterion, (Field.GIVEN_NAME,))
    return Meaning(lambda _bearer: found, written(criterion, lambda record: _texts(record, "given_name")))


def _name(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    found = Or((text_in(criterion, (Field.SN, Field.GIVEN_NAME)), *_titles(criterion)))
    return Meaning(lambda _bearer: found, written(criterion, _names))


def _titles(criterion: Criterion) -> Iterable[Predicate]:
    """The prefix (M, MME) and suffix (DR) are parts of the name, too."""
    for value in filter(None, map(fold, criterion.texts)):
        for title in _TITLES:
            if _matches(criterion.modifier, title, value):
                yield Is(Field.FACET, tag(PERSON, TITLE, title))


def _matches(modifier: str, title: str, value: str) -> bool:
    if modifier == "contains":
        return value in title
    return title == value if modifier == "exact" else title.startswith(value)


_TITLES: Final = tuple(
    fold(code) for name in ("civilities", "practice-civilities") for code in nomenclature.codes(name)
)


def _names(record: dict[str, Any]) -> Iterable[str | None]:
    titles = (coded["code"] for coded in (record["civility"], record["practice_civility"]) if coded)
    return (record["family_name"], record["given_name"], *titles)


def _texts(record: dict[str, Any], member: str) -> Iterable[str | None]:
    return (record[member],)


def _identifier(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    if criterion.modifier == "of-type":
        return always(any_of(_numbered(of_type(value)) for value in criterion.values))
    return tokens(criterion, lambda asked: plain(_numbered(asked)))


def _numbered(asked: Token) -> Predicate:
    number = asked.code
    match asked.system:
        case None:
            return Or((Is(Field.IDENTIFIER, number), Is(Field.NATIONAL_ID, number)))
        case systems.RPPS:
            return both(_RPPS, Is(Field.IDENTIFIER, number)) if number else _RPPS
        case systems.NATIONAL_PERSON:
            return Is(Field.NATIONAL_ID, number) if number else Has(Field.NATIONAL_ID)
    return NOTHING


def of_type(value: str) -> Token:
    """`system|code|value`: the type of the identifier, and the identifier."""
    parts = [unescaped(part) for part in separated(value, "|")]
    if len(parts) != 3:
        raise InvalidInput(
            "identifier:of-type wants system|code|value", fr="identifier:of-type veut system|code|valeur"
        )
    known = systems.canonical(parts[0]) in ("", systems.IDENTIFIER_TYPE)
    return Token(_TYPES.get(parts[1], "") if known else "", parts[2])


def _identifier_type(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    known: dict[str, About] = {"RPPS": plain(_RPPS), "IDNPS": everything}
    return tokens(criterion, lambda asked: known.get(asked.code, nothing))


def _qualification(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    return tokens(criterion, _qualified)


def _qualified(asked: Token) -> About:
    code, system = asked.code, asked.system
    if system is None:
        coded = [Is(field, code) for field in (Field.PROFESSION, Field.CATEGORY, Field.EXPERTISE)]
        return lambda bearer: Or((*coded, Is(Field.FACET, tag(bearer, "r04", code))))
    list_name = systems.LIST_OF.get(system, "")
    if list_name == "r04":
        return facet("r04", code) if code else facet_beginning("r04")
    if list_name == "r09":
        return plain(Is(Field.CATEGORY, code) if code else Has(Field.CATEGORY))
    if list_name in systems.PROFESSIONS:
        return plain(_coded(Field.PROFESSION, code, systems.codes_of_professions(list_name)))
    return plain(_coded(Field.EXPERTISE, code, systems.codes_of_expertises(system)))


def _coded(field: Field, code: str, codes: frozenset[str]) -> Predicate:
    """A code of a terminology, or any of them."""
    if code:
        return Is(field, code) if code in codes else NOTHING
    return any_of(Is(field, one) for one in sorted(codes))


def _information_system(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    known: dict[str, About] = {"RPPS": plain(_RPPS), "MSS": facet(MAIL)}
    return tokens(criterion, lambda asked: known.get(asked.code, nothing))


PARAMETERS: Final = (
    Parameter("_id", "token", "Technical id.", _id),
    *COMMON,
    Parameter("family", "string", "Family name of practice; also found by its second half.", _family, TEXTUAL),
    Parameter("given", "string", "Given name of practice.", _given, TEXTUAL),
    Parameter("name", "string", "Any part of the name, prefix and suffix included.", _name, TEXTUAL),
    Parameter("identifier", "token", "RPPS number or national identifier.", _identifier, ("not", "of-type")),
    Parameter("identifier-type", "token", "RPPS or IDNPS.", _identifier_type, ("not",)),
    Parameter(
        "qualification-code", "token", "Profession, category, savoir-faire, or its type.", _qualification, ("not",)
    ),
    Parameter("data-information-system", "token", "RPPS, or MSS: has a mailbox.", _information_system, ("not",)),
)
