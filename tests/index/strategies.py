"""Random small registers and random predicates, in French."""

from __future__ import annotations

import datetime as dt

from hypothesis import strategies as st

from directory.model import (
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
from directory.query import (
    And,
    Anything,
    AtLeast,
    AtMost,
    Field,
    Has,
    Is,
    Like,
    Not,
    Or,
    Predicate,
    Resolves,
    Undefined,
)

FAMILIES = [
    "MARTIN",
    "MARTINEAU",
    "LEFÈVRE",
    "LEFEBVRE",
    "D'ARVILLE",
    "LE GALL",
    "ŒUVRARD",
    "O*K",
    "SAINT-MARTIN",
    "DÜPONT",
]
GIVENS = ["Martin", "Martine", "JEAN", "Jean-René", "Élodie", "MARIE MARTHE", "Noël"]
CITIES = ["LYON", "Saint-Étienne", "MARSEILLE", "L'Haÿ-les-Roses"]
STRUCTURES = ["CH DE VALMORIN", 'OPTIQUE "LES 7*MERVEILLES"', "CLINIQUE SAINT-ÉLOI", "CABINET MARTIN"]
MOMENTS = [dt.datetime(2026, 1, day, 3, 15, tzinfo=dt.UTC) for day in (1, 2, 3)]

_SPECIALTIES = [Coded(code="SM54", label="Médecine générale"), Coded(code="SM42", label="Psychiatrie")]
_PROFESSIONS = [Coded(code="10", label="Médecin"), Coded(code="70", label="Masseur-Kinésithérapeute")]


def _address(city: str | None) -> Address:
    if city is None:
        return Address()
    return Address(street_name="RUE DU LAC", postal_code="69003", city=city, department=Coded(code="69", label="Rhône"))


_addresses = st.builds(_address, st.one_of(st.none(), st.sampled_from(CITIES)))
_numbers = st.integers(1, 9)
_DOMAINS = st.sampled_from(["a", "MEDECIN"])


@st.composite
def mailboxes(draw: st.DrawFn) -> Mailbox:
    number = draw(st.integers(1, 12))
    kind = draw(st.sampled_from(["PER", "PER", "PER", "ORG"]))
    identifier = f"1099000000{draw(_numbers)}"
    person = kind == "PER"
    holder = Holder(
        identifier_type="8" if person else None,
        identifier=identifier if person else None,
        national_id="8" + identifier if person else None,
        family_name=draw(st.sampled_from(FAMILIES)) if person else None,
        given_name=draw(st.one_of(st.none(), st.sampled_from(GIVENS))) if person else None,
        profession=draw(st.one_of(st.none(), st.sampled_from(_PROFESSIONS))) if person else None,
        expertise=draw(st.one_of(st.none(), st.sampled_from(_SPECIALTIES))) if person else None,
        organization_identifier_type=draw(st.sampled_from([None, "FINESS", "SIRET"])),
        organization_identifier=draw(st.sampled_from(["699900015", "99990001200017"])),
        organization_name=draw(st.one_of(st.none(), st.sampled_from(STRUCTURES))),
        service=draw(st.sampled_from([None, None, "Urgences", "Cardiologie - secrétariat"])),
        address=draw(_addresses),
    )
    moment = draw(st.sampled_from(MOMENTS))
    return Mailbox(
        address=f"{draw(st.sampled_from(['', 'N', 'martin.']))}{number}@{draw(_DOMAINS)}.mssante.fr",
        kind=kind,
        paperless=draw(st.sampled_from([None, True, False])),
        trusted=draw(st.booleans()),
        holders=(holder,),
        created_at=MOMENTS[0],
        modified_at=moment,
    )


@st.composite
def practitioners(draw: st.DrawFn) -> Practitioner:
    identifier = f"1099000000{draw(_numbers)}"
    specialties = draw(st.lists(st.sampled_from(_SPECIALTIES), max_size=1))
    addresses = draw(st.lists(st.sampled_from(["a@a.mssante.fr", "b@b.mssante.fr"]), max_size=1))
    exercise = Exercise(
        profession=draw(st.sampled_from(_PROFESSIONS)),
        category=Coded(code="C", label="Civil"),
        expertises=tuple(Expertise(type=Coded(code="S", label="Spécialité"), expertise=s) for s in specialties),
    )
    return Practitioner(
        national_id="8" + identifier,
        identifier_type="8",
        identifier=identifier,
        family_name=draw(st.sampled_from(FAMILIES)),
        given_name=draw(st.sampled_from(GIVENS)),
        exercises=(exercise,),
        mailboxes=tuple(MailboxSummary(address=address, kind="PER") for address in addresses),
    )


@st.composite
def organizations(draw: st.DrawFn) -> Organization:
    number = draw(_numbers)
    return Organization(
        key=f"F69990000{number}",
        name=draw(st.sampled_from(STRUCTURES)),
        finess=f"69990000{number}",
        siret="99990001200017",
        address=draw(_addresses),
    )


def records() -> st.SearchStrategy[Record]:
    return st.one_of(mailboxes(), mailboxes(), practitioners(), organizations())


SEARCHED = (Field.SN, Field.CN, Field.GIVEN_NAME, Field.MAIL, Field.ORGANIZATION, Field.CITY, Field.TITLE,
            Field.POSTAL_CODE, Field.SERVICE, Field.IDENTIFIER)  # fmt: skip
_PIECES = ["mar", "m", "ma", "martin", "é", "e", "saint", "saint-", "*", "o", "jean ", " ", "le gall", "lefè", "7*", "@",
           "10990", "lyon", "’", "fr", "zz", "tin"]  # fmt: skip
_VALUES = [*FAMILIES, *GIVENS, *CITIES, *STRUCTURES, "martin", "MARTIN  ", "10990000001", "69003", "medecin", "nobody"]
_TIMES = ["20260102031500Z", "2026010203Z", "20260102041500+0100", "19900101000000Z", "yesterday"]


def leaves() -> st.SearchStrategy[Predicate]:
    fields, pieces = st.sampled_from(SEARCHED), st.sampled_from(_PIECES)
    maybe = st.one_of(st.none(), pieces)
    timed = st.sampled_from([Field.MODIFIED, Field.CREATED, Field.SN])
    return st.one_of(
        st.builds(Is, fields, st.sampled_from(_VALUES)),
        st.builds(Is, st.just(Field.MAILBOX_TYPE), st.sampled_from(["PER", "org", "x"])),
        st.builds(Like, fields, maybe, st.lists(pieces, max_size=2).map(tuple), maybe),
        st.builds(Has, st.sampled_from([*SEARCHED, Field.PAPERLESS])),
        st.builds(AtLeast, timed, st.sampled_from(_TIMES)),
        st.builds(AtMost, timed, st.sampled_from(_TIMES)),
        st.builds(Resolves, st.sampled_from(["mar", "martin j", "le", "109", "saint martin", "clin", "n", ""])),
        st.just(Anything()),
        st.just(Undefined()),
    )


def predicates() -> st.SearchStrategy[Predicate]:
    def grow(parts: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
        several = st.lists(parts, max_size=3).map(tuple)
        return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, parts))

    return st.recursive(leaves(), grow, max_leaves=6)
