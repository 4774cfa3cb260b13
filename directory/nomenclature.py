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
from typing import Final

from directory.text import words

FRANCE: Final = frozenset({"", "99000", "99100"})
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


def codes_labelled(list_name: str, text: str) -> tuple[str, ...]:
    """The codes of a label, in any case, with or without accents and hyphens; none where there is no such label."""
    return _by_label(list_name).get(" ".join(words(text)), ())


@functools.cache
def _by_label(list_name: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for code, name in codes(list_name).items():
        written = " ".join(words(name))
        found[written] = (*found.get(written, ()), code)
    return found


def department_label(code: str) -> str | None:
    return codes("departments").get(code)


def department_of(commune: str | None, postal_code: str | None) -> str | None:
    """The département code, from the INSEE commune code, or failing that from the postal code.

    Communes first, because some postal codes begin like another département (DOMAIN section 5). None for what is
    neither, such as the postal codes of foreign addresses, and for communes abroad (99…).
    """
    if commune and len(commune) == 5:
        found = _beginning(commune.upper())
        if found or commune.startswith("99"):
            return found
    if not postal_code or len(postal_code) != 5 or not (postal_code.isascii() and postal_code.isdigit()):
        return None
    if postal_code.startswith("20"):
        return "2A" if postal_code[2] in "01" else "2B"
    return _ISLANDS.get(postal_code) or _beginning(postal_code)


_ISLANDS: Final = {"97133": "977", "97150": "978"}  # written like Guadeloupe's


def _beginning(code: str) -> str | None:
    found = code[:3] if code.startswith(("97", "98")) else code[:2]
    return found if found in codes("departments") else None


def department_code(text: str) -> str | None:
    """The code of a département given as code or label, in any case, with or without accents, hyphens and article."""
    return _department_names().get(" ".join(words(text)))


@functools.cache
def _department_names() -> Mapping[str, str]:
    names: dict[str, str] = {}
    for code, name in codes("departments").items():
        for written in (code, code.lstrip("0"), name, name.removeprefix("La ")):
            names.setdefault(" ".join(words(written)), code)
    return names


def region_of(department: str) -> str | None:
    """The label of the région a département lies in; None for the overseas collectivities, which lie in none."""
    region = _column("departments", "region").get(department)
    return label("regions", region) if region else None


def current_profession_code(code: str) -> str:
    """Today's code for an ended one of the same name: the social professions 200-213 became 41-53 (DOMAIN 11.2)."""
    return _successors().get(code, code)


@functools.cache
def _successors() -> Mapping[str, str]:
    today = {row["label"]: row["code"] for row in _rows("professions") if not row["ended"]}
    ended = (row for row in _rows("professions") if row["ended"])
    return {row["code"]: today[row["label"]] for row in ended if row["label"] in today}


def terminology_of_profession(code: str) -> str | None:
    """The terminology that a profession's code is from (`TRE_G15`); None for a code this version does not know."""
    return _column("professions", "terminology").get(code)


def type_of_expertise(code: str) -> str | None:
    """The type of a savoir-faire (TRE_R04); None for a code this version does not know."""
    return _column("expertises", "type").get(code)


@functools.cache
def _column(list_name: str, column: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for row in _rows(list_name):
        found.setdefault(row["code"], row[column])  # where a code stands twice, the first row counts
    return found


@functools.cache
def _rows(list_name: str) -> tuple[dict[str, str], ...]:
    table = importlib.resources.files("directory") / "nomenclature" / f"{list_name}.csv"
    with table.open(encoding="utf-8") as file:
        return tuple(csv.DictReader(file))
