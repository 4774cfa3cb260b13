"""Identifiers of persons and structures: what they look like, and checks that warn and never refuse (DOMAIN section 5).

Identifiers are texts: ADELI and FINESS numbers have leading zeros, Corsican FINESS numbers have letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

RPPS: Final = "8"
ADELI: Final = "0"
MSSANTE_ADDRESS: Final = "10"

_DIGITS: Final = re.compile(r"[0-9]+")
_NINE: Final = re.compile(r"(?:[0-9]{2}|2[AB])[0-9]{7}")  # the letter is Corsica's
_LA_POSTE: Final = "356000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalId:
    """An *Identification nationale PP*: the type's digit or digits and the identifier, written together."""

    type: str
    identifier: str

    def __str__(self) -> str:
        return self.type + self.identifier


def parse_national_id(text: str) -> NationalId | None:
    """Split a national identifier; None when the text is none. A type may have two digits (10, an MSSanté address)."""
    if text.startswith(MSSANTE_ADDRESS) and "@" in text:
        return NationalId(type=MSSANTE_ADDRESS, identifier=text[2:])
    if len(text) > 1 and text[0] in "012345689":
        return NationalId(type=text[0], identifier=text[1:])
    return None


def luhn_ok(digits: str) -> bool:
    """Whether digits pass the Luhn check: every second one from the right doubled, sum divisible by 10."""
    if not _DIGITS.fullmatch(digits):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def rpps_ok(text: str) -> bool:
    """11 digits that begin with 10 and pass the Luhn check."""
    return len(text) == 11 and text.startswith("10") and luhn_ok(text)


def adeli_ok(text: str) -> bool:
    """9 characters, département first; the Luhn check holds where all are digits."""
    return _NINE.fullmatch(text) is not None and (text[1] in "AB" or luhn_ok(text))


def finess_ok(text: str) -> bool:
    """9 characters, département first; the Luhn check holds where all are digits."""
    return _NINE.fullmatch(text) is not None and (text[1] in "AB" or luhn_ok(text))


def siren_ok(text: str) -> bool:
    """9 digits that pass the Luhn check."""
    return len(text) == 9 and luhn_ok(text)


def siret_ok(text: str) -> bool:
    """14 digits that pass the Luhn check; La Poste's add up to a multiple of 5 instead."""
    if len(text) != 14 or not _DIGITS.fullmatch(text):
        return False
    return luhn_ok(text) or (text.startswith(_LA_POSTE) and sum(map(int, text)) % 5 == 0)


def check_person(identifier_type: str, identifier: str) -> bool:
    """Whether a person's identifier looks right for its type; types without a published rule always do."""
    if identifier_type == RPPS:
        return rpps_ok(identifier)
    if identifier_type == ADELI:
        return adeli_ok(identifier)
    return True
