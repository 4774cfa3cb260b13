"""Records to documents: everything an answer needs is prepared here, once, when data changes."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from directory.index.compression import compress
from directory.index.encoding import partial_attribute, rdn_value
from directory.index.layout import ENTRY_ATTRIBUTES, encode_entry, encode_values, order_key
from directory.index.representations import mailbox_json, organization_json, practitioner_json
from directory.index.values import (
    Values,
    folded,
    mailbox_values,
    organization_values,
    practitioner_values,
)
from directory.model import Kind, Mailbox, MailboxSummary, Organization, Practitioner, Record
from directory.query import Field

_TYPE_RANK: Final = {"PER": "0", "CAB": "1", "ORG": "2", "APP": "3"}
_NOBODY: Final = ("",)
_ATTRIBUTES: Final = tuple((field, field.value) for field in ENTRY_ATTRIBUTES)
# Attributes whose values recur from mailbox to mailbox: the others are encoded each time.
_RECURRING: Final = frozenset(
    {
        Field.GIVEN_NAME,
        Field.CITY,
        Field.TITLE,
        Field.MAILBOX_TYPE,
        Field.IDENTIFIER_TYPE,
        Field.PROFESSION,
        Field.EXPERTISE,
        Field.SPECIALTY,
        Field.SERVICE,
        Field.ORGANIZATION_IDENTIFIER_TYPE,
        Field.POSTAL_CODE,
        Field.DEPARTMENT,
        Field.PAPERLESS,
        Field.OBJECT_CLASS,
        Field.CREATED,
        Field.MODIFIED,
    }
)
_recurring_attribute = functools.lru_cache(maxsize=20_000)(partial_attribute)


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Prepared:
    """A document: what is stored of it (`record`: its values record; `json`: compressed; `entry`: empty but for
    mailboxes), its place in the static order, and the folded values it is found by."""

    kind: Kind
    key: str
    record: bytes
    json: bytes
    entry: bytes
    order: bytes
    values: Mapping[Field, Sequence[str]]

    def __init__(  # written out as in `directory.model`
        self,
        *,
        kind: Kind,
        key: str,
        record: bytes,
        json: bytes,
        entry: bytes,
        order: bytes,
        values: Mapping[Field, Sequence[str]],
    ) -> None:
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "record", record)
        object.__setattr__(self, "json", json)
        object.__setattr__(self, "entry", entry)
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "values", values)


def prepare(record: Record) -> Prepared:
    """Prepare the document of a record."""
    if isinstance(record, Practitioner):
        return _practitioner(record)
    return _mailbox(record) if isinstance(record, Mailbox) else _organization(record)


def record_kind(record: Record) -> Kind:
    if isinstance(record, Mailbox):
        return Kind.MAILBOX
    return Kind.PRACTITIONER if isinstance(record, Practitioner) else Kind.ORGANIZATION


def key_of(record: Record) -> str:
    """The key of a record: address in lower case, national identifier, or structure key."""
    if isinstance(record, Mailbox):
        return record.address.lower()
    return record.national_id if isinstance(record, Practitioner) else record.key


def _practitioner(record: Practitioner) -> Prepared:
    values = practitioner_values(record)
    return _prepared(
        Kind.PRACTITIONER, record.national_id, _reach(record.mailboxes) + "0", values, practitioner_json(record)
    )


def _organization(record: Organization) -> Prepared:
    values = organization_values(record)
    return _prepared(Kind.ORGANIZATION, record.key, _reach(record.mailboxes) + "1", values, organization_json(record))


def _mailbox(record: Mailbox) -> Prepared:
    values = mailbox_values(record)
    key = key_of(record)
    rank = f"0{_TYPE_RANK.get(record.kind, '9')}{'0' if record.trusted else '1'}"
    return _prepared(Kind.MAILBOX, key, rank, values, mailbox_json(record), _entry(key, values))


def _reach(mailboxes: Sequence[MailboxSummary]) -> str:
    """First part of the rank: mailboxes are 0, who has one 1, who has none 2."""
    return "1" if mailboxes else "2"


def _prepared(kind: Kind, key: str, rank: str, plain: Values, json: bytes, entry: bytes = b"") -> Prepared:
    values = folded(plain)
    family = values.get(Field.SN) or values.get(Field.ORGANIZATION) or _NOBODY
    given = values.get(Field.GIVEN_NAME) or _NOBODY
    return Prepared(
        kind=kind,
        key=key,
        record=encode_values(rank, kind, key, values),
        json=compress(json),
        entry=entry,
        order=order_key(rank, family[0], given[0], kind, key),
        values=values,
    )


def _entry(key: str, values: Values) -> bytes:
    attributes = []
    for field, name in _ATTRIBUTES:
        texts = values.get(field)
        if not texts:
            attributes.append(b"")
        elif field in _RECURRING:
            attributes.append(_recurring_attribute(name, tuple(texts)))
        else:
            attributes.append(partial_attribute(name, texts))
    return encode_entry(f"mail={rdn_value(key)}".encode(), attributes)
