"""Code lists of the field: codes are the truth, labels are what people read (tables in nomenclature/*.csv).

Codes and official labels are those of the ANS *Nomenclatures des objets de santé* and the INSEE *Code officiel
géographique*. A code that is not here is not an error: extracts bring new ones with their label.
"""

from __future__ import annotations

import csv
import functools
import importlib.resources
from collections.abc import Mapping
from types import MappingProxyType

from directory.text import fold

FRANCE = frozenset({"", "99000", "99100"})
"""How the extracts write France: not at all, 99000, or as the COG does."""


@functools.cache
def codes(list_name: str) -> Mapping[str, str]:
    """The list's labels by code; where a code stands twice (93 Psychologue), the first row counts."""
    found: dict[str, str] = {}
    for row in _rows(list_name):
        found.setdefault(row["code"], row["label"])
    return MappingProxyType(found)


def label(list_name: str, code: str) -> str | None:
    """The official label, or None for a code this version does not know."""
    if list_name == "countries" and code == "99000":
        code = "99100"
    return codes(list_name).get(code)


def department_label(code: str) -> str | None:
    return codes("departments").get(code)


def department_of(commune: str | None, postal_code: str | None) -> str | None:
    """The département code, from the INSEE commune code, or failing that from the postal code.

    Communes first, because some postal codes begin like another département (DOMAIN section 5); None for what is
    neither, such as the postal codes of foreign addresses.
    """
    if commune and len(commune) == 5:
        return _known(commune[:3]) if commune.startswith(("97", "98")) else _known(commune[:2])
    if not postal_code or len(postal_code) != 5 or not (postal_code.isascii() and postal_code.isdigit()):
        return None
    if postal_code.startswith("20"):
        return "2A" if postal_code[2] in "01" else "2B"
    if postal_code in _ISLANDS:
        return _ISLANDS[postal_code]
    return _known(postal_code[:3]) if postal_code.startswith(("97", "98")) else _known(postal_code[:2])


_ISLANDS = {"97133": "977", "97150": "978"}


def _known(code: str) -> str | None:
    return code if code in codes("departments") else None


@functools.cache
def department_code(text: str) -> str | None:
    """The code of a département given as code or label, in any case and with or without accents."""
    folded = fold(text)
    for code, name in codes("departments").items():
        if folded in (code.lower(), code.lstrip("0").lower(), fold(name)):
            return code
    return None


@functools.cache
def region_of(department: str) -> str | None:
    """The label of the région a département lies in."""
    for row in _rows("departments"):
        if row["code"] == department:
            return label("regions", row["region"])
    return None


@functools.cache
def current_profession_code(code: str) -> str:
    """Today's code for an ended one of the same name: the social professions 200-210 became 41-53 (DOMAIN 11.2)."""
    rows = _rows("professions")
    name = next((row["label"] for row in rows if row["code"] == code and row["ended"]), None)
    return next((row["code"] for row in rows if row["label"] == name and not row["ended"]), code)


@functools.cache
def expertise_type(code: str) -> str | None:
    """The type (S, C, CAPA …) of a *savoir-faire* code, where its terminology names one."""
    return next((row["type"] or None for row in _rows("expertises") if row["code"] == code), None)


@functools.cache
def _rows(list_name: str) -> tuple[dict[str, str], ...]:
    table = importlib.resources.files("directory") / "nomenclature" / f"{list_name}.csv"
    with table.open(encoding="utf-8") as file:
        return tuple(csv.DictReader(file))
