"""Records to documents: everything an answer needs is prepared here, once, when data changes.

A document's order key puts documents in their static order: who can be reached comes first, then persons before
structures, then by folded name; the record's key breaks ties, so that the order is the same on every node.
"""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from directory import text
from directory.index.encoding import partial_attribute
from directory.index.layout import KIND_NUMBER, Document
from directory.model import (
    Activity,
    Address,
    Coded,
    Expertise,
    Holder,
    Kind,
    Mailbox,
    MailboxSummary,
    Organization,
    Practitioner,
    Record,
)
from directory.query import Field

OBJECT_CLASSES: Final = ("top", "person", "organizationalPerson", "inetOrgPerson", "mssanteMailbox")
OPERATIONAL: Final = frozenset({"entryUUID", "createTimestamp", "modifyTimestamp"})
_ENTRY_UUIDS: Final = uuid.UUID("6f0f7cb4-5f0b-5a58-9d2c-0d2c6c1f4b1e")
_IDENTIFIER_NAMES: Final = frozenset({"FINESS", "SIRET", "SIREN"})
_TYPE_RANK: Final = {"PER": 0, "CAB": 1, "ORG": 2, "APP": 3}

encoded_attribute = functools.lru_cache(maxsize=100_000)(partial_attribute)
fold = functools.lru_cache(maxsize=200_000)(text.fold)
words = functools.lru_cache(maxsize=100_000)(text.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A document, its place in the static order, and its words per word class."""

    document: Document
    order: bytes
    words: Mapping[str, frozenset[str]]


def prepare(record: Record) -> Prepared:
    """Prepare the document of a record."""
    if isinstance(record, Mailbox):
        return _mailbox(record)
    if isinstance(record, Practitioner):
        return _practitioner(record)
    return _organization(record)


def record_kind(record: Record) -> Kind:
    if isinstance(record, Mailbox):
        return Kind.MAILBOX
    return Kind.PRACTITIONER if isinstance(record, Practitioner) else Kind.ORGANIZATION


def key_of(record: Record) -> str:
    """The key of a record: address in lower case, national identifier, or structure key."""
    if isinstance(record, Mailbox):
        return record.address.lower()
    return record.national_id if isinstance(record, Practitioner) else record.key


def entry_uuid(address: str) -> str:
    """Derived from the address, which is the identity of a mailbox: the same on every node and for ever."""
    return str(uuid.uuid5(_ENTRY_UUIDS, address.lower()))


class _Values:
    """Collects field values, distinct and in order of arrival."""

    __slots__ = ("plain",)

    def __init__(self) -> None:
        self.plain: dict[Field, list[str]] = {}

    def add(self, field: Field, value: str | None) -> None:
        if value:
            known = self.plain.get(field)
            if known is None:
                self.plain[field] = [value]
            elif value not in known:  # a handful at most
                known.append(value)

    def add_all(self, field: Field, values: Iterable[str]) -> None:
        for value in values:
            self.add(field, value)

    def of(self, field: Field) -> tuple[str, ...]:
        return tuple(self.plain.get(field, ()))

    def folded(self) -> dict[Field, Sequence[str]]:
        folded: dict[Field, Sequence[str]] = {}
        for field, values in self.plain.items():
            if len(values) == 1:
                # Nearly always: no need to look for doubles.
                found = fold(values[0])
                if found:
                    folded[field] = (found,)
            else:
                several = dict.fromkeys(map(fold, values))
                several.pop("", None)
                folded[field] = tuple(several)
        return folded


def words_of(kind: Kind, values: Mapping[Field, Sequence[str]]) -> dict[str, frozenset[str]]:
    """The words of a document per word class: a function of its folded values, so that what was indexed of a stored
    document can be told from the document alone."""
    found: dict[str, frozenset[str]] = {}
    for word_class, fields in _WORD_FIELDS.items():
        texts: tuple[str, ...] = ()
        for field in fields:
            if field in values:
                texts += tuple(values[field])
        if word_class == "name" and not _is_person(kind, values):
            # Structures and their mailboxes are found by their label as people are by their name.
            texts += tuple(values.get(Field.ORGANIZATION, ()))
        if texts and (split := _distinct_words(texts)):
            found[word_class] = split
    # The parts of addresses; identifiers and addresses themselves are looked up in their own fields.
    if Field.MAIL in values:
        parts = frozenset(word for address in values[Field.MAIL] for word in words(address.partition("@")[0]))
        if parts:
            found["identifier"] = parts
    return found


@functools.lru_cache(maxsize=100_000)
def _distinct_words(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for value in texts for word in words(value))


def _is_person(kind: Kind, values: Mapping[Field, Sequence[str]]) -> bool:
    return kind is Kind.PRACTITIONER or (kind is Kind.MAILBOX and bool({"per", "cab"} & {*values[Field.MAILBOX_TYPE]}))


_WORD_FIELDS: Final[Mapping[str, tuple[Field, ...]]] = {
    "name": (Field.SN, Field.GIVEN_NAME),
    "structure": (Field.ORGANIZATION, Field.SERVICE),
    "place": (Field.CITY, Field.POSTAL_CODE, Field.DEPARTMENT, Field.DEPARTMENT_CODE),
    "profession": (Field.TITLE, Field.SPECIALTY),
}


# -- mailboxes ---------------------------------------------------------------------------------------------------------

# In the order they are sent; names as the schema spells them (contract: DESIGN section 8).
_ENTRY_FIELDS: Final = (
    Field.MAIL,
    Field.CN,
    Field.DISPLAY_NAME,
    Field.SN,
    Field.GIVEN_NAME,
    Field.TITLE,
    Field.MAILBOX_TYPE,
    Field.IDENTIFIER,
    Field.IDENTIFIER_TYPE,
    Field.PROFESSION,
    Field.EXPERTISE,
    Field.SPECIALTY,
    Field.ORGANIZATION,
    Field.SERVICE,
    Field.ORGANIZATION_IDENTIFIER,
    Field.ORGANIZATION_IDENTIFIER_TYPE,
    Field.DESCRIPTION,
    Field.STREET,
    Field.POSTAL_CODE,
    Field.CITY,
    Field.DEPARTMENT,
    Field.TELEPHONE,
    Field.PAPERLESS,
    Field.NATIONAL_ID,
    Field.OBJECT_CLASS,
    Field.ENTRY_UUID,
    Field.CREATED,
    Field.MODIFIED,
)
_ENTRY_ATTRIBUTES: Final = tuple((field, field.value) for field in _ENTRY_FIELDS)


def _mailbox(record: Mailbox) -> Prepared:
    values = _Values()
    key = key_of(record)
    values.add(Field.MAIL, record.address)
    for holder in record.holders:
        if record.kind in ("PER", "CAB"):
            _holder_names(values, holder)
    for holder in record.holders:
        _holder_structure(values, holder)
    for place in record.places:
        _quoted(values, place)
        values.add(Field.STREET, place.address.street)
        values.add_all(Field.TELEPHONE, place.phones)
    for expertise in record.expertises:
        _add_expertise(values, expertise)
    local = record.address.partition("@")[0]
    if record.kind not in ("PER", "CAB"):
        # Structures' mailboxes bear the structure's label as their name: sn and cn are mandatory (RFC 4519 person).
        label = values.of(Field.ORGANIZATION)[:1]
        service = values.of(Field.SERVICE)[:1]
        values.add_all(Field.CN, label)
        if label and service:
            values.add(Field.CN, f"{label[0]} {service[0]}")
        values.add(Field.DISPLAY_NAME, " - ".join([*label, *service]))
        values.add_all(Field.SN, label)
        values.add(Field.DESCRIPTION, " - ".join([*label, *service]))
    for field in (Field.CN, Field.SN, Field.DISPLAY_NAME):
        if not values.of(field):
            values.add(field, local)
    values.add(Field.MAILBOX_TYPE, record.kind)
    if record.paperless is not None:
        values.add(Field.PAPERLESS, "TRUE" if record.paperless else "FALSE")
    values.add_all(Field.OBJECT_CLASS, OBJECT_CLASSES)
    values.add(Field.ENTRY_UUID, entry_uuid(record.address))
    values.add(Field.CREATED, _generalized_time(record.created_at))
    values.add(Field.MODIFIED, _generalized_time(record.modified_at))
    attributes = tuple(
        (name, encoded_attribute(name, present)) for field, name in _ENTRY_ATTRIBUTES if (present := values.of(field))
    )
    document = Document(
        kind=Kind.MAILBOX,
        key=key,
        attributes=attributes,
        values=values.folded(),
        json=orjson.dumps(_mailbox_json(record)),
    )
    names = fold((values.of(Field.SN) or ("",))[0]), fold((values.of(Field.GIVEN_NAME) or ("",))[0])
    rank = f"{_TYPE_RANK.get(record.kind, 9)}{'0' if record.trusted else '1'}"
    return Prepared(
        document=document,
        order=_order("0" + rank, *names, Kind.MAILBOX, key),
        words=words_of(document.kind, document.values),
    )


def _holder_names(values: _Values, holder: Holder) -> None:
    family, given = holder.family_name, holder.given_name
    values.add(Field.SN, family)
    values.add(Field.GIVEN_NAME, given)
    if family:
        _both_orders(values, family, given)
        values.add(Field.DISPLAY_NAME, f"{given} {family}" if given else family)
    values.add(Field.IDENTIFIER, holder.identifier)
    values.add(Field.IDENTIFIER_TYPE, holder.identifier_type)
    values.add(Field.NATIONAL_ID, holder.national_id)
    if holder.profession:
        values.add(Field.PROFESSION, holder.profession.code)
        values.add(Field.TITLE, holder.profession.label)
    if holder.expertise:
        values.add(Field.EXPERTISE, holder.expertise.code)
        values.add(Field.SPECIALTY, holder.expertise.label)


def _both_orders(values: _Values, family: str, given: str | None) -> None:
    if given:
        values.add(Field.CN, f"{given} {family}")
        values.add(Field.CN, f"{family} {given}")
    else:
        values.add(Field.CN, family)


def _holder_structure(values: _Values, holder: Holder) -> None:
    values.add(Field.ORGANIZATION, holder.organization_name)
    values.add(Field.ORGANIZATION, holder.trade_name)
    values.add(Field.SERVICE, holder.service)
    values.add(Field.KEY, holder.organization_key)
    if holder.organization_identifier_type in _IDENTIFIER_NAMES:
        values.add(Field.ORGANIZATION_IDENTIFIER, holder.organization_identifier)
        values.add(Field.ORGANIZATION_IDENTIFIER_TYPE, holder.organization_identifier_type)
        if holder.organization_identifier_type == "FINESS":
            values.add(Field.FINESS, holder.organization_identifier)
        elif holder.organization_identifier_type == "SIRET":
            values.add(Field.SIRET, holder.organization_identifier)
    values.add(Field.STREET, holder.address.street)
    _add_place(values, holder.address)


def _quoted(values: _Values, organization: Organization) -> None:
    """A structure that a person works at: the person is found by it."""
    values.add(Field.ORGANIZATION, organization.name)
    values.add(Field.ORGANIZATION, organization.trade_name)
    values.add(Field.KEY, organization.key)
    values.add(Field.FINESS, organization.finess)
    values.add(Field.SIRET, organization.siret)
    _add_place(values, organization.address)


def _add_place(values: _Values, address: Address) -> None:
    values.add(Field.POSTAL_CODE, address.postal_code)
    values.add(Field.CITY, address.city)
    if address.department:
        values.add(Field.DEPARTMENT, address.department.label)
        values.add(Field.DEPARTMENT_CODE, address.department.code)


def _add_expertise(values: _Values, expertise: Expertise) -> None:
    values.add(Field.EXPERTISE, expertise.expertise.code)
    values.add(Field.SPECIALTY, expertise.expertise.label)


def _mailbox_json(record: Mailbox) -> dict[str, Any]:
    return {
        "address": record.address,
        "kind": record.kind,
        "domain": record.address.rpartition("@")[2].lower(),
        "paperless": record.paperless,
        "trusted": record.trusted,
        "holders": [
            {
                "national_id": holder.national_id,
                "rpps": holder.identifier if holder.identifier_type == "8" else None,
                "adeli": holder.identifier if holder.identifier_type == "0" else None,
                "civility": holder.practice_civility,
                "family_name": holder.family_name,
                "given_name": holder.given_name,
                "profession": _coded(holder.profession),
                "expertise": _coded(holder.expertise),
                "organization": _holder_organization(holder),
                "service": holder.service,
                "address": _address(holder.address),
            }
            for holder in record.holders
        ],
        "created_at": record.created_at,
        "modified_at": record.modified_at,
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


# -- practitioners -----------------------------------------------------------------------------------------------------


def _practitioner(record: Practitioner) -> Prepared:
    values = _Values()
    values.add(Field.SN, record.family_name)
    values.add(Field.GIVEN_NAME, record.given_name)
    _both_orders(values, record.family_name, record.given_name)
    values.add(Field.IDENTIFIER, record.identifier)
    values.add(Field.IDENTIFIER_TYPE, record.identifier_type)
    values.add(Field.NATIONAL_ID, record.national_id)
    for exercise in record.exercises:
        values.add(Field.PROFESSION, exercise.profession.code)
        values.add(Field.TITLE, exercise.profession.label)
        if exercise.category:
            values.add(Field.CATEGORY, exercise.category.code)
        for expertise in exercise.expertises:
            _add_expertise(values, expertise)
        for activity in exercise.activities:
            if activity.role:
                values.add(Field.TITLE, activity.role.label)
            if activity.organization:
                _quoted(values, activity.organization)
    for mailbox in record.mailboxes:
        values.add(Field.MAIL, mailbox.address)
        values.add(Field.MAILBOX_TYPE, mailbox.kind)
    document = Document(
        kind=Kind.PRACTITIONER,
        key=record.national_id,
        attributes=(),
        values=values.folded(),
        json=orjson.dumps(_practitioner_json(record)),
    )
    names = fold(record.family_name), fold(record.given_name or "")
    return Prepared(
        document=document,
        order=_order(_reach(record.mailboxes) + "0", *names, Kind.PRACTITIONER, record.national_id),
        words=words_of(document.kind, document.values),
    )


def _practitioner_json(record: Practitioner) -> dict[str, Any]:
    return {
        "national_id": record.national_id,
        "rpps": record.rpps,
        "adeli": record.adeli,
        "civility": _coded(record.civility),
        "practice_civility": _coded(record.practice_civility),
        "family_name": record.family_name,
        "given_name": record.given_name,
        "professions": [
            {
                "profession": _coded(exercise.profession),
                "category": _coded(exercise.category),
                "expertises": [
                    {**(_coded(expertise.expertise) or {}), "type": _coded(expertise.type)}
                    for expertise in exercise.expertises
                ],
                "activities": [_activity_json(activity) for activity in exercise.activities],
            }
            for exercise in record.exercises
        ],
        "mailboxes": [_summary(mailbox) for mailbox in record.mailboxes],
    }


def _activity_json(activity: Activity) -> dict[str, Any]:
    organization = activity.organization
    return {
        "mode": _coded(activity.mode),
        "sector": _coded(activity.sector),
        "role": _coded(activity.role),
        "genre": _coded(activity.genre),
        "organization": None
        if organization is None
        else {
            "key": organization.key,
            "name": organization.name,
            "finess": organization.finess,
            "siret": organization.siret,
        },
        "address": _address(organization.address) if organization else None,
        "phones": list(organization.phones) if organization else [],
    }


# -- structures --------------------------------------------------------------------------------------------------------


def _organization(record: Organization) -> Prepared:
    values = _Values()
    _quoted(values, record)
    values.add(Field.CN, record.name)
    for identifier in (record.siren, record.legal_entity_finess, record.former_id):
        values.add(Field.ORGANIZATION_IDENTIFIER, identifier)
    if record.sector:
        values.add(Field.TITLE, record.sector.label)
    for mailbox in record.mailboxes:
        values.add(Field.MAIL, mailbox.address)
        values.add(Field.MAILBOX_TYPE, mailbox.kind)
        values.add(Field.SERVICE, mailbox.service)
    document = Document(
        kind=Kind.ORGANIZATION,
        key=record.key,
        attributes=(),
        values=values.folded(),
        json=orjson.dumps(_organization_json(record)),
    )
    return Prepared(
        document=document,
        order=_order(_reach(record.mailboxes) + "1", fold(record.name or ""), "", Kind.ORGANIZATION, record.key),
        words=words_of(document.kind, document.values),
    )


def _organization_json(record: Organization) -> dict[str, Any]:
    return {
        "key": record.key,
        "name": record.name,
        "trade_name": record.trade_name,
        "finess": record.finess,
        "legal_entity_finess": record.legal_entity_finess,
        "siret": record.siret,
        "siren": record.siren,
        "sector": _coded(record.sector),
        "address": _address(record.address),
        "phones": list(record.phones),
        "fax": record.fax,
        "email": record.email,
        "mailboxes": [_summary(mailbox) for mailbox in record.mailboxes],
    }


# -- parts -------------------------------------------------------------------------------------------------------------


def _coded(value: Coded | None) -> dict[str, str] | None:
    return None if value is None else {"code": value.code, "label": value.label}


def _address(address: Address) -> dict[str, Any] | None:
    lines = address.lines
    if not lines:
        return None
    return {
        "lines": list(lines),
        "postal_code": address.postal_code,
        "city": address.city,
        "commune": _coded(address.commune),
        "department": _coded(address.department),
        "country": _coded(address.country),
    }


def _summary(mailbox: MailboxSummary) -> dict[str, Any]:
    return {
        "address": mailbox.address,
        "kind": mailbox.kind,
        "organization": mailbox.organization,
        "service": mailbox.service,
        "paperless": mailbox.paperless,
        "trusted": mailbox.trusted,
    }


def _generalized_time(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y%m%d%H%M%SZ")


def _reach(mailboxes: Sequence[MailboxSummary]) -> str:
    """First part of the rank: mailboxes are 0, who has one 1, who has none 2."""
    return "1" if mailboxes else "2"


def _order(rank: str, family: str, given: str, kind: Kind, key: str) -> bytes:
    # Names are cut so that the key stays short; the record's own key at the end keeps it unique.
    return b"\x00".join(
        (rank.encode(), family[:64].encode(), given[:64].encode(), bytes([KIND_NUMBER[kind]]), key.encode())
    )


def gram_values(values: Iterable[str]) -> set[str]:
    """The distinct infixes of 1, 2 and 3 letters of some folded values."""
    grams: set[str] = set()
    for value in values:
        grams.update(value)
        grams.update([value[at : at + 2] for at in range(len(value) - 1)])
        grams.update([value[at : at + 3] for at in range(len(value) - 2)])
    return grams
