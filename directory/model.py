"""The records of the directory: frozen values with the field's own names (DOMAIN sections 3, 4 and 7).

An absent text is None here (it is '' in the register, as in the extracts). Texts are as received: never re-cased.

Records write their constructors out, as `directory.query` does: a build makes thirty million of them, and those that
`dataclass` makes fill frozen values in by their descriptors, which takes ten times as long once compiled.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Final

from directory.members import direct

LEFT_DAYS: Final = 30
"""Days for which it is known that a record has left, or that an activity has ended."""


@direct
class Kind(enum.StrEnum):
    """The three kinds of record, and of document in the index."""

    MAILBOX = "mailbox"
    PRACTITIONER = "practitioner"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Coded:
    """A code of a national terminology and the label people read."""

    code: str
    label: str

    def __init__(self, *, code: str, label: str) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "label", label)


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Address:
    """A postal address as the extracts lay it out (DOMAIN section 3, *Address*), with what is derived for search.

    `city` is the commune's name, or failing that the town read out of the last postal line; `department` is the code
    derived from the commune, or failing that from the postal code; None for foreign addresses.
    """

    recipient: str | None
    location: str | None
    street_number: str | None
    street_repeat: str | None
    street_type: str | None  # the label: Rue, Boulevard …
    street_name: str | None
    distribution: str | None
    post_office_line: str | None  # "69399 LYON CEDEX 03"
    postal_code: str | None
    commune: Coded | None
    country: Coded | None
    department: Coded | None
    city: str | None

    def __init__(
        self,
        *,
        recipient: str | None = None,
        location: str | None = None,
        street_number: str | None = None,
        street_repeat: str | None = None,
        street_type: str | None = None,
        street_name: str | None = None,
        distribution: str | None = None,
        post_office_line: str | None = None,
        postal_code: str | None = None,
        commune: Coded | None = None,
        country: Coded | None = None,
        department: Coded | None = None,
        city: str | None = None,
    ) -> None:
        object.__setattr__(self, "recipient", recipient)
        object.__setattr__(self, "location", location)
        object.__setattr__(self, "street_number", street_number)
        object.__setattr__(self, "street_repeat", street_repeat)
        object.__setattr__(self, "street_type", street_type)
        object.__setattr__(self, "street_name", street_name)
        object.__setattr__(self, "distribution", distribution)
        object.__setattr__(self, "post_office_line", post_office_line)
        object.__setattr__(self, "postal_code", postal_code)
        object.__setattr__(self, "commune", commune)
        object.__setattr__(self, "country", country)
        object.__setattr__(self, "department", department)
        object.__setattr__(self, "city", city)

    @property
    def street(self) -> str | None:
        """The street line: number, repetition index, type and name, as printed on an envelope."""
        name = self.street_name or ""
        # The type is left out where the name already begins with it (anomaly 17).
        type_ = self.street_type or ""
        if type_ and name.casefold().startswith(type_.casefold() + " "):
            type_ = ""
        return " ".join(part for part in (self.street_number, self.street_repeat, type_, name) if part) or None

    @property
    def lines(self) -> tuple[str, ...]:
        """The postal lines in order, without the empty ones."""
        last = self.post_office_line or " ".join(part for part in (self.postal_code, self.city) if part)
        country = self.country.label if self.country and self.country.code not in ("99000", "99100") else None
        candidates = (self.recipient, self.location, self.street, self.distribution, last, country)
        return tuple(line for line in candidates if line)


NOWHERE: Final = Address()


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class MailboxSummary:
    """What a practitioner's or an organization's record says of one of its mailboxes."""

    address: str
    kind: str  # PER, ORG, APP, CAB
    organization: str | None  # name of the structure of this holding
    service: str | None
    paperless: bool | None
    trusted: bool  # its domain is on the current white list
    organization_key: str | None  # the one structure of the register that a person's mailbox names

    def __init__(
        self,
        *,
        address: str,
        kind: str,
        organization: str | None = None,
        service: str | None = None,
        paperless: bool | None = None,
        trusted: bool = False,
        organization_key: str | None = None,
    ) -> None:
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "organization", organization)
        object.__setattr__(self, "service", service)
        object.__setattr__(self, "paperless", paperless)
        object.__setattr__(self, "trusted", trusted)
        object.__setattr__(self, "organization_key", organization_key)


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Organization:
    """A structure (EJ or EG). `key` is the *identifiant technique*, or a digest where the extract has none."""

    key: str
    name: str | None
    trade_name: str | None
    siret: str | None
    siren: str | None
    finess: str | None
    legal_entity_finess: str | None
    former_id: str | None
    sector: Coded | None
    address: Address
    phones: tuple[str, ...]
    fax: str | None
    email: str | None  # an ordinary e-mail address, not MSSanté
    mailboxes: tuple[MailboxSummary, ...]  # empty where the organization is only quoted by an activity
    modified_at: dt.datetime | None  # None: not since `RegisterState.known_since`, or only quoted

    def __init__(
        self,
        *,
        key: str,
        name: str | None = None,
        trade_name: str | None = None,
        siret: str | None = None,
        siren: str | None = None,
        finess: str | None = None,
        legal_entity_finess: str | None = None,
        former_id: str | None = None,
        sector: Coded | None = None,
        address: Address = NOWHERE,
        phones: tuple[str, ...] = (),
        fax: str | None = None,
        email: str | None = None,
        mailboxes: tuple[MailboxSummary, ...] = (),
        modified_at: dt.datetime | None = None,
    ) -> None:
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "trade_name", trade_name)
        object.__setattr__(self, "siret", siret)
        object.__setattr__(self, "siren", siren)
        object.__setattr__(self, "finess", finess)
        object.__setattr__(self, "legal_entity_finess", legal_entity_finess)
        object.__setattr__(self, "former_id", former_id)
        object.__setattr__(self, "sector", sector)
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "phones", phones)
        object.__setattr__(self, "fax", fax)
        object.__setattr__(self, "email", email)
        object.__setattr__(self, "mailboxes", mailboxes)
        object.__setattr__(self, "modified_at", modified_at)


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Expertise:
    """A *savoir-faire*: type S is the specialty a user means."""

    type: Coded | None
    expertise: Coded

    def __init__(self, *, type: Coded | None, expertise: Coded) -> None:
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "expertise", expertise)


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Activity:
    """A *situation d'exercice*."""

    mode: Coded | None
    sector: Coded | None
    role: Coded | None
    genre: Coded | None
    pharmacy_section: Coded | None
    registration_authority: str | None
    organization: Organization | None

    def __init__(
        self,
        *,
        mode: Coded | None = None,
        sector: Coded | None = None,
        role: Coded | None = None,
        genre: Coded | None = None,
        pharmacy_section: Coded | None = None,
        registration_authority: str | None = None,
        organization: Organization | None = None,
    ) -> None:
        object.__setattr__(self, "mode", mode)
        object.__setattr__(self, "sector", sector)
        object.__setattr__(self, "role", role)
        object.__setattr__(self, "genre", genre)
        object.__setattr__(self, "pharmacy_section", pharmacy_section)
        object.__setattr__(self, "registration_authority", registration_authority)
        object.__setattr__(self, "organization", organization)


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Exercise:
    """An *exercice professionnel*: one profession of a person, in one category."""

    profession: Coded
    category: Coded | None
    expertises: tuple[Expertise, ...]
    activities: tuple[Activity, ...]

    def __init__(
        self,
        *,
        profession: Coded,
        category: Coded | None,
        expertises: tuple[Expertise, ...] = (),
        activities: tuple[Activity, ...] = (),
    ) -> None:
        object.__setattr__(self, "profession", profession)
        object.__setattr__(self, "category", category)
        object.__setattr__(self, "expertises", expertises)
        object.__setattr__(self, "activities", activities)


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Practitioner:
    """A person of the register, with what is shown of everything published under one national identifier."""

    national_id: str
    identifier_type: str  # 8 RPPS, 0 ADELI
    identifier: str
    civility: Coded | None
    practice_civility: Coded | None
    family_name: str
    given_name: str | None
    exercises: tuple[Exercise, ...]
    mailboxes: tuple[MailboxSummary, ...]
    modified_at: dt.datetime | None  # None: not since `RegisterState.known_since`

    def __init__(
        self,
        *,
        national_id: str,
        identifier_type: str,
        identifier: str,
        civility: Coded | None = None,
        practice_civility: Coded | None = None,
        family_name: str,
        given_name: str | None = None,
        exercises: tuple[Exercise, ...] = (),
        mailboxes: tuple[MailboxSummary, ...] = (),
        modified_at: dt.datetime | None = None,
    ) -> None:
        object.__setattr__(self, "national_id", national_id)
        object.__setattr__(self, "identifier_type", identifier_type)
        object.__setattr__(self, "identifier", identifier)
        object.__setattr__(self, "civility", civility)
        object.__setattr__(self, "practice_civility", practice_civility)
        object.__setattr__(self, "family_name", family_name)
        object.__setattr__(self, "given_name", given_name)
        object.__setattr__(self, "exercises", exercises)
        object.__setattr__(self, "mailboxes", mailboxes)
        object.__setattr__(self, "modified_at", modified_at)

    @property
    def rpps(self) -> str | None:
        return self.identifier if self.identifier_type == "8" else None

    @property
    def adeli(self) -> str | None:
        return self.identifier if self.identifier_type == "0" else None


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Holder:
    """One published row of a mailbox: who holds it, or which structure, and under which names."""

    identifier_type: str | None
    identifier: str | None
    national_id: str | None
    family_name: str | None
    given_name: str | None
    practice_civility: str | None
    profession: Coded | None
    expertise: Coded | None
    organization_identifier_type: str | None  # FINESS, SIRET, SIREN, RPPS_RANG, ADELI_RANG, or as received
    organization_identifier: str | None
    organization_key: str | None  # set when exactly one structure of the register fits
    organization_name: str | None
    trade_name: str | None
    service: str | None
    address: Address

    def __init__(
        self,
        *,
        identifier_type: str | None = None,
        identifier: str | None = None,
        national_id: str | None = None,
        family_name: str | None = None,
        given_name: str | None = None,
        practice_civility: str | None = None,
        profession: Coded | None = None,
        expertise: Coded | None = None,
        organization_identifier_type: str | None = None,
        organization_identifier: str | None = None,
        organization_key: str | None = None,
        organization_name: str | None = None,
        trade_name: str | None = None,
        service: str | None = None,
        address: Address = NOWHERE,
    ) -> None:
        object.__setattr__(self, "identifier_type", identifier_type)
        object.__setattr__(self, "identifier", identifier)
        object.__setattr__(self, "national_id", national_id)
        object.__setattr__(self, "family_name", family_name)
        object.__setattr__(self, "given_name", given_name)
        object.__setattr__(self, "practice_civility", practice_civility)
        object.__setattr__(self, "profession", profession)
        object.__setattr__(self, "expertise", expertise)
        object.__setattr__(self, "organization_identifier_type", organization_identifier_type)
        object.__setattr__(self, "organization_identifier", organization_identifier)
        object.__setattr__(self, "organization_key", organization_key)
        object.__setattr__(self, "organization_name", organization_name)
        object.__setattr__(self, "trade_name", trade_name)
        object.__setattr__(self, "service", service)
        object.__setattr__(self, "address", address)


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Mailbox:
    """A *boîte aux lettres* (BAL). The address is the identity; it compares without case and keeps its spelling.

    `places` are the addresses of the holder's own activities: what a PER mailbox is found by when its rows name no
    structure (DOMAIN section 4 rule 5).
    """

    address: str
    kind: str  # PER, ORG, APP, CAB
    paperless: bool | None
    trusted: bool
    holders: tuple[Holder, ...]
    places: tuple[Organization, ...]
    expertises: tuple[Expertise, ...]  # those the register knows of the holder
    created_at: dt.datetime
    modified_at: dt.datetime

    def __init__(
        self,
        *,
        address: str,
        kind: str,
        paperless: bool | None = None,
        trusted: bool = False,
        holders: tuple[Holder, ...] = (),
        places: tuple[Organization, ...] = (),
        expertises: tuple[Expertise, ...] = (),
        created_at: dt.datetime,
        modified_at: dt.datetime,
    ) -> None:
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "paperless", paperless)
        object.__setattr__(self, "trusted", trusted)
        object.__setattr__(self, "holders", holders)
        object.__setattr__(self, "places", places)
        object.__setattr__(self, "expertises", expertises)
        object.__setattr__(self, "created_at", created_at)
        object.__setattr__(self, "modified_at", modified_at)


Record = Practitioner | Organization | Mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedActivity:
    """An activity that a person had until `at`. Nothing but profession, category and structure tells activities apart:
    where a person had several that are alike, `number` says which of them ended (those that go on are the first)."""

    national_id: str
    profession: str
    category: str
    organization_key: str
    number: int
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterState:
    """Which state of the register an answer comes from.

    `epoch` is new after a restore or a re-creation; `revision` grows by one with every committed change; `as_of` is
    the generation time of the extracts it holds (the older of register and mailboxes), None before the first import;
    `committed_at` is when that revision was committed. Records that do not say when they changed
    have not done so since `known_since`.
    """

    epoch: str
    revision: int
    as_of: dt.datetime | None
    committed_at: dt.datetime | None
    known_since: dt.datetime | None = None


RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a follower must refresh to go from one revision to `state`.

    `keys` are (kind, key) of documents to read again (gone ones included); `reset` asks for a rebuild instead: after a
    first load, a foreign epoch or a gap in the feed. `accounts` says that some account is not as it was, `white_list`
    that what is told of the trusted domains may not be.
    """

    state: RegisterState
    keys: frozenset[tuple[Kind, str]] = frozenset()
    accounts: bool = False
    white_list: bool = False
    reset: bool = False
