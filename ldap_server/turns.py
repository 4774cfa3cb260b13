"""Who works next: connections take turns, and those that have had least come first.

All of a process's work is done on one thread, in turns of a few milliseconds. A connection that has something to do
works at once while few have just worked; else it waits, and the one that has had the least time lately is next: its own
time and that of its network, so that neither a connection that asks for much nor many connections of one client keep
others waiting. What was had a second ago counts half.

Operations that begin are looked at before those go on that were not done after their first turn, which is a short one:
nearly all operations are done in it, and among hundreds of new clients with costly filters a lookup would wait for all
of theirs. Those that go on have a turn in every stretch of work, however many begin.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Final, Protocol

_SLICE_S: Final = 0.002
"""Work at a stretch on what begins, before what goes on has its turn and the reactor looks at the network again."""
_PAUSE_S: Final = 0.001  # without work: what was worked before counts no more for the stretch
_HALVED_S: Final = 1.0
_FORGOTTEN_S: Final = 0.001  # time had that is too little to be remembered


class Share:
    """The time that somebody has had lately, in seconds."""

    __slots__ = ("_at", "_had")

    def __init__(self) -> None:
        self._had = self._at = 0.0

    def add(self, seconds: float, now: float) -> None:
        self._had = self.had(now) + seconds
        self._at = now

    def had(self, now: float) -> float:
        return self._had * 0.5 ** ((now - self._at) / _HALVED_S) if self._had else 0.0


class Worker(Protocol):
    """A connection as its turns are given to it."""

    share: Share
    network: str
    waiting: bool
    """Whether it waits for its turn."""

    @property
    def begins(self) -> bool:
        """Whether its next turn is the first one of an operation."""

    def work(self) -> bool:
        """Do one turn's work: whether there is more to do now."""


class Turns:
    """The turns of all connections of a process."""

    def __init__(self, reactor: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._reactor = reactor
        self._clock = clock
        self._shares: dict[str, Share] = {}
        self._beginning: list[tuple[float, int, Worker]] = []
        self._going_on: list[tuple[float, int, Worker]] = []
        self._numbers = count()
        self._scheduled = False
        self._worked_s = self._worked_until = 0.0

    def wanted(self, worker: Worker) -> None:
        """A connection has something to do, or more room to do it."""
        if worker.waiting:
            return
        now = self._clock()
        if now - self._worked_until > _PAUSE_S:
            self._worked_s = 0.0
        queue = self._queue_of(worker)
        if self._worked_s < _SLICE_S and not (queue and queue[0][0] <= self._had(worker, now)):
            self._give(worker, now)
        else:
            self._enqueue(worker, now)

    def forget(self) -> None:
        """Forget who has had next to nothing lately."""
        now = self._clock()
        self._shares = {who: share for who, share in self._shares.items() if share.had(now) > _FORGOTTEN_S}

    def _had(self, worker: Worker, now: float) -> float:
        network = self._shares.get(worker.network)
        return worker.share.had(now) + (network.had(now) if network is not None else 0.0)

    def _queue_of(self, worker: Worker) -> list[tuple[float, int, Worker]]:
        return self._beginning if worker.begins else self._going_on

    def _enqueue(self, worker: Worker, now: float) -> None:
        worker.waiting = True
        heapq.heappush(self._queue_of(worker), (self._had(worker, now), next(self._numbers), worker))
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._reactor.callLater(0, self._run)

    def _run(self) -> None:
        """One stretch of work."""
        self._scheduled = False
        self._worked_s = 0.0
        while self._beginning and self._worked_s < _SLICE_S:
            self._give_first_of(self._beginning)
        if self._going_on:
            self._give_first_of(self._going_on)
        while self._going_on and self._worked_s < _SLICE_S:
            self._give_first_of(self._going_on)
        if self._beginning or self._going_on:
            self._schedule()

    def _give_first_of(self, queue: list[tuple[float, int, Worker]]) -> None:
        _, _, worker = heapq.heappop(queue)
        worker.waiting = False
        self._give(worker, self._clock())

    def _give(self, worker: Worker, began: float) -> None:
        more = worker.work()
        now = self._clock()
        worker.share.add(now - began, now)
        network = self._shares.get(worker.network)
        if network is None:
            network = self._shares[worker.network] = Share()
        network.add(now - began, now)
        self._worked_s += now - began
        self._worked_until = now
        if more and not worker.waiting:
            self._enqueue(worker, now)
