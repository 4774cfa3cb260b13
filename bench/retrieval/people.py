"""The truth: who is in the extracts, read straight from the official files, apart from all importers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from sys import intern
from typing import Final

from bench.retrieval.letters import words

_ACTIVITIES: Final = "*Personne_activite*.txt"
_MAILBOXES: Final = "*Correspondance_MSSante*.txt"
_ID: Final = "Identification nationale PP"
_POSTAL_LINE: Final = re.compile(r"\d{5}\s+(?P<town>.+)")
_CEDEX: Final = re.compile(r"\s+cedex.*$", re.IGNORECASE)
_DISTRICT: Final = re.compile(r"(?P<town>\w+) (?P<number>\d{1,2}) ?(?:e|er|eme)( arrondissement)?")


@dataclass(slots=True)
class Person:
    """One professional of the register, with everything a searcher may know of them.

    `towns` and `postal_codes` are where they work; `reached_at` adds the places of their mailboxes. Towns are plain
    words ("saint denis"); those with districts are there twice ("lyon", "lyon 7"). `trades` holds the codes of
    professions and of specialties, `labels` what the register calls them.
    """

    national_id: str
    family: str
    given: str
    towns: list[str] = field(default_factory=list)
    postal_codes: list[str] = field(default_factory=list)
    reached_at: list[str] = field(default_factory=list)
    trades: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    @property
    def family_words(self) -> tuple[str, ...]:
        return words(self.family)

    @property
    def given_words(self) -> tuple[str, ...]:
        return words(self.given)

    @property
    def name_words(self) -> tuple[str, ...]:
        return words(f"{self.given} {self.family}")

    @property
    def places(self) -> set[str]:
        """Every place that is right to name beside this person."""
        return {*self.towns, *self.postal_codes, *self.reached_at}


@dataclass(frozen=True, slots=True)
class People:
    """Everybody, in the order of the file, and by national identifier."""

    everybody: Sequence[Person]
    by_id: Mapping[str, Person]


def read_people(folder: Path) -> People:
    """The persons of Personne_activite; the mailbox file adds places to those it names, not persons.

    Raises:
        FileNotFoundError: the folder does not hold both files.
    """
    by_id: dict[str, Person] = {}
    for row in _rows(_only(folder, _ACTIVITIES)):
        national_id = row[_ID]
        if not national_id:
            continue
        person = by_id.get(national_id)
        if person is None:
            person = by_id[national_id] = Person(national_id, row["Nom d'exercice"], row["Prénom d'exercice"])
        _add_activity(person, row)
    for row in _rows(_only(folder, _MAILBOXES)):
        holder = by_id.get(row[_ID])
        if holder is not None:
            _add(holder.reached_at, *towns_of(row["L6LIGNEACHEMINEMENT structure BAL"]))
            _add(holder.reached_at, row["Code postal structure BAL"])
    return People(list(by_id.values()), by_id)


def _add_activity(person: Person, row: Mapping[str, str]) -> None:
    label = row["Libellé commune (coord. structure)"]
    _add(person.towns, *towns_of(label or row["Bureau cedex (coord. structure)"]))
    _add(person.postal_codes, row["Code postal (coord. structure)"])
    _add(person.trades, row["Code profession"], row["Code savoir-faire"])
    _add(person.labels, row["Libellé profession"], row["Libellé savoir-faire"])


@lru_cache(maxsize=100_000)
def towns_of(line: str) -> tuple[str, ...]:
    """The town of a label or a last postal line, in plain words: "69007 LYON 7E ARRONDISSEMENT" is "lyon" and
    "lyon 7", "69399 LYON CEDEX 03" is "lyon"."""
    postal = _POSTAL_LINE.fullmatch(line.strip())
    town = " ".join(words(_CEDEX.sub("", postal["town"] if postal else line)))
    district = _DISTRICT.fullmatch(town)
    if district:
        return district["town"], f"{district['town']} {district['number']}"
    return (town,) if town else ()


def _add(known: list[str], *values: str) -> None:
    known.extend(intern(value) for value in values if value and value not in known)


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise FileNotFoundError(f"{folder} holds no file {pattern}")
    return found[-1]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """The lines of an extract by column name; lines that are not UTF-8 or too short are no lines of the register."""
    with path.open("rb") as file:
        header = next(file).decode("utf-8-sig").rstrip("\r\n").split("|")
        for line in file:
            try:
                values = line.decode().rstrip("\r\n").split("|")
            except UnicodeDecodeError:
                continue
            if len(values) >= len(header):
                yield dict(zip(header, values, strict=False))
