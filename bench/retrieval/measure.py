"""Asks an engine every query and notes where the first right answer stands."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.retrieval.engines import Engine
from bench.retrieval.judge import Asked, Figures, figures, rank, worst
from bench.retrieval.people import People, Person

OVERALL = "all classes"


@dataclass(frozen=True, slots=True)
class Answered:
    """A query with what came back: the rank of the first right answer (0: none), and how long it took."""

    asked: Asked
    answers: tuple[Person | None, ...]
    rank: int
    seconds: float


def ask(engine: Engine, asked: Sequence[Asked], people: People) -> list[Answered]:
    """Every query, one after the other."""
    found = []
    for one in asked:
        start = time.perf_counter()
        ids = engine.search(one.text)
        seconds = time.perf_counter() - start
        answers = tuple(people.by_id.get(national_id) for national_id in ids[:10])
        found.append(Answered(one, answers, rank(one, answers), seconds))
    return found


def by_class(answered: Sequence[Answered]) -> dict[str, Figures]:
    """The figures of each class, and of all queries together."""
    ranks: dict[str, list[int]] = defaultdict(list)
    for one in answered:
        ranks[one.asked.kind].append(one.rank)
        ranks[OVERALL].append(one.rank)
    ranks[OVERALL] = ranks.pop(OVERALL, [])
    return {name: figures(several) for name, several in ranks.items()}


def worst_by_class(seeds: Sequence[Mapping[str, Figures]]) -> dict[str, Figures]:
    """The worst figure of several seeds, class by class."""
    return {name: worst([one[name] for one in seeds if name in one]) for name in seeds[0]}
