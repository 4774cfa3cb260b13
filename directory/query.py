"""What is asked and what comes back: one small algebra for LDAP filters, REST and FHIR parameters.

Values in predicates are given as typed; the index folds them with the pipeline it was loaded with. Evaluation is
three-valued (RFC 4511 section 4.5.1.7): an assertion on an attribute nobody knows is `Undefined`, and `Not` of it
stays undefined, so it never matches.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from directory.errors import QueryTooComplex
from directory.members import direct
from directory.model import Kind

MAX_DEPTH = 20
MAX_TERMS = 256


@direct
class Field(enum.StrEnum):
    """Every searchable field of a document. The first block are attributes of mailbox entries (LDAP); a practitioner
    or organization document fills those that have a meaning for it; the second block serves REST."""

    MAIL = "mail"
    CN = "cn"
    DISPLAY_NAME = "displayName"
    SN = "sn"
    GIVEN_NAME = "givenName"
    TITLE = "title"  # profession label
    MAILBOX_TYPE = "TypeBAL"
    IDENTIFIER = "IdentifiantPP"
    IDENTIFIER_TYPE = "TypeIdentifiantPP"
    PROFESSION = "profession"  # code
    EXPERTISE = "savoirFaire"  # codes
    SPECIALTY = "specialite"  # labels
    ORGANIZATION = "o"
    SERVICE = "ou"
    ORGANIZATION_IDENTIFIER = "IdentifiantPM"
    ORGANIZATION_IDENTIFIER_TYPE = "TypeIdentifiantPM"
    DESCRIPTION = "description"
    STREET = "street"
    POSTAL_CODE = "postalCode"
    CITY = "l"
    DEPARTMENT = "st"  # label, as in X.520 stateOrProvinceName; its code is DEPARTMENT_CODE
    TELEPHONE = "telephoneNumber"
    PAPERLESS = "dematerialisation"
    NATIONAL_ID = "uid"
    OBJECT_CLASS = "objectClass"
    ENTRY_UUID = "entryUUID"
    CREATED = "createTimestamp"
    MODIFIED = "modifyTimestamp"

    KEY = "key"
    FINESS = "finess"
    SIRET = "siret"
    DEPARTMENT_CODE = "departmentCode"
    CATEGORY = "category"

    FACET = "facet"  # what FHIR searches find records and their activities by (`directory.index.facets`)
    BORNE = "borne"  # mailboxes, each behind who bears it: the person, one of its activities, the structure


# The predicates that nearly every filter is made of write out their constructors: those that `dataclass` writes are not
# compiled where the module is (`make compiled`), and take a microsecond there instead of a twentieth of one.


@dataclass(frozen=True, slots=True, init=False)
class Is:
    """Some value of the field equals `value`."""

    field: Field
    value: str

    def __init__(self, field: Field, value: str) -> None:
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "value", value)


@dataclass(frozen=True, slots=True, init=False)
class Like:
    """Some value matches initial*middle*…*final; parts are literal (a `*` in a part is a star)."""

    field: Field
    initial: str | None
    middle: tuple[str, ...]
    final: str | None

    def __init__(
        self, field: Field, initial: str | None = None, middle: tuple[str, ...] = (), final: str | None = None
    ) -> None:
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "initial", initial)
        object.__setattr__(self, "middle", middle)
        object.__setattr__(self, "final", final)


@dataclass(frozen=True, slots=True)
class Starts:
    """Some value begins with `value`, or goes on with it where a word begins: the second half of a double name."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class Near:
    """Some value is like `value` to the ear or within a typo or two (LDAP `~=`)."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Some value is greater or equal in the field's ordering; fields without an ordering rule are Undefined."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class AtMost:
    """Some value is less or equal in the field's ordering."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True, init=False)
class Has:
    """The field is present."""

    field: Field

    def __init__(self, field: Field) -> None:
        object.__setattr__(self, "field", field)


@dataclass(frozen=True, slots=True, init=False)
class And:
    """All of them; of none: true (RFC 4526)."""

    parts: tuple[Predicate, ...]

    def __init__(self, parts: tuple[Predicate, ...]) -> None:
        object.__setattr__(self, "parts", parts)


@dataclass(frozen=True, slots=True, init=False)
class Or:
    """Any of them; of none: false (RFC 4526)."""

    parts: tuple[Predicate, ...]

    def __init__(self, parts: tuple[Predicate, ...]) -> None:
        object.__setattr__(self, "parts", parts)


@dataclass(frozen=True, slots=True)
class Not:
    part: Predicate


@dataclass(frozen=True, slots=True)
class Anything:
    """True of every document."""


@dataclass(frozen=True, slots=True)
class Undefined:
    """Neither true nor false of any document."""


@dataclass(frozen=True, slots=True)
class Resolves:
    """Ambiguous name resolution (LDAP `(anr=…)`): every typed word begins a word of name, given name or address, or an
    identifier."""

    text: str


Predicate = Is | Like | Starts | Near | AtLeast | AtMost | Has | And | Or | Not | Anything | Undefined | Resolves

ORDERED: frozenset[Field] = frozenset({Field.CREATED, Field.MODIFIED})
"""The fields with an ordering matching rule (generalizedTimeOrderingMatch); RFC 4519 gives none to names."""


@dataclass(frozen=True, slots=True, init=False)
class Query:
    """A question in the algebra: which documents of `kinds` satisfy `predicate`, the best `limit` first.

    `deadline_s` is the time the evaluation may take; past it TimeLimitExceeded is raised.
    """

    predicate: Predicate
    kinds: tuple[Kind, ...]
    limit: int
    offset: int
    deadline_s: float

    def __init__(
        self,
        predicate: Predicate,
        kinds: tuple[Kind, ...] = (Kind.MAILBOX,),
        limit: int = 100,
        offset: int = 0,
        deadline_s: float = 5.0,
    ) -> None:
        object.__setattr__(self, "predicate", predicate)
        object.__setattr__(self, "kinds", kinds)
        object.__setattr__(self, "limit", limit)
        object.__setattr__(self, "offset", offset)
        object.__setattr__(self, "deadline_s", deadline_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextQuery:
    """A question as people type it: names, place, profession, structure, in any order, with typos."""

    text: str
    kinds: tuple[Kind, ...] = (Kind.PRACTITIONER, Kind.ORGANIZATION, Kind.MAILBOX)
    where: Predicate = field(default_factory=Anything)
    limit: int = 20
    explain: bool = False
    typing: bool = False  # asked again at each letter: what begins so is enough, with what sounds alike
    deadline_s: float = 5.0


def check_bounds(predicate: Predicate, max_depth: int = MAX_DEPTH, max_terms: int = MAX_TERMS) -> None:
    """Refuse a predicate deeper or wider than the limits.

    Raises:
        QueryTooComplex: more than `max_depth` levels or `max_terms` assertions.
    """
    terms, level = 0, [predicate]
    for _ in range(max_depth):
        if not level:
            return
        below: list[Predicate] = []
        for node in level:
            if isinstance(node, And | Or):
                below.extend(node.parts)
            elif isinstance(node, Not):
                below.append(node.part)
            else:
                terms += 1
        if terms + len(below) > max_terms:
            raise QueryTooComplex(f"the filter has more than {max_terms} terms")
        level = below
    if level:
        raise QueryTooComplex(f"the filter is nested more than {max_depth} levels deep")
