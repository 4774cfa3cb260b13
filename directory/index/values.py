"""What a record is found by: the values of its fields, as received."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from directory import text
from directory.index import facets
from directory.model import Address, Expertise, Holder, Kind, Mailbox, Organization, Practitioner
from directory.query import Field

OBJECT_CLASSES: Final = ("top", "person", "organizationalPerson", "inetOrgPerson", "mssanteMailbox")
PERSONAL: Final = frozenset({"PER", "CAB"})
"""The types of mailbox that bear a person's name."""
_ENTRY_UUIDS: Final = uuid.UUID("6f0f7cb4-5f0b-5a58-9d2c-0d2c6c1f4b1e").bytes
_IDENTIFIER_NAMES: Final = frozenset({"FINESS", "SIRET", "SIREN"})

Result = TypeVar("Result")
Values = dict[Field, list[str]]
"""Distinct values per field, in order of arrival: the first one is the one to show."""


class _Memory(dict[str, Result]):
    """What a function made of texts; forgotten as a whole when it is full. Half the cost of `lru_cache` where half of
    what is asked is new, and a build asks some sixty million times."""

    _FULL: Final = 200_000

    def __init__(self, work: Callable[[str], Result]) -> None:
        self._work = work

    def __missing__(self, asked: str) -> Result:
        if len(self) >= self._FULL:
            self.clear()
        made = self[asked] = self._work(asked)
        return made


fold: Final = _Memory(text.fold).__getitem__
split: Final = _Memory(text.words_of_folded).__getitem__


def folded(values: Values) -> dict[Field, Sequence[str]]:
    """The values as they compare, still distinct; a field whose values fold to nothing is left out."""
    found: dict[Field, Sequence[str]] = {}
    for field, texts in values.items():
        if len(texts) == 1:
            # Nearly always: no need to look for doubles.
            only = texts[0]
            if not only.isdecimal() or not only.isascii():  # numbers are folded as they are
                only = fold(only)
            if only:
                found[field] = (only,)
        elif field is Field.FACET:
            if texts:
                found[field] = texts  # folded and distinct already, and there are many
        else:
            several = dict.fromkeys(map(fold, texts))
            several.pop("", None)
            if several:
                found[field] = tuple(several)
    return found


def practitioner_values(record: Practitioner) -> Values:
    values: Values = {}
    _add(values, Field.SN, record.family_name)
    _add(values, Field.GIVEN_NAME, record.given_name)
    _add(values, Field.IDENTIFIER, record.identifier)
    _add(values, Field.IDENTIFIER_TYPE, record.identifier_type)
    _add(values, Field.NATIONAL_ID, record.national_id)
    for exercise in record.exercises:
        _add(values, Field.PROFESSION, exercise.profession.code)
        _add(values, Field.TITLE, exercise.profession.label)
        if exercise.category:
            _add(values, Field.CATEGORY, exercise.category.code)
        for expertise in exercise.expertises:
            _add_expertise(values, expertise)
        for activity in exercise.activities:
            if activity.role:
                _add(values, Field.TITLE, activity.role.label)
            if activity.organization:
                _add_structure(values, activity.organization)
    for mailbox in record.mailboxes:
        _add(values, Field.MAIL, mailbox.address)
        _add(values, Field.MAILBOX_TYPE, mailbox.kind)
    values[Field.FACET] = facets.of_practitioner(record)
    values[Field.BORNE] = facets.borne_by_practitioner(record)
    if record.modified_at:
        values[Field.MODIFIED] = [generalized_time(record.modified_at)]
    return values


def organization_values(record: Organization) -> Values:
    values: Values = {}
    _add_structure(values, record)
    for identifier in (record.siren, record.legal_entity_finess, record.former_id):
        _add(values, Field.ORGANIZATION_IDENTIFIER, identifier)
    if record.sector:
        _add(values, Field.TITLE, record.sector.label)
    # Thousands in some: no value is looked for among all before it.
    for field, texts in (
        (Field.MAIL, [mailbox.address for mailbox in record.mailboxes]),
        (Field.MAILBOX_TYPE, [mailbox.kind for mailbox in record.mailboxes]),
        (Field.SERVICE, [mailbox.service for mailbox in record.mailboxes if mailbox.service]),
    ):
        if texts:
            values[field] = list(dict.fromkeys(texts))
    values[Field.FACET] = facets.of_organization(record)
    values[Field.BORNE] = facets.borne_by_organization(record)
    if record.modified_at:
        values[Field.MODIFIED] = [generalized_time(record.modified_at)]
    return values


