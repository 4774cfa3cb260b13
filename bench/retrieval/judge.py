"""Which answers are right: by the letters that were meant and by those that were typed, never by an engine's taste.

A person is right when the name fits *and* the place and the trade do, where the query names them. A name fits

* as meant: persons with exactly the same plain name as the one that was drawn are equally right; where only a part of
  the name is typed (beginnings, initials, one half of a double name), so is whoever has that part. Of a beginning with
  an error in it nobody can tell what was meant: right is whoever begins so but for one error;
* as typed: when an error happens to spell the whole name of somebody else, that person is right too. An engine cannot
  know better, and preferring the exact name is what all of them should do. Initials without a full stop are letters
  that begin any name; with one they abbreviate the given name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.retrieval.letters import distance, words
from bench.retrieval.people import Person


class Reading(Protocol):
    """One way to read the name in a query."""

    def fits(self, person: Person) -> bool: ...


@dataclass(frozen=True, slots=True)
class SameName:
    """Exactly this plain name; `given` None where only the family name is typed."""

    family: tuple[str, ...]
    given: tuple[str, ...] | None = None

    def fits(self, person: Person) -> bool:
        return person.family_words == self.family and self.given in (None, person.given_words)


@dataclass(frozen=True, slots=True)
class SameWords:
    """Exactly these words, in any order: somebody's whole name as it was typed."""

    words: tuple[str, ...]

    def fits(self, person: Person) -> bool:
        return sorted(person.name_words) == sorted(self.words)


@dataclass(frozen=True, slots=True)
class Part:
    """Whole words of the name, each once, and the beginnings of others, with so many errors in each beginning."""

    whole: tuple[str, ...]
    begun: tuple[str, ...] = ()
    errors: int = 0

    def fits(self, person: Person) -> bool:
        left = list(person.name_words)
        for word in self.whole:
            if word not in left:
                return False
            left.remove(word)
        return self._each_begins_one(self.begun, left)

    def _each_begins_one(self, beginnings: Sequence[str], words: list[str]) -> bool:
        if not beginnings:
            return True
        return any(
            self._begins(beginnings[0], word) and self._each_begins_one(beginnings[1:], [*words[:at], *words[at + 1 :]])
            for at, word in enumerate(words)
        )

    def _begins(self, beginning: str, word: str) -> bool:
        near = range(len(beginning) - self.errors, len(beginning) + self.errors + 1)
        return word.startswith(beginning) or (
            self.errors > 0 and any(distance(word[:length], beginning) <= self.errors for length in near)
        )


@dataclass(frozen=True, slots=True)
class Half:
    """One half of a double name, with the other name whole."""

    family: tuple[str, ...]
    given: tuple[str, ...]

    def fits(self, person: Person) -> bool:
        family, given = person.family_words, person.given_words
        return (family == self.family and set(self.given) <= set(given)) or (
            given == self.given and set(self.family) <= set(family)
        )


@dataclass(frozen=True, slots=True)
class Initials:
    """The family name whole, and the given names from the first on by how they begin."""

    family: tuple[str, ...]
    begun: tuple[str, ...]

    def fits(self, person: Person) -> bool:
        given = person.given_words
        begin = len(given) >= len(self.begun) and all(map(str.startswith, given, self.begun))
        return person.family_words == self.family and begin


@dataclass(frozen=True, slots=True)
class Trade:
    """A profession or specialty: one of some codes, or a label of the register that has all these words."""

    codes: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def fits(self, person: Person) -> bool:
        return not self.codes.isdisjoint(person.trades) or (
            bool(self.words) and any(self.words <= set(words(label)) for label in person.labels)
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as typed, and what makes an answer to it right."""

    kind: str
    text: str
    meant: Person
    readings: tuple[Reading, ...]
    places: frozenset[str] | None = None
    trade: Trade | None = None

    def right(self, person: Person) -> bool:
        return (
            (self.places is None or not self.places.isdisjoint(person.places))
            and (self.trade is None or self.trade.fits(person))
            and any(reading.fits(person) for reading in self.readings)
        )


def rank(asked: Asked, answers: Sequence[Person | None]) -> int:
    """The place of the first right answer, from 1; 0 where there is none. None stands for nobody of the extract."""
    for place, person in enumerate(answers, 1):
        if person is not None and asked.right(person):
            return place
    return 0


@dataclass(frozen=True, slots=True)
class Figures:
    """How well a number of queries were answered."""

    queries: int
    recall_at_1: float
    recall_at_10: float
    mrr_at_10: float


def figures(ranks: Sequence[int]) -> Figures:
    """The figures of some ranks (0: not found)."""
    count = len(ranks) or 1
    return Figures(
        queries=len(ranks),
        recall_at_1=sum(place == 1 for place in ranks) / count,
        recall_at_10=sum(1 <= place <= 10 for place in ranks) / count,
        mrr_at_10=sum(1 / place for place in ranks if 1 <= place <= 10) / count,
    )


def worst(several: Sequence[Figures]) -> Figures:
    """The worst of each figure: what is published of several seeds."""
    return Figures(
        queries=min(one.queries for one in several),
        recall_at_1=min(one.recall_at_1 for one in several),
        recall_at_10=min(one.recall_at_10 for one in several),
        mrr_at_10=min(one.mrr_at_10 for one in several),
    )
