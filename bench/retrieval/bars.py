"""What has to be reached, and whether it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.retrieval.judge import Figures
from bench.retrieval.measure import OVERALL
from bench.retrieval.typos import TYPOS

_RECALL_AT_10: Final[Mapping[float, tuple[str, ...]]] = {
    0.999: ("accents", "case", "order", "separators"),
    0.995: (*TYPOS, "name + city", "family name + city", "name + profession", "family name + profession"),
    0.99: ("phonetic", "prefix 3", "prefix 4", "prefix 5", "prefix + typo"),
    0.98: ("compound half", "initials", "misspelt name + city", "name + misspelt city"),
    0.95: ("two typos",),
}
_OVERALL: Final = {"recall_at_1": 0.96, "recall_at_10": 0.99, "mrr_at_10": 0.97}
_NAMES: Final = {"recall_at_1": "R@1", "recall_at_10": "R@10", "mrr_at_10": "MRR@10"}
_SEARCH_P95_MS: Final = 15.0
_SEARCHES_A_SECOND: Final = 400.0
_TIMES_THE_PEER: Final = 30.0
_AUTOCOMPLETE_P95_MS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure to be reached: from above where `most` is set."""

    what: str
    needed: float
    seen: float
    most: bool = False

    @property
    def met(self) -> bool:
        return self.seen <= self.needed if self.most else self.seen >= self.needed


def goals(ours: Mapping[str, Figures]) -> Iterator[Bar]:
    """Recall and rank over all classes, and recall of each class."""
    for figure, needed in _OVERALL.items():
        yield Bar(f"{OVERALL}: {_NAMES[figure]}", needed, getattr(ours[OVERALL], figure))
    for needed, classes in _RECALL_AT_10.items():
        yield from (Bar(f"{name}: R@10", needed, ours[name].recall_at_10) for name in classes if name in ours)


def not_below(ours: Mapping[str, Figures], theirs: Mapping[str, Figures], peer: str) -> Iterator[Bar]:
    """On the same queries, no figure of any class is below the peer's."""
    for name, figures in theirs.items():
        for figure, short in _NAMES.items():
            yield Bar(f"{name}: {short}, against {peer}", getattr(figures, figure), getattr(ours[name], figure))


def by_class() -> dict[str, float]:
    """The recall at 10 that each class has to reach; those that have no bar of their own are left out."""
    found = {name: needed for needed, classes in _RECALL_AT_10.items() for name in classes}
    return {**found, OVERALL: _OVERALL["recall_at_10"]}


def speed(searches: Mapping[str, Any], autocompletion: Mapping[str, Any] | None) -> Iterator[Bar]:
    """The bars of speed."""
    one, several = searches["1 clients"], searches["8 clients"]
    yield Bar("search, 1 client: p95 in ms", _SEARCH_P95_MS, one["ours"]["p95_ms"], most=True)
    yield Bar("search, 8 clients: a second", _SEARCHES_A_SECOND, several["ours"]["per_second"])
    if several["peer"]:
        times = several["ours"]["per_second"] / several["peer"]["per_second"]
        yield Bar("search, 8 clients: times the peer", _TIMES_THE_PEER, round(times, 1))
    if autocompletion:
        yield Bar("autocomplete, 1 client: p95 in ms", _AUTOCOMPLETE_P95_MS, autocompletion["p95_ms"], most=True)
