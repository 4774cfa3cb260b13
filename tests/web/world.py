"""A few invented people, a hospital and its services, for the pages: somebody with a mailbox, somebody without."""

from __future__ import annotations

import datetime as dt

from directory.model import (
    Activity,
    Address,
    Coded,
    Exercise,
    Expertise,
    Holder,
    Mailbox,
    MailboxSummary,
    Organization,
    Practitioner,
    Record,
)

_AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_RHONE = Coded(code="69", label="Rhône")
HOSPITAL, PRACTICE = "F690000011", "F690000022"
DOCTOR, NURSE, KINE = "810990000001", "810990000002", "810990000003"
DOCTORS_BOX = "maelle.lefevre@medecin.mssante.fr"
WARD = "cardiologie@ch-valmorin.mssante.fr"


def _address(street: str, postal_code: str = "69003", city: str = "LYON 3E ARRONDISSEMENT") -> Address:
    return Address(
        street_number="12", street_type="Rue", street_name=street, postal_code=postal_code, city=city,
        department=_RHONE, commune=Coded(code="69383", label="Lyon 3e Arrondissement"),
    )  # fmt: skip


_BOXES = (
    MailboxSummary(address="accueil@ch-valmorin.mssante.fr", kind="ORG", organization="CH DE <VALMORIN>", trusted=True),
    MailboxSummary(
        address=WARD, kind="ORG", organization="CH DE <VALMORIN>", service="Cardiologie", paperless=True, trusted=False
    ),
)
_HOSPITAL = Organization(
    key=HOSPITAL,
    name="CH DE <VALMORIN>",
    finess="690000011",
    siret="99990001200017",
    sector=Coded(code="SA01", label="Etablissement public de santé"),
    address=_address("DES TILLEULS"),
    phones=("0472000001",),
    mailboxes=_BOXES,
)
_PRACTICE = Organization(key=PRACTICE, name="CABINET DES LILAS", finess="690000022", address=_address("DES LILAS"))


def _person(
    number: int,
    family: str,
    given: str,
    profession: tuple[str, str],
    *places: Organization,
    box: str | None = None,
    specialty: str | None = None,
) -> list[Record]:
    identifier = f"1099000{number:04d}"
    coded = Coded(code=profession[0], label=profession[1])
    specialties = (Expertise(type=None, expertise=Coded(code="SM04", label=specialty)),) if specialty else ()
    activities = tuple(Activity(mode=Coded(code="L", label="Libéral"), organization=place) for place in places)
    person = Practitioner(
        national_id="8" + identifier,
        identifier_type="8",
        identifier=identifier,
        practice_civility=Coded(code="DR", label="Docteur") if profession[0] == "10" else None,
        family_name=family,
        given_name=given,
        exercises=(Exercise(profession=coded, category=None, expertises=specialties, activities=activities),),
        mailboxes=(MailboxSummary(address=box, kind="PER", trusted=True),) if box else (),
    )
    if box is None:
        return [person]
    holder = Holder(
        identifier_type="8", identifier=identifier, national_id="8" + identifier, family_name=family,
        given_name=given, profession=coded,
    )  # fmt: skip
    return [person, Mailbox(address=box, kind="PER", trusted=True, holders=(holder,), created_at=_AT, modified_at=_AT)]


def _service(box: MailboxSummary) -> Mailbox:
    holder = Holder(
        organization_identifier_type="FINESS",
        organization_identifier="690000011",
        organization_key=HOSPITAL,
        organization_name="CH DE <VALMORIN>",
        service=box.service,
        address=_HOSPITAL.address,
    )
    return Mailbox(
        address=box.address, kind=box.kind, trusted=box.trusted, paperless=box.paperless, holders=(holder,),
        created_at=_AT, modified_at=_AT,
    )  # fmt: skip


_COLLEAGUES = [
    record
    for number in range(40)
    for record in _person(100 + number, f"COLLEGUE{chr(65 + number % 26)}", "Alix", ("60", "Infirmier"), _HOSPITAL)
]
WORLD: list[Record] = [
    _HOSPITAL,
    _PRACTICE,
    *map(_service, _BOXES),
    *_person(1, "LEFÈVRE", "Maëlle", ("10", "Médecin"), _PRACTICE, box=DOCTORS_BOX, specialty="Cardiologie"),
    *_person(2, "THIBAULT", "Jean-René", ("60", "Infirmier"), _HOSPITAL),
    *_person(3, "MARTIN", "Sophie", ("70", "Masseur-Kinésithérapeute"), _PRACTICE),
    *_person(4, "MARTIN", "Paul", ("70", "Masseur-Kinésithérapeute"), box="paul.martin@kine.mssante.fr"),
    *_COLLEAGUES,
]
