"""The documents that a query may mean, likeliest first: sets are intersected by increasing cost, and no document is
read.

Each typed word has tiers of documents, and may be given up at a cost. A path takes one tier of each word, rarest word
first; its documents are the intersection. Paths are followed best first, so that sets come out by increasing total
cost, and a path ends as soon as its intersection is empty.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from pyroaring import BitMap

from directory.index.meaning import GIVEN_UP, GUESSES, LIGHT, Asked, Tier

_STEPS: Final = 400  # intersections of large sets made for one query
_SMALL: Final = 4096  # documents of a set that is split into all tiers at once
_CHECK_EVERY: Final = 64


class Likely(NamedTuple):
    """Documents that may be meant, the cost at which they match, and whether a word was taken for another one."""

    cost: float
    guessed: bool
    documents: BitMap


class Path(NamedTuple):
    """Documents that match the words before `depth`, what they cost so far and at least, whether any of the words fits
    them, and whether any was taken for another one; `tier` is the next one to intersect with."""

    cost: float
    turn: int  # of equal cost, the deeper and newer ones first
    depth: int
    tier: int
    fits: bool
    guessed: bool
    within: BitMap


def likely(
    asked: Sequence[Asked], allowed: BitMap, ceiling: float, check_time: Callable[[], None], *, all_words: bool
) -> Iterator[Likely]:
    """Sets of allowed documents by increasing cost, up to a ceiling. With `all_words`, only words that weigh little are
    given up."""
    order = sorted(asked, key=lambda one: -one.weight)
    tiers = [_tiers(one, allowed, all_words=all_words) for one in order]
    if not all(tiers):
        return
    # What the words that are still to come cost at least.
    rest = [*accumulate((several[0].cost for several in reversed(tiers)), initial=0.0)][::-1]
    paths = [Path(rest[0], 0, 0, 0, False, False, allowed)]
    for turn in range(1, _STEPS):
        if not paths:
            return
        if turn % _CHECK_EVERY == 0:
            check_time()
        path = heapq.heappop(paths)
        if path.depth == len(tiers):
            if path.fits:
                yield Likely(path.cost, path.guessed, path.within)
        elif len(path.within) <= _SMALL:
            _push(paths, _split(path, tiers[path.depth], turn), ceiling)
        else:
            _push(paths, _next(path, tiers[path.depth], turn), ceiling)


def _push(paths: list[Path], more: Iterator[Path], ceiling: float) -> None:
    for path in more:
        if path.cost <= ceiling:
            heapq.heappush(paths, path)


def _tiers(one: Asked, allowed: BitMap, *, all_words: bool) -> list[Tier]:
    if all_words and one.weight > LIGHT:
        return one.meant.tiers
    tiers = [tier for tier in one.meant.tiers if tier.cost <= one.weight]
    return [*tiers, Tier(one.weight, GIVEN_UP, "", allowed)]


def _split(path: Path, tiers: Sequence[Tier], turn: int) -> Iterator[Path]:
    """A small set, split by the cheapest tier of each document."""
    cost, _, depth, _, fits, guessed, left = path
    least = tiers[0].cost
    for tier in tiers:
        found = left & tier.documents
        if found:
            guess = guessed or tier.how in GUESSES
            yield Path(cost - least + tier.cost, -turn, depth + 1, 0, fits or tier.how != GIVEN_UP, guess, found)
            left = left - found
            if not left:
                return


def _next(path: Path, tiers: Sequence[Tier], turn: int) -> Iterator[Path]:
    """A large set, intersected with one tier; the other tiers wait for their turn."""
    cost, _, depth, at, fits, guessed, within = path
    tier = tiers[at]
    if at + 1 < len(tiers):
        yield Path(cost - tier.cost + tiers[at + 1].cost, turn, depth, at + 1, fits, guessed, within)
    # All documents are allowed to begin with.
    found = within if tier.documents is within else within & tier.documents
    if found:
        guess = guessed or tier.how in GUESSES
        yield Path(cost, -turn, depth + 1, 0, fits or tier.how != GIVEN_UP, guess, found)
