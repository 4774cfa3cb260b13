"""The invented people whom the users of mail programs look for."""

from __future__ import annotations

import datetime as dt

from directory.model import Address, Coded, Holder, Mailbox

_AT = dt.datetime(2026, 1, 1, 3, 15, tzinfo=dt.UTC)
_DOCTOR, _NURSE = Coded(code="10", label="Médecin"), Coded(code="60", label="Infirmier")


def _person(number: int, given: str, family: str, profession: Coded, city: str, address: str) -> Mailbox:
    identifier = f"109910{number:05d}"
    holder = Holder(
        identifier_type="8",
        identifier=identifier,
        national_id="8" + identifier,
        family_name=family,
        given_name=given,
        profession=profession,
        organization_identifier_type="FINESS",
        organization_identifier=f"69991{number:04d}",
        organization_name=f"CABINET {family}",
        address=Address(city=city, postal_code="69003", department=Coded(code="69", label="Rhône")),
    )
    return Mailbox(address=address, kind="PER", holders=(holder,), created_at=_AT, modified_at=_AT)


def _service(address: str, structure: str, service: str) -> Mailbox:
    holder = Holder(
        organization_identifier_type="FINESS",
        organization_identifier="699120001",
        organization_name=structure,
        service=service,
        address=Address(city="VALMORIN", postal_code="69003", department=Coded(code="69", label="Rhône")),
    )
    return Mailbox(address=address, kind="ORG", holders=(holder,), created_at=_AT, modified_at=_AT)


DUPONT = "jean.dupont@medecin.exemple.mssante.fr"
LEFEVRE = "helene.lefevre@infirmier.exemple.mssante.fr"
KELLERAN = "ines.o'kelleran@medecin.exemple.mssante.fr"
MERVEILLES = "zoe.merveilles@medecin.exemple.mssante.fr"
URGENCES = "urgences@ch-valmorin.exemple.mssante.fr"
MARTINS = 130  # more than one answer holds

PEOPLE = [
    _person(1, "Jean", "DUPONT", _DOCTOR, "LYON", DUPONT),
    _person(2, "Hélène", "LEFÈVRE", _NURSE, "Saint-Étienne", LEFEVRE),
    _person(3, "Inès", "O'KELLERAN", _DOCTOR, "LYON", KELLERAN),
    _person(4, "Zoé", "7*MERVEILLES (D')", _DOCTOR, "LYON", MERVEILLES),
    _service(URGENCES, "CH DE VALMORIN", "Urgences"),
    *(
        _person(100 + n, f"Camille{n}", "MARTIN", _NURSE, "MARSEILLE", f"c.martin{n}@infirmier.exemple.mssante.fr")
        for n in range(MARTINS)
    ),
]
