"""The oracle: every practitioner of an index, read one by one, and who a search by name has to find."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from directory.index.reader import Index
from directory.model import Kind
from directory.text import fold

Test = Callable[["Person"], bool]


@dataclass(frozen=True, slots=True)
class Person:
    """A practitioner as its record spells it, and folded."""

    national_id: str
    family_name: str
    given_name: str
    family: str
    given: str


def read_people(index: Index) -> list[Person]:
    """Everybody, from the records themselves: no set of the index is looked at."""
    with index.read() as snapshot:
        documents = (snapshot.document(number) for number in snapshot.posting("kinds", bytes([2])))
        return [_person(document.json) for document in documents if document.kind is Kind.PRACTITIONER]


def _person(json: bytes) -> Person:
    record = orjson.loads(json)
    family, given = record["family_name"], record["given_name"] or ""
    return Person(record["national_id"], family, given, fold(family), fold(given))


def begins(field: str, value: str) -> Test:
    """A word of a name begins so."""
    part = fold(value)
    pattern = re.compile(rf"(?<![^\W_]){re.escape(part)}")
    if field == "family":
        return lambda person: part in person.family and pattern.search(person.family) is not None
    return lambda person: part in person.given and pattern.search(person.given) is not None


def contains(value: str) -> Test:
    """A family or given name contains it."""
    part = fold(value)
    return lambda person: part in person.family or part in person.given


def every(*tests: Test) -> Test:
    return lambda person: all(test(person) for test in tests)


def open_index(data: Path) -> Index:
    return Index.open(data / "index", map_bytes=2**36)


def doubled(people: list[Person]) -> Iterator[Person]:
    """Those with a family name of two halves."""
    return (person for person in people if re.fullmatch(r"[^\W_]{3,}[ -][^\W_]{4,}", person.family))
