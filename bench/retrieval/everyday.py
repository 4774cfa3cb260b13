"""What people type for trades and towns: everyday words, with the register's codes they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final

from bench.retrieval.judge import Trade
from bench.retrieval.letters import words
from bench.retrieval.people import Person

_GENERAL: Final = ("SM26", "SM53", "SM54")
_PSYCHIATRY: Final = ("SM42", "SM43", "SM92", "SM93")

TRADES: Final[Mapping[str, tuple[str, ...]]] = {
    "médecin": ("10",),
    "docteur": ("10",),
    "généraliste": _GENERAL,
    "médecin généraliste": _GENERAL,
    "médecine générale": _GENERAL,
    "psychiatre": _PSYCHIATRY,
    "psy": ("72", "93", *_PSYCHIATRY),
    "anesthésiste": ("SM02", "SM76"),
    "pédiatre": ("SM40", "SM87", "SM88", "SM89", "SM90"),
    "cardiologue": ("SM04", "SM73", "SM79", "SM80", "SM81"),
    "cardio": ("SM04", "SM73", "SM79", "SM80", "SM81", "SM11"),
    "ophtalmo": ("SM38", "SM85"),
    "ophtalmologue": ("SM38", "SM85"),
    "ophtalmologiste": ("SM38", "SM85"),
    "gynéco": ("SM19", "SM20", "SM51", "SM52"),
    "gynécologue": ("SM19", "SM20", "SM51", "SM52"),
    "dermato": ("SM15",),
    "dermatologue": ("SM15",),
    "gastro": ("SM24",),
    "gastro-entérologue": ("SM24",),
    "urgentiste": ("SM59",),
    "médecin du travail": ("SM25",),
    "pneumologue": ("SM41", "SM91"),
    "pneumo": ("SM41", "SM91"),
    "orl": ("SM34", "SM39", "SM86"),
    "rhumatologue": ("SM48",),
    "rhumato": ("SM48",),
    "neurologue": ("SM32", "SM84"),
    "radiologue": ("SM44", "SM55", "SM74", "SM94"),
    "endocrinologue": ("SM16", "SM62"),
    "gériatre": ("SM18",),
    "allergologue": ("SM57",),
    "néphrologue": ("SM30", "SM83"),
    "urologue": ("SM12",),
    "pharmacien": ("21",),
    "pharmacienne": ("21",),
    "audioprothésiste": ("26",),
    "audio": ("26",),
    "opticien": ("28",),
    "opticienne": ("28",),
    "assistante dentaire": ("31",),
    "dentiste": ("40",),
    "chirurgien dentiste": ("40",),
    "assistante sociale": ("41",),
    "sage-femme": ("50",),
    "sage femme": ("50",),
    "infirmier": ("60",),
    "infirmière": ("60",),
    "infirmiere": ("60",),
    "ide": ("60",),
    "idel": ("60",),
    "kiné": ("70",),
    "kine": ("70",),
    "kinésithérapeute": ("70",),
    "ostéo": ("71",),
    "ostéopathe": ("71",),
    "psychothérapeute": ("72",),
    "podologue": ("80",),
    "pédicure": ("80",),
    "technicien de laboratoire": ("86",),
    "technicienne labo": ("86",),
    "orthophoniste": ("91",),
    "orthoptiste": ("92",),
    "psychologue": ("93",),
    "ergothérapeute": ("94",),
    "ergo": ("94",),
    "diététicienne": ("95",),
    "diététicien": ("95",),
    "diét": ("95",),
    "psychomotricienne": ("96",),
    "psychomotricien": ("96",),
    "manip radio": ("98",),
    "manipulateur": ("98",),
}
"""Words as typed, accents or not; the person meant holds one of the codes, as profession or as specialty."""

_UNSPOKEN: Final = frozenset({"99"})  # "Acteur du système de santé …": nobody types that
_SPOKEN: Final = {
    code: [word for word, codes in TRADES.items() if code in codes] for codes in TRADES.values() for code in codes
}


def trade(dice: Random, person: Person) -> tuple[str, Trade] | None:
    """What is typed for one of a person's trades, three times in four in everyday words, and what that means; None
    where nobody would type any of them."""
    spoken = [word for code in person.trades for word in _SPOKEN.get(code, ())]
    if spoken and dice.random() < 0.75:
        word = dice.choice(spoken)
        return word, Trade(codes=frozenset(TRADES[word]))
    if _UNSPOKEN.intersection(person.trades):
        return None
    label = dice.choice(person.labels)
    return label.lower(), Trade(words=frozenset(words(label)))


def town(dice: Random, name: str) -> str:
    """A town as typed: "saint denis" is "st denis" one time in three, hyphens come and go."""
    parts = name.split()
    if dice.random() < 1 / 3:
        parts = [{"saint": "st", "sainte": "ste"}.get(part, part) for part in parts]
    return (" " if name[-1].isdigit() else dice.choice((" ", "-"))).join(parts)