def mailbox_values(record: Mailbox) -> Values:
    """The values of a mailbox: those of its LDAP entry, and a few that only filters and REST know."""
    values: Values = {Field.MAIL: [record.address]}
    if record.kind in PERSONAL:
        for holder in record.holders:
            _add_person(values, holder)
    for holder in record.holders:
        _add_named_structure(values, holder)
    for place in record.places:
        _add_structure(values, place)
        _add(values, Field.STREET, place.address.street)
        for phone in place.phones:
            _add(values, Field.TELEPHONE, phone)
    for expertise in record.expertises:
        _add_expertise(values, expertise)
    if record.kind not in PERSONAL:
        _name_by_structure(values)
    for field in (Field.CN, Field.SN, Field.DISPLAY_NAME):
        # Mandatory (RFC 4519 person): a mailbox that names nobody is named by its address.
        values.setdefault(field, [record.address.partition("@")[0] or record.address])
    values[Field.MAILBOX_TYPE] = [record.kind]
    if record.paperless is not None:
        values[Field.PAPERLESS] = ["TRUE" if record.paperless else "FALSE"]
    values[Field.OBJECT_CLASS] = list(OBJECT_CLASSES)
    values[Field.ENTRY_UUID] = [entry_uuid(record.address)]
    values[Field.CREATED] = [generalized_time(record.created_at)]
    values[Field.MODIFIED] = [generalized_time(record.modified_at)]
    return values


