"""Asks an engine every query and notes where the first right answer stands."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from bench.retrieval.engines import Engine
from bench.retrieval.judge import Asked, Figures, figures, rank, worst
from bench.retrieval.people import People, Person

OVERALL = "all classes"


@dataclass(frozen=True, slots=True)
class Answered:
    """A query with what came back, and the rank of the first right answer (0: none)."""

    asked: Asked
    answers: tuple[Person | None, ...]
    rank: int

    @property
    def kind(self) -> str:
        return self.asked.kind


_Either = TypeVar("_Either", Asked, Answered)


def ask(make: Callable[[], Engine], asked: Sequence[Asked], people: People, clients: int = 1) -> list[Answered]:
    """The answers to all queries in their order, asked by some clients with an engine each."""
    shares = [asked[first::clients] for first in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        answered = list(pool.map(lambda share: _one_by_one(make(), share, people), shares))
    return [answered[number % clients][number // clients] for number in range(len(asked))]


def _one_by_one(engine: Engine, asked: Sequence[Asked], people: People) -> list[Answered]:
    found = []
    for one in asked:
        answers = tuple(people.by_id.get(national_id) for national_id in engine.search(one.text)[:10])
        found.append(Answered(one, answers, rank(one, answers)))
    return found


def first_of_each_class(several: Sequence[_Either], count: int) -> list[_Either]:
    """The first so many of each class."""
    seen: Counter[str] = Counter()
    kept = []
    for one in several:
        seen[one.kind] += 1
        if seen[one.kind] <= count:
            kept.append(one)
    return kept


def by_class(answered: Sequence[Answered]) -> dict[str, Figures]:
    """The figures of each class, and of all queries together."""
    ranks: dict[str, list[int]] = defaultdict(list)
    for one in answered:
        ranks[one.kind].append(one.rank)
        ranks[OVERALL].append(one.rank)
    ranks[OVERALL] = ranks.pop(OVERALL, [])
    return {name: figures(several) for name, several in ranks.items()}


def worst_by_class(seeds: Sequence[Mapping[str, Figures]]) -> dict[str, Figures]:
    """The worst figure of several seeds, class by class."""
    return {name: worst([one[name] for one in seeds if name in one]) for name in seeds[0]}
