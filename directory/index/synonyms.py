"""What people say every day for the words of the register, and the words that decide nothing."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final

EVERYDAY: Final[Mapping[str, tuple[str, ...]]] = {
    # trades
    "anesthesiste": ("anesthesie",),
    "cardiologue": ("cardiologie", "cardiovasculaire"),
    "chirurgien": ("chirurgien", "chirurgie"),
    "chir": ("chirurgie", "chirurgien"),
    "dermato": ("dermatologie", "dermato"),
    "docteur": ("medecin",),
    "dr": ("medecin",),
    "generaliste": ("medecine generale",),
    "gyneco": ("gynecologie", "gyneco"),
    "gynecologue": ("gynecologie", "gyneco"),
    "ibode": ("infirmier",),
    "iade": ("infirmier",),
    "ide": ("infirmier",),
    "idel": ("infirmier",),
    "ipa": ("infirmier pratique avancee",),
    "kine": ("kinesitherapeute",),
    "manip": ("manipulateur",),
    "medg": ("medecine generale",),
    "mg": ("medecine generale",),
    "mk": ("kinesitherapeute",),
    "neurochirurgien": ("neuro chirurgie",),
    "ophtalmo": ("ophtalmologie", "ophtalmo"),
    "ophtalmologue": ("ophtalmologie", "ophtalmo"),
    "orl": ("orl", "laryngologie"),
    "orthopediste": ("orthopedique", "orthopediste"),
    "pharmacie": ("pharmacie", "pharmacien"),
    "psy": ("psychologue", "psychiatrie", "psychotherapeute"),
    "radio": ("radiologie", "radiodiagnostic", "radio", "erm"),
    "radiologue": ("radiologie", "radiodiagnostic", "radio"),
    "sf": ("sage femme",),
    "toubib": ("medecin",),
    "urgentiste": ("urgence", "urgences"),
    # structures
    "cabinet": ("cabinet",),
    "ch": ("ch", "centre hospitalier"),
    "chr": ("chr", "centre hospitalier regional"),
    "chru": ("chru", "chu", "centre hospitalier universitaire"),
    "chu": ("chu", "chru", "centre hospitalier universitaire"),
    "clcc": ("clcc", "cancer"),
    "cms": ("cms", "centre sante"),
    "ehpad": ("ehpad", "maison retraite", "residence"),
    "had": ("had", "hospitalisation domicile"),
    "hopital": ("hopital", "hospitalier", "ch", "chu", "hopitaux"),
    "hosto": ("hopital", "hospitalier", "ch", "chu"),
    "labo": ("laboratoire", "labo", "biologie", "lbm"),
    "laboratoire": ("laboratoire", "labo", "lbm"),
    "lam": ("laboratoire",),
    "lbm": ("laboratoire", "lbm"),
    "mspu": ("msp", "maison sante"),
    "msp": ("msp", "maison sante"),
    "pharma": ("pharmacie", "pharmacien"),
    "ssiad": ("ssiad", "soins domicile"),
    "ssr": ("ssr", "readaptation"),
    # places and names
    "st": ("saint",),
    "ste": ("sainte",),
    "saint": ("st",),
    "sainte": ("ste",),
}
"""What is said, and what the register may call it: a word, or several that all have to be there."""

CERTAIN: Final = frozenset(
    {
        *("cardiologue", "dentiste", "dermato", "docteur", "generaliste", "gyneco", "gynecologue", "ide", "idel"),
        *(
            "kine",
            "manip",
            "ophtalmo",
            "ophtalmologue",
            "orl",
            "psy",
            "radiologue",
            "urgentiste",
            "ehpad",
            "chu",
            "labo",
        ),
    }
)
"""Everyday words that are nobody's misspelt name."""

PARTICLES: Final = frozenset(
    {
        *("de", "du", "des", "d", "le", "la", "les", "l", "van", "von", "der", "den", "ben", "el", "al", "da", "dos"),
        *("das", "di", "della", "dell", "del", "ould", "ait", "saint", "sainte", "st", "ste", "o", "mac", "mc", "dit"),
    }
)
"""What family names begin with, apart or not."""

NOISE: Final = frozenset(
    {
        *("dr", "pr", "mr", "m", "mme", "mlle", "monsieur", "madame", "mademoiselle", "professeur"),
        *("le", "la", "les", "l", "de", "du", "des", "d", "au", "aux", "et", "en", "sur", "sous", "pres", "cedex"),
        *("arrondissement", "selarl", "scm", "sarl", "selas", "par", "un", "une"),
    }
)
"""Words that never decide anything: they count when they fit and are forgiven when they do not."""

_TRADES: Final = (
    # The one who practises, from the practice; women, from men; several, from one.
    (re.compile(r"(?:logue|logiste)s?$"), "logie"),
    (re.compile(r"iatres?$"), "iatrie"),
    (re.compile(r"urgiens?$"), "urgie"),
    (re.compile(r"rgologues?$"), "rgologie"),
    (re.compile(r"ieres?$"), "ier"),
    (re.compile(r"iennes?$"), "ien"),
    (re.compile(r"euses?$"), "eur"),
    (re.compile(r"trices?$"), "teur"),
    (re.compile(r"antes?$"), "ant"),
    (re.compile(r"ales?$"), "al"),
    (re.compile(r"istes?$"), "ie"),
    (re.compile(r"s$"), ""),
)


@functools.lru_cache(maxsize=10_000)
def trade_words(word: str) -> tuple[str, ...]:
    """The words of profession and specialty labels that the name of who practises may stand for."""
    return tuple(dict.fromkeys(ending.sub(by, word) for ending, by in _TRADES if ending.search(word)))
