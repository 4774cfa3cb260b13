"""What all connections of a process share."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from directory.accounts import still
from directory.callers.caller import Caller, CallerClass
from directory.callers.networks import Networks, read_allowances
from directory.callers.trace import Done, Trace
from directory.errors import Unavailable
from directory.index.reader import Index
from directory.model import Kind
from directory.settings import Settings
from directory.verification import Passwords
from ldap_server.access import AccessLog
from ldap_server.limits import Limits, limits_by_class
from ldap_server.loads import Loads
from ldap_server.metrics import Metrics
from ldap_server.searching import Searcher
from ldap_server.tls import Tls
from ldap_server.turns import Turns

if TYPE_CHECKING:
    from directory.callers.budgets import Budgets
    from ldap_server.protocol import Connection

_SWEEP_S: Final = 1.0  # how often the limits on time are looked at
_PURGED: Final = "walks are purged"


@dataclass(slots=True)
class Service:
    """What all connections of a process share."""

    settings: Settings
    index: Index
    reactor: Any
    loads: Loads = field(default_factory=Loads.alone)
    budgets: Budgets | None = None
    """None where callers have none (profile `open`)."""
    tls: Tls | None = None
    trace: Trace | None = None
    """Told of every operation that was answered, for a journal."""
    access: AccessLog = field(default_factory=AccessLog)
    metrics: Metrics = field(default_factory=Metrics)
    turns: Turns = field(init=False)
    networks: Networks = field(init=False)
    limits: Mapping[CallerClass, Limits] = field(init=False)
    searcher: Searcher = field(init=False)
    passwords: Passwords = field(init=False)
    connections: set[Connection] = field(default_factory=set)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.turns = Turns(self.reactor)
        self.networks = Networks(read_allowances(self.settings.network_entries_per_day))
        self.limits = limits_by_class(self.settings)
        self.searcher = Searcher(self.settings, self.index)
        self.passwords = Passwords(self.settings, self.index)

    def read_certificates(self) -> None:
        """Read them again, whether they look changed or not."""
        if self.tls is not None:
            self.tls.refresh(whatever=True)

    def vouched(self, caller: Caller) -> Caller | None:
        """The caller as its account is now; None when that is good no more."""
        if caller.proof is None:
            return caller
        try:
            with self.index.read() as snapshot:
                found = still(snapshot.accounts, caller.proof, dt.datetime.now(dt.UTC))
        except Unavailable:
            return caller  # an index that is being replaced says nothing about anybody
        return caller.proved(found) if found is not None else None

    def caller(self, address: str) -> Caller:
        """Who is at an address, when nothing else is known of them."""
        return Caller(address, self.networks.of(address))

    def enter(self, connection: Connection) -> int:
        """A connection has begun: how many there are now of its network, at all workers."""
        self.connections.add(connection)
        return self.loads.enter(connection.network)

    def leave(self, connection: Connection) -> None:
        """A connection has ended."""
        if connection in self.connections:
            self.connections.discard(connection)
            self.loads.leave(connection.network)

    @property
    def full(self) -> bool:
        return len(self.connections) > self.settings.ldap_connections

    def make_room(self) -> bool:
        """Give up the connection that has been waited for longest without having asked for anything; False when there
        is none."""
        idle = [one for one in self.connections if one.unproven_since is not None]
        if len(idle) < 2:  # the newest is the one that wants in
            return False
        min(idle, key=lambda one: one.unproven_since or 0.0).give_up()
        return True

    def _purge_walks(self) -> None:
        """At each new revision, and each new withdrawal, wipe from walks what is not there any more."""
        try:
            with self.index.read() as snapshot:
                if not snapshot.kept.get(_PURGED):
                    snapshot.kept[_PURGED] = True
                    self._go_on_with(self._purge())
        except Unavailable:
            return

    def _purge(self) -> Iterator[None]:
        with self.index.read() as snapshot:
            yield from self.searcher.walks.purge(lambda key: snapshot.get(Kind.MAILBOX, key) is not None)

    def _go_on_with(self, steps: Iterator[None]) -> None:
        """A step at a time, with turns of the reactor in between."""
        if next(steps, steps) is None:
            self.reactor.callLater(0, self._go_on_with, steps)

    def note(self, done: Done) -> None:
        """An operation was answered."""
        self.metrics.note(done)
        self.access.note(done)
        if self.trace is not None:
            self.trace(done)

    def sweep(self) -> None:
        """Once a second: end the connections that have outstayed a limit, publish metrics and the access log."""
        now = time.monotonic()
        for connection in list(self.connections):
            connection.look_at(now)
        self.searcher.walks.sweep(now)
        self._purge_walks()
        self.turns.forget()
        self.access.flush()
        self.metrics.publish(len(self.connections))
        if self.tls is not None:
            self.tls.refresh()
        self.reactor.callLater(_SWEEP_S, self.sweep)
