"""The choice of the documents that answer a query: the best of those that match, checked no further than needed.

Where the postings tell exactly who matches, that is all. Where they cannot (an infix of four letters is looked up by
its three-letter pieces), candidates are checked one by one on their values, in the order in which they would be sent
and only until the answer is full: the first hundred of twenty thousand cost a hundred checks.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory.errors import QueryTooComplex, TimeLimitExceeded
from directory.index import matching, ranking
from directory.index.answers import Match, Page
from directory.index.evaluate import CHECK_EVERY, TOO_LONG, TOO_LONG_FR, Evaluation
from directory.index.sets import Candidates
from directory.query import Query, check_bounds

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_AT_ONCE: Final = 8  # candidates that are checked together at least, unless one alone takes long
_BRIEF_S: Final = 0.001  # for the candidates that are checked together
_GRACE_S: Final = 0.05  # of checking, after which a hopeless search is given up
_HOPELESS: Final = "too few of the many entries that this filter leaves to be looked at one by one match it"
_HOPELESS_FR: Final = "trop peu des nombreuses entrées que ce filtre oblige à regarder une à une lui correspondent"


def find(snapshot: Snapshot, query: Query) -> Page:
    """The best `limit` documents that satisfy the predicate, after the first `offset`.

    Raises:
        QueryTooComplex: beyond the bounds on depth and width, or hopelessly costly.
        TimeLimitExceeded: the deadline passed.
    """
    check_bounds(query.predicate, max_depth=64, max_terms=4096)
    choice = Choice(snapshot, query)
    choice.go_on(query.deadline_s)
    return Page(
        matches=tuple(Match(document=snapshot.document(number)) for number in choice.numbers),
        complete=choice.complete,
        state=snapshot.state,
    )


class Choice:
    """The choice of the documents that answer a query, made in turns: whoever shares a thread with others lets them
    have theirs in between."""

    __slots__ = ("_evaluation", "_query", "_snapshot", "_steps", "_until", "complete", "numbers")

    def __init__(self, snapshot: Snapshot, query: Query) -> None:
        self._until = time.monotonic() + query.deadline_s
        self._snapshot = snapshot
        self._query = query
        self._evaluation = Evaluation(snapshot, query.deadline_s, query.kinds)
        self._steps = self._made()
        self.numbers: list[int] = []
        self.complete = False

    def go_on(self, turn_s: float) -> bool:
        """Work on it for a turn: True when `numbers` and `complete` are the answer.

        Raises:
            QueryTooComplex: it would not be found in time.
            TimeLimitExceeded: the deadline passed.
        """
        began = time.monotonic()
        self._check_time(began)
        for _ in self._steps:
            now = time.monotonic()
            self._check_time(now)
            if now - began > turn_s:
                return False
        return True

    def _check_time(self, now: float) -> None:
        if now > self._until:
            raise TimeLimitExceeded(TOO_LONG, fr=TOO_LONG_FR)

    def _made(self) -> Iterator[None]:
        """All of it, in steps."""
        candidates = yield from self._evaluation.candidates(self._query.predicate)
        if candidates.exact:
            self._settle(candidates.ids)
            return
        yield from self._evaluation.prepare(self._evaluation.unproven)
        # When all fit, all have to be checked: what is not there need not be ranked.
        if len(candidates.ids) <= self._query.offset + self._query.limit:
            found = yield from self._checked(candidates, iter(candidates.ids))
            self._settle(BitMap(found)) if len(found) > 1 else self._take(found)
        else:
            pending = ranking.ordered(self._snapshot, self._query.predicate, candidates.ids)
            self._take((yield from self._checked(candidates, pending)))

    def _settle(self, matches: BitMap) -> None:
        """Choose among the exact matches."""
        self._take(ranking.best(self._snapshot, self._query.predicate, matches, self._wanted))

    def _take(self, ranked: list[int]) -> None:
        start, end = self._query.offset, self._query.offset + self._query.limit
        self.numbers = ranked[start:end]
        self.complete = len(ranked) <= end

    @property
    def _wanted(self) -> int:
        """One more than fits: it tells that there are more."""
        return self._query.offset + self._query.limit + 1

    def _checked(self, candidates: Candidates, pending: Iterator[int]) -> Generator[None, None, list[int]]:
        """Check candidates until one more than fits is found or none is left."""
        matching_ones = Matching(self._snapshot, self._evaluation, candidates.sure)
        wanted, at_once = self._wanted, CHECK_EVERY
        found: list[int] = []
        looked_at, worked_s = 0, 0.0
        while len(found) < wanted:
            began = time.monotonic()
            some = list(islice(pending, min(at_once, max(_AT_ONCE, wanted - len(found)))))
            if not some:
                break
            found += matching_ones.of(some)
            looked_at += len(some)
            took_s = time.monotonic() - began
            worked_s += took_s
            if took_s > _BRIEF_S:
                at_once = max(1, at_once // 2)
            elif at_once < CHECK_EVERY:
                at_once *= 2  # it was another program that took long
            if worked_s > _GRACE_S and len(found) < wanted:
                left = len(candidates.ids) - looked_at
                self._give_up_if_hopeless(len(found) / looked_at * left + len(found), worked_s / looked_at * left)
            yield
        return found

    def _give_up_if_hopeless(self, expected: float, needed_s: float) -> None:
        if expected < self._wanted and time.monotonic() + needed_s > self._until:
            raise QueryTooComplex(_HOPELESS, fr=_HOPELESS_FR)


class Matching:
    """Tells which candidates match, from their values; those that are sure to need not be looked at."""

    __slots__ = ("_check", "_last_part", "_needle", "_snapshot", "_sure")

    def __init__(self, snapshot: Snapshot, evaluation: Evaluation, sure: BitMap) -> None:
        self._snapshot = snapshot
        self._check = matching.check(evaluation.unproven, evaluation.nearby)
        self._needle = matching.needle(evaluation.unproven)
        self._last_part = matching.last_part(evaluation.unproven)
        self._sure = sure

    def of(self, some: list[int]) -> list[int]:
        """Those of some candidates that match: the values of the unsure ones are read together."""
        sure, needle, check, last = self._sure, self._needle, self._check, self._last_part
        unsure = [number for number in some if number not in sure] if sure else some
        if not unsure:
            return some
        wrong = set()
        for number, view in zip(unsure, self._snapshot.values_of(unsure), strict=True):
            record = bytes(view)
            if needle not in record or not check(number, matching.split(record, last)):
                wrong.add(number)
        return [number for number in some if number not in wrong] if wrong else some
