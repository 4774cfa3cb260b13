"""What all connections of a process share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from directory.index.reader import Index
from directory.settings import Settings
from ldap_server.access import AccessLog
from ldap_server.loads import Loads
from ldap_server.searching import Searcher

if TYPE_CHECKING:
    from ldap_server.protocol import Connection

_SWEEP_S: Final = 1.0  # how often the limits on time are looked at

Trace = Callable[[str, str, int, int], None]
"""Told of every operation: client address, operation, result code, number of entries."""


def no_trace(_address: str, _operation: str, _code: int, _entries: int) -> None:
    pass


@dataclass(slots=True)
class Service:
    """What all connections of a process share."""

    settings: Settings
    index: Index
    reactor: Any
    loads: Loads | None = None
    trace: Trace = no_trace
    searcher: Searcher = field(init=False)
    access: AccessLog = field(default_factory=AccessLog)
    connections: set[Connection] = field(default_factory=set)
    per_address: dict[str, int] = field(default_factory=dict)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.searcher = Searcher(self.settings, self.index)

    def enter(self, connection: Connection, address: str) -> int:
        """A connection has begun: how many there are now from its address."""
        self.connections.add(connection)
        count = self.per_address[address] = self.per_address.get(address, 0) + 1
        self._note_load()
        return count

    def leave(self, connection: Connection, address: str) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        left = self.per_address.get(address, 1) - 1
        if left > 0:
            self.per_address[address] = left
        else:
            self.per_address.pop(address, None)
        self._note_load()

    def _note_load(self) -> None:
        if self.loads is not None:
            self.loads.note(len(self.connections))

    def sweep(self) -> None:
        """Once a second: end the connections that have outstayed a limit, write the access log."""
        now = time.monotonic()
        for connection in list(self.connections):
            connection.look_at(now)
        self.searcher.walks.sweep(now)
        self.access.flush()
        self.reactor.callLater(_SWEEP_S, self.sweep)
