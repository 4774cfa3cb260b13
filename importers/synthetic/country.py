"""The country as it is on a given day: who works where, who holds which mailbox, and what changes from day to day.

Everything is decided by the entity's own number and the day, so that any day can be written without the one before.
A night changes about three rows in a thousand.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from directory.text import fold
from importers.synthetic import structures
from importers.synthetic.draws import Dice
from importers.synthetic.people import SELF_EMPLOYED, Person, person
from importers.synthetic.structures import SERVICES, Structure

_LEAVE: Final = 0.0004  # of persons a day
_ARRIVE: Final = 0.0006
_MOVE: Final = 0.0010
_MARRY: Final = 0.0002
_CLOSE_MAILBOX: Final = 0.0007
_OPEN_MAILBOX: Final = 0.0006

_PROFESSION_DOMAINS: Final = {
    "10": "medecin", "21": "pharmacien", "60": "infirmier", "50": "sage-femme", "40": "chirurgien-dentiste",
    "70": "masseur-kinesitherapeute", "80": "pedicure-podologue", "91": "orthophoniste", "93": "psychologue",
    "92": "orthoptiste", "94": "ergotherapeute", "95": "dieteticien", "96": "psychomotricien",
    "28": "opticien-lunetier",
}  # fmt: skip
_EQUIPPED: Final = {"10": 0.62, "21": 0.45, "60": 0.16, "50": 0.35, "40": 0.3, "70": 0.2, "86": 0.05}


@dataclass(frozen=True, slots=True)
class Activity:
    """One situation d'exercice of a person."""

    profession: tuple[str, str]
    mode: tuple[str, str]
    structure: Structure | None
    role: tuple[str, str]
    genre: tuple[str, str]
    authority: str


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A published mailbox: its holder, or its structure and service."""

    kind: str
    address: str
    holder: Person | None
    structure: Structure | None
    service: str
    paperless: str


@dataclass(frozen=True, slots=True)
class Country:
    professionals: int
    seed: int
    day: int

    def persons(self) -> Iterator[Person]:
        """Who is in the register today, in order of their number."""
        arrivals = int(self.professionals * _ARRIVE) or 1
        for number in range(self.professionals + (self.day - 1) * arrivals):
            first_day = 1 if number < self.professionals else 2 + (number - self.professionals) // arrivals
            if self._happened(_LEAVE, "leave", number, first_day):
                continue
            yield self._today(number, first_day)

    def _today(self, number: int, first_day: int) -> Person:
        found = person(self.seed, number)
        if self._happened(_MARRY, "marry", number, first_day):
            other = person(self.seed, number + 7_000_000)
            return replace(found, family_name=f"{found.family_name}-{other.family_name.upper()}")
        return found

    def _happened(self, probability: float, what: str, number: int, first_day: int = 1) -> int:
        """How often something has happened to an entity since its first day."""
        return sum(Dice(self.seed, what, number, day).chance(probability) for day in range(first_day + 1, self.day + 1))

    def activities(self, who: Person) -> list[Activity]:
        """Where a person works today; nowhere for a few (anomalies 10 and 11)."""
        moves = self._happened(_MOVE, "move", who.number)
        dice = Dice(self.seed, "activity", who.number, moves)
        nowhere = dice.share()
        professions = [who.profession, *([who.second_profession] if who.second_profession else [])]
        found = []
        for profession in professions:
            if nowhere < 0.04:
                mode = ("S", "Salarié") if nowhere < 0.02 else ("", "")
                found.append(Activity(profession, mode, None, ("", ""), ("", ""), "ARS//"))
                continue
            found.append(self._activity(dice, who, profession))
            if dice.chance(0.14):
                found.append(self._activity(dice, who, profession))
        return found

    def _activity(self, dice: Dice, who: Person, profession: tuple[str, str]) -> Activity:
        genre = ("GENR01", "Activité de soin et de pharmacie")
        if dice.chance(SELF_EMPLOYED.get(profession[0], 0.1)):
            own = structures.practice(self.seed, person(self.seed, who.number))
            return Activity(profession, ("L", "Libéral"), own, ("", ""), genre, "CNOM/CNOM/CNOM")
        kind = {"21": "pharmacy", "86": "laboratory", "28": "optician", "26": "optician"}.get(profession[0])
        if kind is None or dice.chance(0.2):
            kind = "hospital" if dice.chance(0.75) else "home" if dice.chance(0.5) else "clinic"
        where = self._structure(dice, kind)
        role = ("332", "Assistant médical") if profession[0] == "99" else ("", "")
        if profession[0] == "21":
            role = ("FON-05", "Adjoint")
        return Activity(profession, ("S", "Salarié"), where, role, genre, "ARS/ARS/ARS")

    def _structure(self, dice: Dice, kind: str) -> Structure:
        """Large hospitals have most of the staff: sizes fall off steeply."""
        count = structures.how_many(kind, self.professionals)
        steepness = 3.0 if kind in ("hospital", "clinic") else 1.2
        return structures.structure(self.seed, kind, int(count * dice.share() ** steepness))

    def mailboxes(self) -> Iterator[Mailbox]:
        """The mailboxes published today: of persons, then of structures' services."""
        for who in self.persons():
            yield from self._personal(who)
        count = max(3, int(self.professionals * 0.2745 * 0.15))
        for number in range(count + int(count * _OPEN_MAILBOX * (self.day - 1))):
            if not self._happened(_CLOSE_MAILBOX, "close service", number):
                yield self._service(number)

    def _personal(self, who: Person) -> Iterator[Mailbox]:
        dice = Dice(self.seed, "mailbox", who.number)
        equipped = dice.chance(_EQUIPPED.get(who.profession[0], 0.1) * 0.97)
        opened = self._happened(_OPEN_MAILBOX, "open mailbox", who.number)
        closed = self._happened(_CLOSE_MAILBOX, "close mailbox", who.number)
        if (equipped and closed) or not (equipped or opened):
            return
        paperless = "O" if dice.chance(0.4) else "N" if dice.chance(0.8) else ""
        profession = _PROFESSION_DOMAINS.get(who.profession[0])
        where = next((one.structure for one in self.activities(who) if one.structure and one.structure.domain), None)
        if where is not None and (profession is None or dice.chance(0.7)):
            yield Mailbox("PER", f"{_local(dice, who)}@{where.domain}", who, where, "", paperless)
            if profession is None or not dice.chance(0.08):
                return
        if profession is not None:
            domain = f"{profession}.mssante.fr" if dice.chance(0.5) else structures.regional(dice)
            yield Mailbox("PER", f"{_local(dice, who)}@{domain}", who, None, "", paperless)

    @functools.cache  # noqa: B019 - a country is small and lives as long as one run
    def _kind_of_service(self, number: int) -> str:
        dice = Dice(self.seed, "service kind", number)
        return "hospital" if dice.chance(0.7) else dice.of(("clinic", "home", "laboratory", "pharmacy"))

    def _service(self, number: int) -> Mailbox:
        dice = Dice(self.seed, "service", number)
        kind = self._kind_of_service(number)
        where = self._structure(dice, kind)
        service = dice.of(SERVICES) if kind in ("hospital", "clinic") else ""
        name = fold(service or "contact").replace(" ", ".")
        return Mailbox("ORG", f"{name}.{number}@{where.domain}", None, where, service, "N" if dice.chance(0.7) else "")


def _local(dice: Dice, who: Person) -> str:
    """The part before the @: given.family, g.family, with apostrophes and capitals now and then; a number keeps
    namesakes apart."""
    given = fold(who.given_name).replace(" ", "-")
    family = fold(who.family_name).replace(" ", "")
    if not dice.chance(0.3):
        family = family.replace("'", "")
    local = f"{given}.{family}" if dice.chance(0.8) else f"{given[0]}.{family}"
    local = f"{local[:52]}{who.number}" if dice.chance(0.9) else f"{local[:46]}.{who.number}"
    return local.title() if dice.chance(0.02) else local
