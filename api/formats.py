"""Records as lines of files: CSV, NDJSON, LDIF, vCard."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from ldaptor.protocols.ldap.ldif import asLDIF

from api.vcard import vcard
from directory.index.encoding import attributes_of
from directory.index.layout import ENTRY
from directory.index.reader import StoredDocument
from directory.model import Kind, RegisterState


class Context(NamedTuple):
    """What lines depend on beside their record."""

    state: RegisterState
    suffix: str
    """Of the LDAP tree."""


Lines = Callable[[StoredDocument, Context], bytes]


class Format(NamedTuple):
    """A form of files: its media type, what a file begins with, and the lines of a record."""

    media_type: str
    head: Callable[[Context], bytes]
    lines: Lines


def source(state: RegisterState) -> str:
    """Where the data come from, as their re-use asks one to say."""
    dated = f", {state.as_of.date().isoformat()}" if state.as_of else ""
    return f"RPPS, Annuaire Santé (ANS){dated}, revision {state.revision}"


def _nothing(_: Context) -> bytes:
    return b""


# -- NDJSON, vCard, LDIF -----------------------------------------------------------------------------------------------


def _json_line(document: StoredDocument, _: Context) -> bytes:
    return document.json + b"\n"


def _card(document: StoredDocument, context: Context) -> bytes:
    return vcard(document.kind, orjson.loads(document.json), context.state).encode()


def _ldif_head(context: Context) -> bytes:
    return f"# {source(context.state)}\nversion: 1\n\n".encode()


def _ldif(document: StoredDocument, context: Context) -> bytes:
    entry = bytes(document.entry)
    offsets = ENTRY.unpack_from(entry)
    rdn = entry[ENTRY.size : offsets[0]]
    written: bytes = asLDIF(rdn + f",ou=bal,{context.suffix}".encode(), attributes_of(entry[offsets[0] : offsets[-1]]))
    return written


# -- CSV ---------------------------------------------------------------------------------------------------------------

Row = Mapping[str, Any]
_PERSON: Final = ("national_id", "rpps", "adeli", "civility", "family_name", "given_name")
_PLACE: Final = ("address_lines", "postal_code", "city", "commune", "department", "country")
_STRUCTURE: Final = ("structure_key", "structure_name", "finess", "siret")
_PROFESSION: Final = ("profession", "profession_label", "expertises", "expertise_labels")
PRACTITIONER_COLUMNS: Final = (
    *_PERSON, *_PROFESSION, "category", "mode", "role", *_STRUCTURE, *_PLACE, "phones", "mailboxes"
)  # fmt: skip
MAILBOX_COLUMNS: Final = (
    "address", "kind", "paperless", "trusted", *_PERSON, *_PROFESSION,
    "structure_key", "structure_name", "structure_identifier_type", "structure_identifier", "service", *_PLACE,
)  # fmt: skip
ORGANIZATION_COLUMNS: Final = (
    *_STRUCTURE, "siren", "legal_entity_finess", "sector", *_PLACE, "phones", "fax", "email", "mailboxes"
)  # fmt: skip


def _practitioner_rows(record: Row) -> Iterator[Row]:
    """A row for each activity; for a profession without any, one."""
    person = {name: record[name] for name in ("national_id", "rpps", "adeli", "family_name", "given_name")}
    person |= {"civility": _code(record["civility"]), "mailboxes": _addresses(record)}
    nothing: Row = {"profession": None, "category": None, "expertises": ()}
    for exercise in record["professions"] or (nothing,):
        of = _profession(exercise["profession"], exercise["expertises"]) | {"category": _code(exercise["category"])}
        activities: Sequence[Row] = exercise.get("activities") or ({},)
        for activity in activities:
            structure = activity.get("organization") or {}
            yield {
                **person,
                **of,
                "mode": _code(activity.get("mode")),
                "role": _code(activity.get("role")),
                **_structure(structure),
                **_place(activity.get("address")),
                "phones": " ".join(activity.get("phones") or ()),
            }


def _mailbox_rows(record: Row) -> Iterator[Row]:
    """A row for each holder."""
    box = {name: record[name] for name in ("address", "kind", "paperless", "trusted")}
    holders: Sequence[Row] = record["holders"] or ({},)
    for holder in holders:
        structure = holder.get("organization") or {}
        expertise = holder.get("expertise")
        yield {
            **box,
            **{name: holder.get(name) for name in (*_PERSON, "service")},
            **_profession(holder.get("profession"), (expertise,) if expertise else ()),
            "structure_key": structure.get("key"),
            "structure_name": structure.get("name"),
            "structure_identifier_type": structure.get("identifier_type"),
            "structure_identifier": structure.get("identifier"),
            **_place(holder.get("address")),
        }


def _organization_rows(record: Row) -> Iterator[Row]:
    yield {
        **_structure(record),
        **{name: record[name] for name in ("siren", "legal_entity_finess", "fax", "email")},
        "sector": _code(record["sector"]),
        **_place(record["address"]),
        "phones": " ".join(record["phones"]),
        "mailboxes": _addresses(record),
    }


def _code(coded: Row | None) -> str | None:
    return coded["code"] if coded else None


def _addresses(record: Row) -> str:
    return " ".join(mailbox["address"] for mailbox in record["mailboxes"])


def _profession(profession: Row | None, expertises: Iterable[Row]) -> dict[str, Any]:
    several = list(expertises)
    return {
        "profession": _code(profession),
        "profession_label": profession["label"] if profession else None,
        "expertises": " ".join(one["code"] for one in several),
        "expertise_labels": "; ".join(one["label"] for one in several),
    }


def _structure(structure: Row) -> dict[str, Any]:
    return {
        "structure_key": structure.get("key"),
        "structure_name": structure.get("name"),
        "finess": structure.get("finess"),
        "siret": structure.get("siret"),
    }


def _place(address: Row | None) -> dict[str, Any]:
    if not address:
        return {}
    return {
        "address_lines": "\n".join(address["lines"]),
        "postal_code": address["postal_code"],
        "city": address["city"],
        "commune": _code(address["commune"]),
        "department": _code(address["department"]),
        "country": _code(address["country"]),
    }


def _table(columns: Sequence[str], rows: Callable[[Row], Iterator[Row]]) -> Format:
    """CSV (RFC 4180) in UTF-8, with a line of names; truth as `true` and `false`, what is absent empty."""

    def head(_: Context) -> bytes:
        return (",".join(columns) + "\r\n").encode()

    def lines(document: StoredDocument, _: Context) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerows(
            [_cell(row.get(name)) for name in columns] for row in rows(orjson.loads(document.json))
        )
        return text.getvalue().encode()

    return Format("text/csv; charset=utf-8; header=present", head, lines)


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


_NDJSON: Final = Format("application/x-ndjson", _nothing, _json_line)
_VCARD: Final = Format("text/vcard; charset=utf-8", _nothing, _card)

FILES: Final[Mapping[str, tuple[Kind, Format]]] = {
    "practitioners.csv": (Kind.PRACTITIONER, _table(PRACTITIONER_COLUMNS, _practitioner_rows)),
    "practitioners.ndjson": (Kind.PRACTITIONER, _NDJSON),
    "practitioners.vcf": (Kind.PRACTITIONER, _VCARD),
    "mailboxes.csv": (Kind.MAILBOX, _table(MAILBOX_COLUMNS, _mailbox_rows)),
    "mailboxes.ndjson": (Kind.MAILBOX, _NDJSON),
    "mailboxes.ldif": (Kind.MAILBOX, Format("text/x-ldif; charset=utf-8", _ldif_head, _ldif)),
    "mailboxes.vcf": (Kind.MAILBOX, _VCARD),
    "organizations.csv": (Kind.ORGANIZATION, _table(ORGANIZATION_COLUMNS, _organization_rows)),
    "organizations.ndjson": (Kind.ORGANIZATION, _NDJSON),
    "organizations.vcf": (Kind.ORGANIZATION, _VCARD),
}
"""The files there are, by name. LDIF is what LDAP serves: mailboxes."""
