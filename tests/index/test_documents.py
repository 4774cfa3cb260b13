"""What a prepared document says: LDAP attributes, JSON, folded values, words and its place in the static order."""

from __future__ import annotations

import dataclasses
import datetime as dt
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder
from pyasn1.type import univ

from directory.index import layout
from directory.index.compression import decompress
from directory.index.documents import key_of, prepare, record_kind
from directory.index.encoding import partial_attribute
from directory.index.values import entry_uuid, words_of
from directory.model import (
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
from directory.text import fold
from tests.index.strategies import mailboxes, records

_AT = dt.datetime(2026, 1, 15, 3, 15, tzinfo=dt.timezone(dt.timedelta(hours=1)))
_RHONE = Coded(code="69", label="Rhône")
_LYON = Address(
    street_number="12", street_type="Rue", street_name="DU LAC", postal_code="69003", city="LYON", department=_RHONE
)
_BELLEY = Address(street_name="PLACE DES TERREAUX", postal_code="01300", city="BELLEY")
_CABINET = Organization(key="R10990000017001", name="CABINET ŒUVRARD", address=_BELLEY, phones=("0400000000",))


def _holder(**more: Any) -> Holder:
    return Holder(
        **{
            "identifier_type": "8",
            "identifier": "10990000017",
            "national_id": "810990000017",
            "family_name": "D'ARVILLERS-QUESNOY",
            "given_name": "Maëlle",
            "profession": Coded(code="10", label="Médecin"),
            **more,
        }
    )


def _mailbox(kind: str = "PER", *holders: Holder, **more: Any) -> Mailbox:
    address = more.pop("address", "Maelle.Quesnoy@medecin.mssante.fr")
    return Mailbox(address=address, kind=kind, holders=holders, created_at=_AT, modified_at=_AT, **more)


def _attributes(record: Record) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    entry = prepare(record).entry
    offsets = layout.ENTRY.unpack_from(entry)
    for field, (at, end) in zip(layout.ENTRY_ATTRIBUTES, pairwise(offsets), strict=True):
        if at < end:
            decoded, found[field] = _decoded(entry[at:end])
            assert decoded == field
    assert len(entry) == offsets[-1]
    return found


def _decoded(encoded: bytes) -> tuple[str, list[str]]:
    """A PartialAttribute as pyasn1 reads it, whose reading of X.690 is not ours."""
    value, rest = decoder.decode(encoded)
    assert not rest
    assert value[1].tagSet == univ.SetOf.tagSet
    return bytes(value[0]).decode(), [bytes(one).decode() for one in value[1]]


def test_a_persons_entry_has_every_attribute_of_the_contract() -> None:
    record = _mailbox(
        "PER",
        _holder(
            organization_identifier_type="FINESS",
            organization_identifier="699900015",
            organization_key="F699900015",
            organization_name="CH DE VALMORIN",
            service="Cardiologie",
            address=_LYON,
        ),
        paperless=True,
        expertises=(Expertise(type=None, expertise=Coded(code="SM04", label="Cardiologie et maladies vasculaires")),),
        places=(_CABINET,),
    )
    assert _attributes(record) == {
        "mail": ["Maelle.Quesnoy@medecin.mssante.fr"],
        "cn": ["Maëlle D'ARVILLERS-QUESNOY", "D'ARVILLERS-QUESNOY Maëlle"],
        "displayName": ["Maëlle D'ARVILLERS-QUESNOY"],
        "sn": ["D'ARVILLERS-QUESNOY"],
        "givenName": ["Maëlle"],
        "title": ["Médecin"],
        "TypeBAL": ["PER"],
        "IdentifiantPP": ["10990000017"],
        "TypeIdentifiantPP": ["8"],
        "profession": ["10"],
        "savoirFaire": ["SM04"],
        "specialite": ["Cardiologie et maladies vasculaires"],
        "o": ["CH DE VALMORIN", "CABINET ŒUVRARD"],
        "ou": ["Cardiologie"],
        "IdentifiantPM": ["699900015"],
        "TypeIdentifiantPM": ["FINESS"],
        "street": ["12 Rue DU LAC", "PLACE DES TERREAUX"],
        "postalCode": ["69003", "01300"],
        "l": ["LYON", "BELLEY"],
        "st": ["Rhône"],
        "telephoneNumber": ["0400000000"],
        "dematerialisation": ["TRUE"],
        "uid": ["810990000017"],
        "objectClass": ["top", "person", "organizationalPerson", "inetOrgPerson", "mssanteMailbox"],
        "entryUUID": [entry_uuid("maelle.quesnoy@medecin.mssante.fr")],
        "createTimestamp": ["20260115021500Z"],
        "modifyTimestamp": ["20260115021500Z"],
    }


def test_a_mailbox_without_a_structure_is_placed_by_its_holders_activities() -> None:
    found = _attributes(_mailbox("PER", _holder(), places=(_CABINET,)))
    assert (found["l"], found["postalCode"], found["o"]) == (["BELLEY"], ["01300"], ["CABINET ŒUVRARD"])


@pytest.mark.parametrize("kind", ["ORG", "APP"])
def test_a_structures_entry_bears_its_label_as_its_name(kind: str) -> None:
    holder = Holder(organization_name="CH DE VALMORIN", service="Urgences", address=_LYON)
    found = _attributes(_mailbox(kind, holder, address="urgences@ch-valmorin.mssante.fr"))
    assert found["sn"] == ["CH DE VALMORIN"]
    assert found["cn"] == ["CH DE VALMORIN", "CH DE VALMORIN Urgences"]
    assert found["description"] == ["CH DE VALMORIN - Urgences"]
    assert "givenName" not in found


@given(mailboxes())
def test_every_entry_has_the_attributes_its_classes_demand_and_distinct_values(record: Mailbox) -> None:
    found = _attributes(record)
    assert {"cn", "sn", "mail", "TypeBAL", "objectClass", "entryUUID"} <= found.keys()
    assert found["mail"] == [record.address]
    for values in found.values():
        assert values
        assert len(set(values)) == len(values)


def test_a_mailbox_that_names_nobody_is_named_by_its_address() -> None:
    found = _attributes(_mailbox("ORG", Holder(), address="Secretariat@a.mssante.fr"))
    assert (found["cn"], found["sn"]) == (["Secretariat"], ["Secretariat"])


@given(records())
def test_stored_values_are_folded_and_words_come_from_them_alone(record: Record) -> None:
    prepared = prepare(record)
    values = layout.decode_values(prepared.record)
    kind_and_key = [layout.values_parts(prepared.record)[at] for at in (1, layout.KEY_AT)]
    assert all(value == fold(value) and value for found in values.values() for value in found)
    assert words_of(prepared.kind, values) == words_of(prepared.kind, prepared.values)
    assert layout.static_order(prepared.record) == prepared.order
    assert kind_and_key == [str(layout.KIND_NUMBER[record_kind(record)]), key_of(record)]


@given(records())
def test_preparing_twice_gives_the_same_bytes(record: Record) -> None:
    one, other = prepare(record), prepare(dataclasses.replace(record))
    assert (one.record, one.json, one.entry) == (other.record, other.json, other.entry)


@given(st.lists(st.text(max_size=200), min_size=1, max_size=4), st.sampled_from(["mail", "cn", "x" * 200]))
def test_an_encoded_attribute_is_read_back_by_another_decoder(values: list[str], name: str) -> None:
    assert _decoded(partial_attribute(name, values)) == (name, values)


def test_a_mailboxs_json_is_the_contract() -> None:
    record = _mailbox("PER", _holder(practice_civility="Docteur"), paperless=False, trusted=True)
    found = orjson.loads(decompress(prepare(record).json))
    assert found["address"] == "Maelle.Quesnoy@medecin.mssante.fr"
    assert (found["kind"], found["paperless"], found["trusted"]) == ("PER", False, True)
    assert found["domain"] == "medecin.mssante.fr"
    (holder,) = found["holders"]
    assert holder["rpps"] == "10990000017"
    assert holder["adeli"] is None
    assert holder["profession"] == {"code": "10", "label": "Médecin"}
    assert holder["organization"] is None
    assert holder["address"] is None


def _practitioner(number: int, family: str, **more: Any) -> Practitioner:
    identifier = f"1099000{number:04d}"
    return Practitioner(
        national_id="8" + identifier, identifier_type="8", identifier=identifier, family_name=family, **more
    )


def test_who_can_be_reached_comes_first_then_persons_before_structures() -> None:
    reachable = (MailboxSummary(address="a@a.mssante.fr", kind="PER"),)
    right: list[Record] = [
        _mailbox("PER", _holder(family_name="ZOLA"), trusted=True, address="1@a.mssante.fr"),
        _mailbox("PER", _holder(family_name="ABEL"), address="2@a.mssante.fr"),
        _mailbox("CAB", _holder(family_name="ABEL"), address="3@a.mssante.fr"),
        _mailbox("ORG", Holder(organization_name="AAA"), trusted=True, address="4@a.mssante.fr"),
        _mailbox("APP", Holder(organization_name="AAA"), trusted=True, address="5@a.mssante.fr"),
        _practitioner(1, "Éluard", mailboxes=reachable),
        _practitioner(2, "ZOLA", given_name="A", mailboxes=reachable),
        _practitioner(3, "ZOLA", given_name="B", mailboxes=reachable),
        Organization(key="F1", name="AAA", mailboxes=reachable),
        _practitioner(4, "ABEL"),
        _practitioner(5, "ABEL"),
        Organization(key="F2", name="AAA"),
    ]
    assert sorted(right, key=lambda record: prepare(record).order) == right


@given(st.lists(records(), max_size=12, unique_by=lambda record: (record_kind(record), key_of(record))))
def test_no_two_documents_share_a_place(people: list[Record]) -> None:
    assert len({prepare(record).order for record in people}) == len(people)


def test_words_are_kept_by_what_they_mean() -> None:
    holder = _holder(organization_name="CABINET MARTIN", address=_LYON)
    words = words_of(Kind.MAILBOX, prepare(_mailbox("PER", holder)).values)
    assert words["name"] == {"d", "arvillers", "quesnoy", "maelle"}
    assert words["structure"] == {"cabinet", "martin"}
    assert words["place"] == {"lyon", "69003", "rhone", "69"}
    assert words["profession"] == {"medecin"}
    assert words["identifier"] == {"maelle", "quesnoy"}


def test_structures_are_filed_under_their_identifiers() -> None:
    record = Organization(key="F699900015", name="CH", finess="699900015", siret="99990001200017", address=_LYON)
    values = prepare(record).values
    assert values[Field.KEY] == ("f699900015",)
    assert values[Field.FINESS] == ("699900015",)
    assert values[Field.SIRET] == ("99990001200017",)
    assert values[Field.DEPARTMENT_CODE] == ("69",)
    quoted = prepare(_mailbox("PER", _holder(organization_key="F699900015"), places=(_CABINET,))).values
    assert quoted[Field.KEY] == ("f699900015", "r10990000017001")


def test_an_address_is_one_identity_however_it_is_spelt() -> None:
    one, other = _mailbox(address="A.B@C.mssante.fr"), _mailbox(address="a.b@c.MSSANTE.fr")
    assert key_of(one) == key_of(other)
    assert entry_uuid(one.address) == entry_uuid(other.address)
    assert record_kind(one) is Kind.MAILBOX
