"""The order in which documents are collected, against trying everything."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from directory.index.collect import likely
from directory.index.meaning import Asked, Meant, Tier
from directory.index.typed import Typed

ALLOWED = BitMap(range(20))
SETS = st.sets(st.integers(0, 24), min_size=1, max_size=12).map(BitMap)
COSTS = st.integers(0, 30).map(lambda cost: cost / 10)
TIERS = st.lists(st.builds(Tier, COSTS, st.just("how"), st.just("where"), SETS), max_size=4)
WEIGHTS = st.integers(1, 60).map(lambda weight: weight / 10)
ROUNDING = 1e-9


def asked(tiers: list[Tier], weight: float) -> Asked:
    meant = Meant(tiers=sorted(tiers, key=lambda tier: tier.cost))
    return Asked(Typed("word"), meant, weight=weight)


def cheapest(words: list[Asked], ceiling: float) -> dict[int, float]:
    """What each allowed document costs at least, if that is no more than the ceiling; not those that fit no word. A
    word is given up where that is cheaper than what it may mean."""
    costs: dict[int, float] = {}
    ways = [
        [*((tier.cost, tier.documents) for tier in one.meant.tiers if tier.cost <= one.weight), (one.weight, None)]
        for one in words
    ]
    for way in product(*ways):
        if all(documents is None for _, documents in way):
            continue
        cost = sum(one for one, _ in way)
        for number in ALLOWED:
            if cost <= ceiling and all(documents is None or number in documents for _, documents in way):
                costs[number] = min(cost, costs.get(number, cost))
    return costs


@given(st.lists(st.builds(asked, TIERS, WEIGHTS), min_size=1, max_size=3), st.integers(0, 80))
def test_documents_come_by_increasing_cost_each_at_its_least(words: list[Asked], tenths: int) -> None:
    ceiling = tenths / 10
    found: dict[int, float] = {}
    last = 0.0
    for cost, _, documents in likely(words, ALLOWED, ceiling, lambda: None, all_words=False):
        assert cost >= last - ROUNDING
        last = cost
        for number in documents:
            found.setdefault(number, cost)
    # Costs are sums of floats, whose last bit depends on the order of the terms: at the ceiling itself both are right.
    right = cheapest(words, ceiling + ROUNDING)
    assert set(cheapest(words, ceiling - ROUNDING)) <= set(found) <= set(right)
    assert all(abs(cost - right[number]) < ROUNDING for number, cost in found.items())


@given(st.lists(st.builds(asked, TIERS, WEIGHTS), min_size=1, max_size=3))
def test_with_all_words_no_heavy_word_is_given_up(words: list[Asked]) -> None:
    for _, _, documents in likely(words, ALLOWED, 100.0, lambda: None, all_words=True):
        for one in words:
            if one.weight > 1:
                assert documents <= BitMap.union(BitMap(), *(tier.documents for tier in one.meant.tiers))
