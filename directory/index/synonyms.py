"""What people write every day for the words of the register: folded words, with the dictionary's words they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "kine": ("kinesitherapeute", "masseur"),
    "kines": ("kinesitherapeute",),
    "generaliste": ("generale",),
    "generalistes": ("generale",),
    "medg": ("generale",),
    "docteur": ("medecin",),
    "toubib": ("medecin",),
    "infirmiere": ("infirmier",),
    "infirmieres": ("infirmier",),
    "idel": ("infirmier",),
    "ide": ("infirmier",),
    "dentiste": ("chirurgien", "dentiste"),
    "pharmacie": ("pharmacien", "pharmacie"),
    "pharmacienne": ("pharmacien",),
    "psy": ("psychologue", "psychiatrie"),
    "psychiatre": ("psychiatrie",),
    "podo": ("podologue",),
    "podologue": ("pedicure", "podologue"),
    "orthophoniste": ("orthophoniste",),
    "ortho": ("orthophoniste", "orthopedique"),
    "cardio": ("cardiologie", "cardiovasculaire"),
    "cardiologue": ("cardiologie", "cardiovasculaire", "cardiovasculaires"),
    "dermato": ("dermatologie",),
    "dermatologue": ("dermatologie",),
    "gyneco": ("gynecologie",),
    "gynecologue": ("gynecologie",),
    "ophtalmo": ("ophtalmologie",),
    "ophtalmologue": ("ophtalmologie",),
    "pediatre": ("pediatrie",),
    "radiologue": ("radiodiagnostic", "radiologie"),
    "radio": ("radiodiagnostic", "radiologie"),
    "orl": ("laryngologie", "orl"),
    "anesthesiste": ("anesthesie",),
    "neurologue": ("neurologie",),
    "rhumato": ("rhumatologie",),
    "rhumatologue": ("rhumatologie",),
    "pneumologue": ("pneumologie",),
    "urologue": ("urologie",),
    "gastro": ("gastro", "hepatologie"),
    "chirurgien": ("chirurgie", "chirurgien"),
    "urgentiste": ("urgence",),
    "labo": ("laboratoire", "biologie"),
    "chu": ("chu", "universitaire"),
    "chr": ("chr", "regional"),
    "ch": ("ch", "hospitalier"),
    "hopital": ("hospitalier", "hopital", "ch"),
    "ehpad": ("ehpad", "retraite"),
    "clinique": ("clinique",),
    "st": ("saint", "st"),
    "saint": ("st", "saint"),
    "ste": ("sainte", "ste"),
    "sainte": ("ste", "sainte"),
    "msp": ("msp", "pluriprofessionnelle"),
}

NOISE: Final = frozenset(
    {"dr", "pr", "mr", "mme", "monsieur", "madame", "mlle", "le", "la", "les", "l", "d", "a", "au"}
)
"""Words that never decide anything: they count when they fit and are forgiven when they do not."""
