"""The choice of the documents that answer a query: the best of those that match, checked no further than needed.

Where the postings tell exactly who matches, that is all. Where they cannot (an infix of four letters is looked up by
its three-letter pieces), candidates are checked one by one on their values, in the order in which they would be sent
and only until the answer is full: the first hundred of twenty thousand cost a hundred checks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory.errors import QueryTooComplex, TimeLimitExceeded
from directory.index import matching, ranking
from directory.index.answers import Match, Page
from directory.index.evaluate import CHECK_EVERY, TOO_LONG, TOO_LONG_FR, Evaluation
from directory.query import Query, check_bounds

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_AT_ONCE: Final = 8  # candidates that are checked together at least
_TURNS_OF_GRACE: Final = 10  # turns after which a hopeless search is given up
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

    __slots__ = (
        "_check",
        "_checked",
        "_found",
        "_last_part",
        "_left",
        "_needle",
        "_pending",
        "_query",
        "_ranked",
        "_snapshot",
        "_sure",
        "_turns",
        "_until",
        "_worked_s",
        "complete",
        "numbers",
    )

    def __init__(self, snapshot: Snapshot, query: Query) -> None:
        self._until = time.monotonic() + query.deadline_s
        self._snapshot = snapshot
        self._query = query
        self.numbers: list[int] = []
        self.complete = False
        evaluation = Evaluation(snapshot, query.deadline_s, query.kinds)
        candidates = evaluation.candidates(query.predicate)
        self._pending: Iterator[int] | None = None
        if candidates.exact:
            self._settle(candidates.ids)
            return
        self._check = matching.check(evaluation.unproven, evaluation.nearby)
        self._needle = matching.needle(evaluation.unproven)
        self._last_part = matching.last_part(evaluation.unproven)
        self._sure = candidates.sure
        self._left = len(candidates.ids)
        # When all fit, all have to be checked: what is not there need not be ranked.
        self._ranked = self._left > query.offset + query.limit
        self._pending = (
            ranking.ordered(snapshot, query.predicate, candidates.ids) if self._ranked else iter(candidates.ids)
        )
        self._found: list[int] = []
        self._checked = self._turns = 0
        self._worked_s = 0.0

    def go_on(self, turn_s: float) -> bool:
        """Work on it for a turn: True when `numbers` and `complete` are the answer.

        Raises:
            QueryTooComplex: it would not be found in time.
            TimeLimitExceeded: the deadline passed.
        """
        if self._pending is not None and self._checked_until(self._pending, turn_s):
            self._pending = None
            if self._ranked:
                self._take(self._found)
            else:
                self._settle(BitMap(self._found))
        return self._pending is None

    def _settle(self, matches: BitMap) -> None:
        """Choose among the exact matches."""
        wanted = self._query.offset + self._query.limit + 1
        self._take(ranking.best(self._snapshot, self._query.predicate, matches, wanted))

    def _take(self, ranked: list[int]) -> None:
        start, end = self._query.offset, self._query.offset + self._query.limit
        self.numbers = ranked[start:end]
        self.complete = len(ranked) <= end

    def _checked_until(self, pending: Iterator[int], turn_s: float) -> bool:
        """Check candidates until one more than fits is found or none is left; False when the turn is over before."""
        began = time.monotonic()
        wanted = self._query.offset + self._query.limit + 1
        found = self._found
        while len(found) < wanted:
            some = list(islice(pending, min(CHECK_EVERY, max(_AT_ONCE, wanted - len(found)))))
            if not some:
                break
            found += self._matching(some)
            self._checked += len(some)
            if len(found) < wanted and (now := time.monotonic()) - began > turn_s:
                self._turn_over(now, now - began)
                return False
        return True

    def _matching(self, some: list[int]) -> list[int]:
        """Those of some candidates that match: the values of the unsure ones are read together."""
        sure, needle, check, last = self._sure, self._needle, self._check, self._last_part
        unsure = [number for number in some if number not in sure]
        if not unsure:
            return some
        wrong = set()
        for number, view in zip(unsure, self._snapshot.values_of(unsure), strict=True):
            record = bytes(view)
            if needle not in record or not check(number, matching.split(record, last)):
                wrong.add(number)
        return [number for number in some if number not in wrong] if wrong else some

    def _turn_over(self, now: float, worked_s: float) -> None:
        self._turns += 1
        self._worked_s += worked_s
        if now > self._until:
            raise TimeLimitExceeded(TOO_LONG, fr=TOO_LONG_FR)
        left = self._left - self._checked
        expected = len(self._found) + len(self._found) / self._checked * left
        needed_s = self._worked_s / self._checked * left
        wanted = self._query.offset + self._query.limit
        if self._turns >= _TURNS_OF_GRACE and expected <= wanted and now + needed_s > self._until:
            raise QueryTooComplex(_HOPELESS, fr=_HOPELESS_FR)
