"""Invented structures: hospitals with their sites, pharmacies, homes, laboratories, practices, in real communes."""

from __future__ import annotations

import csv
import functools
import importlib.resources
import re
from dataclasses import dataclass, field
from typing import Final

from directory import nomenclature
from directory.text import fold
from importers.synthetic.draws import Dice, Weighted
from importers.synthetic.people import Person, with_check_digit

_STREETS: Final = Weighted(
    [(("R", "Rue"), 50.0), (("AV", "Avenue"), 20.0), (("PL", "Place"), 8.0), (("BD", "Boulevard"), 8.0),
     (("CHE", "Chemin"), 5.0), (("IMP", "Impasse"), 3.0), (("RTE", "Route"), 6.0)]
)  # fmt: skip
_STREET_NAMES: Final = (
    "DE LA REPUBLIQUE", "DU GENERAL LECLERC", "VICTOR HUGO", "DES TILLEULS", "DE L'EUROPE", "JEAN JAURES", "DU MARCHE",
    "PASTEUR", "DES ORMEAUX", "DU LAC", "DES MOULINS BLANCS", "DE LA GARE", "DES TANNEURS", "DE VERDUN", "GAMBETTA",
    "DES ECOLES", "DE LA BUTTE AUX MERLES", "SAINTE-MARINE", "DU STADE", "DE LA MAIRIE",
)  # fmt: skip
_FLOWERS: Final = ("LES TILLEULS", "LES LILAS", "LE CLOS FLEURI", "LES GLYCINES", "BEL AIR", "LES JARDINS D'ARIANE")
# Ranges that ARCEP keeps for fiction: nobody is called.
_PHONE_RANGES: Final = ("019900", "026191", "035301", "046571", "053649")
SERVICES: Final = (
    "Cardiologie", "Secrétariat médical", "Urgences", "Chirurgie orthopédique", "Maternité", "Pédiatrie", "Radiologie",
    "Pharmacie", "Laboratoire", "Gériatrie", "Psychiatrie", "Pneumologie", "Neurologie", "HAD", "Admissions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    commune: str
    name: str
    postal_code: str


@dataclass(frozen=True, slots=True)
class Structure:
    """One structure with its address, as of day 1. `domain` is the invented domain of its mailboxes, if it has one."""

    key: str
    name: str
    trade_name: str
    siret: str
    siren: str
    finess: str
    legal_entity_finess: str
    former_id: str
    sector: tuple[str, str]
    place: Place
    street_number: str
    street_type: tuple[str, str]
    street_name: str
    phone: str
    domain: str | None
    identifier: tuple[str, str]  # type code of TRE_G07 and number, as mailbox rows give it
    detailed: bool = True  # commune and country columns filled
    extras: dict[str, str] = field(default_factory=dict)


@functools.cache
def communes() -> Weighted[Place]:
    """Real communes, weighted by their population."""
    table = importlib.resources.files("importers.synthetic") / "communes.csv"
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return Weighted([(Place(r["code"], r["name"], r["postal_code"]), max(1, int(r["population"]))) for r in rows])


_KINDS: Final = {
    # kind: (how many professionals per structure, sector)
    "hospital": (420, ("SA01", "Etablissement public de santé")),
    "clinic": (1400, ("SA04", "Etablissement privé non PSPH")),
    "pharmacy": (75, ("SA33", "Pharmacie d'officine")),
    "home": (260, ("SA19", "Etablissement pour personnes handicapées")),
    "laboratory": (700, ("SA25", "Laboratoire de biologie médicale")),
    "optician": (160, ("SA42", "Appareillage médical")),
}


# Share of structures with a mail domain of their own; the others use one of their regional operator's.
_OWN_DOMAIN: Final = {"hospital": 0.8, "clinic": 0.45, "laboratory": 0.15, "home": 0.03}


def regional(dice: Dice) -> str:
    """The domain of an operator that many share, a few of them very many."""
    return f"operateur-{int(40 * dice.share() ** 2.5):02d}.exemple.mssante.fr"


def how_many(kind: str, professionals: int) -> int:
    return max(2, professionals // _KINDS[kind][0])


@functools.lru_cache(maxsize=50_000)
def structure(seed: int, kind: str, number: int) -> Structure:
    """The structure of this kind and number."""
    dice = Dice(seed, kind, number)
    place = communes().draw(dice)
    town = fold(place.name).upper().replace("-", " ")
    department = nomenclature.department_of(place.commune, place.postal_code) or "75"
    serial = f"{list(_KINDS).index(kind)}{number:05d}"
    prefix = department[:2] if len(department) > 2 else department
    body = f"{prefix}{serial[:6]}"
    finess = body + "9" if prefix in ("2A", "2B") else with_check_digit(body)
    siren = with_check_digit(f"9{serial:0>7}"[:8])
    name, trade_name = _names(kind, dice, town)
    has_finess = kind != "optician"
    siret = with_check_digit(siren + "0001")
    key = f"F{finess}" if has_finess else f"C{siret}"
    slug = re.sub("[^a-z0-9]+", "-", fold(name))[:28].strip("-")
    return Structure(
        key=key,
        name=name,
        trade_name=trade_name,
        siret=siret,
        siren=siren if kind == "hospital" else "",
        finess=finess if has_finess else "",
        legal_entity_finess=with_check_digit(f"{prefix if prefix.isdigit() else '20'}{number // 3:05d}8"[:8])
        if kind in ("hospital", "clinic")
        else "",
        former_id=f"1{finess}" if has_finess else f"3{siret}",
        sector=_KINDS[kind][1],
        place=place,
        street_number=str(1 + dice.below(120)) if dice.chance(0.9) else "",
        street_type=_STREETS.draw(dice),
        street_name=dice.of(_STREET_NAMES),
        phone=_phone(dice),
        domain=f"{slug}-{number}.exemple.mssante.fr" if dice.chance(_OWN_DOMAIN.get(kind, 0.0)) else regional(dice),
        identifier=("1", finess) if has_finess else ("3", siret),
        detailed=dice.chance(0.6),
    )


@functools.lru_cache(maxsize=100_000)
def practice(seed: int, person: Person) -> Structure:
    """The practice of a self-employed person, in a town of their own."""
    dice = Dice(seed, "practice", person.number)
    place = communes().draw(dice)
    rang = f"{person.identifier}{1 + dice.below(3):03d}" if person.identifier_type == "8" else f"{person.identifier}00"
    key = f"R{rang}" if person.identifier_type == "8" else f"C{rang}"
    title = "DU DR " if person.doctor else "MME " if person.female else "M "
    name = f"CABINET {title}{person.given_name} {person.family_name}"
    return Structure(
        key=key,
        name=name.upper() if dice.chance(0.7) else name,
        trade_name="",
        siret="",
        siren="",
        finess="",
        legal_entity_finess="",
        former_id=("4" if person.identifier_type == "8" else "0") + rang,
        sector=("SA07", "Cabinet individuel") if dice.chance(0.6) else ("SA08", "Cabinet de groupe"),
        place=place,
        street_number=str(1 + dice.below(90)),
        street_type=_STREETS.draw(dice),
        street_name=dice.of(_STREET_NAMES),
        phone=_phone(dice),
        domain=None,
        identifier=("4", rang),
        detailed=dice.chance(0.5),
    )


def _names(kind: str, dice: Dice, town: str) -> tuple[str, str]:
    if kind == "hospital":
        share = dice.share()
        if share < 0.15:
            return f"CHU DE {town}", ""
        return (f"CH DE {town}" if share < 0.6 else f"CENTRE HOSPITALIER DE {town}"), ""
    if kind == "clinic":
        return f"CLINIQUE SAINT-{dice.of(('ÉLOI', 'JEAN', 'MARTIN', 'LUC', 'ANNE'))} {town}", f"CLINIQUE {town}"
    if kind == "pharmacy":
        name = dice.of(("DU MARCHE", "DE LA GARE", "CENTRALE", "DE L\u0092EUROPE", "DES HALLES", "DU CENTRE"))
        return f"PHARMACIE {name}", f"PHARMACIE {name}" if dice.chance(0.5) else ""
    if kind == "home":
        return f"EHPAD {dice.of(_FLOWERS)} {town}", ""
    if kind == "laboratory":
        return f"SELARL LABORATOIRE DE BIOLOGIE {town}", f"BIO {town}"
    return f'OPTIQUE "LES {2 + dice.below(8)}*MERVEILLES"/VISION \\ SARL {town}', ""


def _phone(dice: Dice) -> str:
    number = f"{dice.of(_PHONE_RANGES)}{dice.below(10_000):04d}"
    share = dice.share()
    if share < 0.02:
        return "0000"
    if share < 0.05:
        return "+33" + number[1:]
    return number if share < 0.85 else ""
