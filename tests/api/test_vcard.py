"""Records as contacts, read back by another library."""

from __future__ import annotations

import datetime as dt

import orjson
import pytest
import vobject

from api.vcard import vcard
from directory.index.representations import mailbox_json, organization_json, practitioner_json
from directory.model import Kind, Mailbox, Organization, Practitioner, Record, RegisterState
from tests.web.world import DOCTOR, DOCTORS_BOX, HOSPITAL, WARD, WORLD

_STATE = RegisterState(epoch="e", revision=7, as_of=dt.datetime(2026, 1, 15, 3, 15, tzinfo=dt.UTC), committed_at=None)


def _written(record: Record) -> str:
    if isinstance(record, Practitioner):
        return vcard(Kind.PRACTITIONER, orjson.loads(practitioner_json(record)), _STATE)
    if isinstance(record, Organization):
        return vcard(Kind.ORGANIZATION, orjson.loads(organization_json(record)), _STATE)
    return vcard(Kind.MAILBOX, orjson.loads(mailbox_json(record)), _STATE)


def _of(key: str) -> Record:
    keys = {Practitioner: "national_id", Organization: "key", Mailbox: "address"}
    return next(record for record in WORLD if getattr(record, keys[type(record)]) == key)


def test_a_person_is_a_contact_with_places_and_mailboxes() -> None:
    card = vobject.readOne(_written(_of(DOCTOR)))
    assert card.fn.value == "Maëlle LEFÈVRE"
    assert (card.n.value.family, card.n.value.given, card.n.value.prefix) == ("LEFÈVRE", "Maëlle", "Docteur")
    assert card.title.value == "Médecin"
    assert card.org.value == ["CABINET DES LILAS"]
    assert (card.adr.value.street, card.adr.value.code) == ("12 Rue DES LILAS", "69003")
    assert card.adr.value.city == "LYON 3E ARRONDISSEMENT"
    assert card.email.value == DOCTORS_BOX


def test_a_structure_is_a_contact_with_all_its_mailboxes() -> None:
    card = vobject.readOne(_written(_of(HOSPITAL)))
    assert card.fn.value == "CH DE <VALMORIN>"
    assert card.tel.value == "0472000001"
    assert [one.value for one in card.email_list] == ["accueil@ch-valmorin.mssante.fr", WARD]


def test_a_ward_is_a_contact_of_its_structure() -> None:
    card = vobject.readOne(_written(_of(WARD)))
    assert card.fn.value == "CH DE <VALMORIN> - Cardiologie"
    assert card.org.value == ["CH DE <VALMORIN>", "Cardiologie"]


@pytest.mark.parametrize("record", WORLD[:8], ids=lambda record: type(record).__name__)
def test_every_contact_names_its_source_and_date_in_short_lines(record: Record) -> None:
    written = _written(record)
    assert vobject.readOne(written).note.value == "RPPS, Annuaire Santé (ANS), 2026-01-15"
    assert written.endswith("END:VCARD\r\n")
    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))


@pytest.mark.parametrize("name", ["A;B,C\\D", "deux\nlignes", "é" * 100, "END:VCARD\r\nBEGIN:VCARD", "😀" * 40])
def test_signs_with_a_meaning_stay_what_they_are(name: str) -> None:
    card = vobject.readOne(_written(Organization(key="K", name=name)))
    assert card.fn.value == name.replace("\r\n", "\n")
    assert card.org.value == [name.replace("\r\n", "\n")]