def entry_uuid(address: str) -> str:
    """Derived from the address, which is the identity of a mailbox: the same on every node and for ever."""
    # As `uuid.uuid5` does (RFC 9562 section 5.5), at half its cost.
    digest = bytearray(hashlib.sha1(_ENTRY_UUIDS + address.lower().encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    digits = digest.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _add(values: Values, field: Field, value: str | None) -> None:
    if value:
        known = values.get(field)
        if known is None:
            values[field] = [value]
        elif value not in known:  # a handful at most
            known.append(value)


def _add_person(values: Values, holder: Holder) -> None:
    family, given = holder.family_name, holder.given_name
    _add(values, Field.SN, family)
    _add(values, Field.GIVEN_NAME, given)
    if family:
        # Both orders: people type either. The displayed name is one of them (`layout.GRAM_FIELDS` relies on it).
        name = f"{given} {family}" if given else family
        _add(values, Field.CN, name)
        if given:
            _add(values, Field.CN, f"{family} {given}")
        _add(values, Field.DISPLAY_NAME, name)
    _add(values, Field.IDENTIFIER, holder.identifier)
    _add(values, Field.IDENTIFIER_TYPE, holder.identifier_type)
    _add(values, Field.NATIONAL_ID, holder.national_id)
    if holder.profession:
        _add(values, Field.PROFESSION, holder.profession.code)
        _add(values, Field.TITLE, holder.profession.label)
    if holder.expertise:
        _add(values, Field.EXPERTISE, holder.expertise.code)
        _add(values, Field.SPECIALTY, holder.expertise.label)


def _name_by_structure(values: Values) -> None:
    """Structures' mailboxes bear the structure's label, and its service, as their name."""
    named = [*values.get(Field.ORGANIZATION, ())[:1], *values.get(Field.SERVICE, ())[:1]]
    if not named:
        return
    values[Field.DESCRIPTION] = [" - ".join(named)]
    if Field.ORGANIZATION in values:
        values[Field.SN] = named[:1]
        values[Field.CN] = list(dict.fromkeys((named[0], " ".join(named))))
        values[Field.DISPLAY_NAME] = [" ".join(named)]


def _add_named_structure(values: Values, holder: Holder) -> None:
    """The structure that a mailbox's row names."""
    _add(values, Field.ORGANIZATION, holder.organization_name)
    _add(values, Field.ORGANIZATION, holder.trade_name)
    _add(values, Field.SERVICE, holder.service)
    _add(values, Field.KEY, holder.organization_key)
    if holder.organization_identifier_type in _IDENTIFIER_NAMES:
        _add(values, Field.ORGANIZATION_IDENTIFIER, holder.organization_identifier)
        _add(values, Field.ORGANIZATION_IDENTIFIER_TYPE, holder.organization_identifier_type)
        if holder.organization_identifier_type == "FINESS":
            _add(values, Field.FINESS, holder.organization_identifier)
        elif holder.organization_identifier_type == "SIRET":
            _add(values, Field.SIRET, holder.organization_identifier)
    _add(values, Field.STREET, holder.address.street)
    _add_place(values, holder.address)


def _add_structure(values: Values, organization: Organization) -> None:
    """A structure of the register: its own values, and what the people who work there are found by."""
    _add(values, Field.ORGANIZATION, organization.name)
    _add(values, Field.ORGANIZATION, organization.trade_name)
    _add(values, Field.KEY, organization.key)
    _add(values, Field.FINESS, organization.finess)
    _add(values, Field.SIRET, organization.siret)
    _add_place(values, organization.address)


def _add_place(values: Values, address: Address) -> None:
    _add(values, Field.POSTAL_CODE, address.postal_code)
    _add(values, Field.CITY, address.city)
    if address.department:
        _add(values, Field.DEPARTMENT, address.department.label)
        _add(values, Field.DEPARTMENT_CODE, address.department.code)


def _add_expertise(values: Values, expertise: Expertise) -> None:
    _add(values, Field.EXPERTISE, expertise.expertise.code)
    _add(values, Field.SPECIALTY, expertise.expertise.label)


@functools.lru_cache(maxsize=10_000)
def generalized_time(moment: dt.datetime) -> str:
    """A moment as LDAP writes it (RFC 4517 section 3.3.13), in whole seconds of UTC."""
    return moment.astimezone(dt.UTC).strftime("%Y%m%d%H%M%SZ")


# -- words -------------------------------------------------------------------------------------------------------------

WORD_CLASS: Final[Mapping[Field, str]] = {
    Field.SN: "name",
    Field.GIVEN_NAME: "name",
    Field.ORGANIZATION: "structure",
    Field.SERVICE: "structure",
    Field.CITY: "place",
    Field.POSTAL_CODE: "place",
    Field.DEPARTMENT: "place",
    Field.DEPARTMENT_CODE: "place",
    Field.TITLE: "profession",
    Field.SPECIALTY: "profession",
    # The parts of addresses; identifiers and addresses themselves are looked up in their own fields.
    Field.MAIL: "identifier",
}
"""Which class the words of a field belong to."""


def words_of(kind: Kind, values: Mapping[Field, Sequence[str]]) -> dict[str, set[str]]:
    """The words of a document per word class: a function of its kind and folded values, so that what was indexed of a
    stored document can be told from it alone."""
    found: dict[str, set[str]] = defaultdict(set)
    for field, word_class in WORD_CLASS.items():
        for value in values.get(field, ()):
            found[word_class].update(words_in(field)(value))
    for label in named_by(kind, values):
        found["name"].update(split(label))
    return {word_class: words for word_class, words in found.items() if words}


def words_in(field: Field) -> Callable[[str], tuple[str, ...]]:
    """What gives the words of a folded value of this field."""
    return _address_words if field is Field.MAIL else split


def _address_words(address: str) -> tuple[str, ...]:
    return text.words_of_folded(address.partition("@")[0])


def named_by(kind: Kind, values: Mapping[Field, Sequence[str]]) -> Sequence[str]:
    """The labels by which a structure or its mailbox is found as people are by their name; none for persons."""
    return () if is_person(kind, values) else values.get(Field.ORGANIZATION, ())


def is_person(kind: Kind, values: Mapping[Field, Sequence[str]]) -> bool:
    """Whether a document is a practitioner or a person's mailbox."""
    if kind is Kind.MAILBOX:
        return values[Field.MAILBOX_TYPE][0] in ("per", "cab")
    return kind is Kind.PRACTITIONER
