"""A small invented world: persons with several activities, sites of a legal entity, mailboxes of every bearer."""

from __future__ import annotations

from typing import Any

from directory.model import (
    Activity,
    Address,
    Coded,
    Exercise,
    Expertise,
    MailboxSummary,
    Organization,
    Practitioner,
    Record,
)

_SECTORS = {"SA01": "Etablissement public de santé", "SA07": "Cabinet individuel", "SA33": "Pharmacie d'officine"}
_MODES = {"L": "Libéral", "S": "Salarié"}
_PROFESSIONS = {"10": "Médecin", "21": "Pharmacien", "60": "Infirmier", "93": "Psychologue"}


def mailbox(
    address: str, kind: str = "PER", at: Organization | None = None, service: str | None = None
) -> MailboxSummary:
    return MailboxSummary(
        address=address,
        kind=kind,
        organization=at.name if at else None,
        organization_key=at.key if at else None,
        service=service,
    )


def structure(key: str, name: str, sector: str, city: str, postal_code: str, **more: Any) -> Organization:
    address = Address(
        street_number="12",
        street_repeat="BIS",
        street_type="Rue",
        street_name="DES TILLEULS",
        distribution="BP 7",
        postal_code=postal_code,
        city=city,
        commune=Coded(code="69383", label=city),
        department=Coded(code="69", label="Rhône"),
    )
    return Organization(key=key, name=name, sector=Coded(code=sector, label=_SECTORS[sector]), address=address, **more)


VALMORIN_MAILBOX = mailbox("cardio@ch-valmorin.mssante.fr", "ORG", service="Cardiologie")
VALMORIN = structure(
    "F690000013", "CH DE VALMORIN", "SA01", "LYON", "69003",
    finess="690000013", legal_entity_finess="690000005", former_id="1690000013", phones=("0199000001", "0199000002"),
    fax="0199000003", email="accueil@exemple.fr", mailboxes=(VALMORIN_MAILBOX,),
)  # fmt: skip
ANNEXE = structure(
    "F690000021", "CH DE VALMORIN ANNEXE ÉTOILE", "SA01", "LYON 5E ARRONDISSEMENT", "69005",
    finess="690000021", legal_entity_finess="690000005", trade_name="L'Étoile",
)  # fmt: skip
LEGAL = Organization(key="F690000005", name="GROUPE DE VALMORIN", legal_entity_finess="690000005")
PRACTICE = structure("R10990000001001", "CABINET DU DR LE GALL", "SA07", "PARIS 16E ARRONDISSEMENT", "75016")


def activity(
    at: Organization | None, mode: str = "S", role: Coded | None = None, section: str | None = None
) -> Activity:
    return Activity(
        mode=Coded(code=mode, label=_MODES[mode]),
        genre=Coded(code="GENR01", label="Activité de soin et de pharmacie"),
        role=role,
        sector=at.sector if at else None,
        pharmacy_section=Coded(code=section, label=section) if section else None,
        registration_authority="CNOM/CNOP/ARS",
        organization=at,
    )


def person(
    number: int, family: str, given: str, *activities: Activity, profession: str = "10",
    expertises: tuple[Expertise, ...] = (), mailboxes: tuple[MailboxSummary, ...] = (), titles: tuple[str, ...] = ("MME",),
) -> Practitioner:  # fmt: skip
    exercise = Exercise(
        profession=Coded(code=profession, label=_PROFESSIONS[profession]),
        category=Coded(code="C", label="Civil"),
        expertises=expertises,
        activities=activities,
    )
    return Practitioner(
        national_id=f"8109900000{number:02d}",
        identifier_type="8",
        identifier=f"109900000{number:02d}",
        civility=Coded(code=titles[0], label=titles[0]),
        practice_civility=Coded(code=titles[1], label=titles[1]) if len(titles) > 1 else None,
        family_name=family,
        given_name=given,
        exercises=(exercise,),
        mailboxes=mailboxes,
    )


PSYCHIATRY = Expertise(
    type=Coded(code="S", label="Spécialité ordinale"), expertise=Coded(code="SM42", label="Psychiatrie")
)
HOLDER = Coded(code="FON-01", label="Titulaire de cabinet")
LE_GALL = person(
    1, "LE GALL", "BÉNÉDICTE", activity(PRACTICE, "L", HOLDER), activity(VALMORIN), titles=("MME", "DR"),
    expertises=(PSYCHIATRY,),
    mailboxes=(
        mailbox("benedicte.legall@medecin.mssante.fr"),
        mailbox("b.legall@ch-valmorin.mssante.fr", at=VALMORIN),
        mailbox("secretariat@cabinet.mssante.fr", "CAB"),
    ),
)  # fmt: skip
MARTIN_DUBOIS = person(2, "MARTIN-DUBOIS", "Benedicte", activity(VALMORIN), profession="60")
FRASLIN = person(
    3, "FRASLIN", "JEAN-PIERRE", activity(ANNEXE), activity(ANNEXE, "L"),
    mailboxes=(mailbox("jp.fraslin@infirmier.mssante.fr", at=PRACTICE),), titles=("M",), profession="60",
)  # fmt: skip
PHARMACIST = person(4, "ŒUVRARD", "NOËL", activity(None, "L", section="A"), profession="21", titles=("M",))
IDLE = person(5, "Martin", "Lucie", profession="93")
BY_ADELI = Practitioner(national_id="0699900042", identifier_type="0", identifier="699900042", family_name="ZOLA")
AT_A_REGISTER = Practitioner(
    national_id="3690000013/00007", identifier_type="3", identifier="690000013/00007", family_name="DOUÉ"
)

PEOPLE = (LE_GALL, MARTIN_DUBOIS, FRASLIN, PHARMACIST, IDLE, BY_ADELI, AT_A_REGISTER)
STRUCTURES = (VALMORIN, ANNEXE, LEGAL, PRACTICE)
WORLD: tuple[Record, ...] = (*PEOPLE, *STRUCTURES)
