"""One FHIR search as it was asked: criteria, and how the answer is wanted (R4 sections 3.1.1.3 to 3.1.1.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from api.fhir import organizations, practitioners, roles
from api.fhir.criteria import Criterion, Pairs, criterion, only
from api.fhir.meanings import Parameter
from directory.errors import InvalidInput, NotFound
from directory.settings import Settings

PARAMETERS: Final[Mapping[str, Mapping[str, Parameter]]] = {
    kind: {parameter.name: parameter for parameter in found}
    for kind, found in (
        ("Practitioner", practitioners.PARAMETERS),
        ("PractitionerRole", roles.PARAMETERS),
        ("Organization", organizations.PARAMETERS),
    )
}
"""The search parameters of each type of resource that is served."""

INCLUDES: Final[Mapping[str, tuple[str, ...]]] = {
    "Practitioner": (),
    "PractitionerRole": ("PractitionerRole:practitioner", "PractitionerRole:organization"),
    "Organization": ("Organization:partof",),
}
REVINCLUDES: Final[Mapping[str, tuple[str, ...]]] = {
    "Practitioner": ("PractitionerRole:practitioner",),
    "PractitionerRole": (),
    "Organization": ("PractitionerRole:organization", "Organization:partof"),
}
FORMAT: Final = ("_format", "_pretty")
_CONTROLS: Final = frozenset({"_count", "_total", "_elements", "_include", "_revinclude", *FORMAT})
_TOTALS: Final = ("none", "estimate", "accurate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search of one type of resource. `pairs` are its parameters as they were understood."""

    kind: str
    pairs: Pairs
    criteria: tuple[Criterion, ...]
    count: int
    total: bool
    elements: frozenset[str]
    include: frozenset[str]
    revinclude: frozenset[str]
    repeated: bool  # persons show the mailboxes of their activities, too


def read(settings: Settings, kind: str, pairs: Pairs) -> tuple[Asked, ...]:
    """A search of one type of resource, from its parameters; with "" for the type, of all that `_type` names: a search
    of each.

    Raises:
        NotFound: there is no such type of resource here.
        InvalidInput: a parameter, a modifier or a value is not known, or not of all these types.
    """
    if kind:
        known(kind)
        return (_read(settings, kind, (kind,), pairs, _CONTROLS),)
    kinds = _types(pairs)
    return tuple(_read(settings, one, kinds, pairs, _CONTROLS | {"_type"}) for one in kinds)


def _types(pairs: Pairs) -> tuple[str, ...]:
    named = [one.strip() for one in (only(pairs, "_type") or "").split(",") if one.strip()]
    if unknown := next((one for one in named if one not in PARAMETERS), None):
        raise _wrong("_type", unknown)
    return tuple(dict.fromkeys(named)) or tuple(PARAMETERS)


def _read(settings: Settings, kind: str, kinds: tuple[str, ...], pairs: Pairs, controls: frozenset[str]) -> Asked:
    """The search of one of some types."""
    criteria = []
    for name, value in pairs:
        if name not in controls and (found := criterion(name, value)) is not None:
            criteria.append(_checked(kind, found, name))
    total = only(pairs, "_total") or "accurate"
    if total not in _TOTALS:
        raise _wrong("_total", total)
    elements = (only(pairs, "_elements") or "").split(",")
    return Asked(
        kind=kind,
        pairs=tuple((name, value) for name, value in pairs if name not in FORMAT),
        criteria=tuple(criteria),
        count=_count(settings, only(pairs, "_count")),
        total=total != "none",
        elements=frozenset(one.strip().rpartition(".")[2] for one in elements if one.strip()),
        include=_included(pairs, "_include", INCLUDES, kinds).intersection(INCLUDES[kind]),
        revinclude=_included(pairs, "_revinclude", REVINCLUDES, kinds).intersection(REVINCLUDES[kind]),
        repeated=settings.fhir_repeat_mailboxes and kind == "Practitioner",
    )


def known(kind: str) -> None:
    """Refuse a type of resource that is not served.

    Raises:
        NotFound: it is none of those.
    """
    if kind not in PARAMETERS:
        shown = kind[:40]
        raise NotFound(f"unknown resource type {shown!r}", fr=f"type de ressource inconnu : {shown!r}")


def _checked(kind: str, found: Criterion, written: str) -> Criterion:
    shown = written[:60]
    parameter = PARAMETERS[kind].get(found.name)
    if parameter is None:
        raise InvalidInput(f"Parameter {shown!r} not found for {kind}", fr=f"paramètre inconnu pour {kind} : {shown!r}")
    if found.modifier and found.modifier not in parameter.modifiers:
        raise InvalidInput(
            f"{shown!r}: modifier {found.modifier[:40]!r} is not known for this parameter",
            fr=f"{shown!r} : ce paramètre n'a pas le modificateur {found.modifier[:40]!r}",
        )
    return found


def _count(settings: Settings, value: str | None) -> int:
    if value is None:
        return settings.fhir_count
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise _wrong("_count", value)
    return min(int(value), settings.fhir_count_max)


def _included(
    pairs: Pairs, name: str, of_kind: Mapping[str, tuple[str, ...]], kinds: tuple[str, ...]
) -> frozenset[str]:
    offered = tuple(one for kind in kinds for one in of_kind[kind])
    found: set[str] = set()
    for value in (one for key, one in pairs if key == name and one):
        wanted = offered if value == "*" else (value,)
        if value != "*" and value not in offered:
            raise _wrong(name, value)
        found.update(wanted)
    return frozenset(found)


def _wrong(name: str, value: str) -> InvalidInput:
    shown = value[:60]
    return InvalidInput(f"{name}: {shown!r} is not known", fr=f"{name} : {shown!r} n'est pas connu")
