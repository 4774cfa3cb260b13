"""A few invented people with their mailboxes, for sentences a doctor would say."""

from __future__ import annotations

import datetime as dt

from directory.model import Address, Coded, Exercise, Expertise, Holder, Mailbox, Practitioner, Record

AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_PROFESSIONS = {"10": "Médecin", "70": "Masseur-Kinésithérapeute", "60": "Infirmier"}


def person(
    number: int, family: str, given: str, city: str, profession: str = "10", specialty: str | None = None
) -> list[Record]:
    identifier = f"1099000{number:04d}"
    coded = Coded(code=profession, label=_PROFESSIONS[profession])
    expertises = (Expertise(type=None, expertise=Coded(code="SM54", label=specialty)),) if specialty else ()
    department = Coded(code="69", label="Rhône")
    holder = Holder(
        identifier_type="8",
        identifier=identifier,
        national_id="8" + identifier,
        family_name=family,
        given_name=given,
        profession=coded,
        address=Address(city=city, postal_code="69003", department=department),
    )
    address = f"box{number}@medecin.mssante.fr"
    return [
        Practitioner(
            national_id="8" + identifier,
            identifier_type="8",
            identifier=identifier,
            family_name=family,
            given_name=given,
            exercises=(Exercise(profession=coded, category=None, expertises=expertises),),
        ),
        Mailbox(address=address, kind="PER", holders=(holder,), expertises=expertises, created_at=AT, modified_at=AT),
    ]


PEOPLE = [
    *person(1, "LEFEBVRE", "Philippe", "LYON"),
    *person(2, "MARTIN", "Sophie", "LYON", "70"),
    *person(3, "MARTINEAU", "Paul", "VILLEURBANNE"),
    *person(4, "SAINT-MARTIN", "Luc", "BRON"),
    *person(5, "DURAND", "Martine", "LYON"),
    *person(6, "D'ARVILLERS-QUESNOY", "Maëlle", "LYON", "10", "Médecine générale"),
    *person(7, "THIBAULT", "Jean-René", "MARSEILLE", "60"),
    *person(8, "DEMARTINI", "Anne", "LYON"),
    *person(9, "ŒUVRARD", "Noël", "BELLEY", "70"),
]
