"""What leaves for one client: at once while the system takes it, and a backlog with its age when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet import interfaces
from zope.interface import implementer


@implementer(interfaces.IPullProducer)
class Outlet:
    """The writing half of a connection.

    Twisted's own `write` waits for the reactor's next turn and asks the system twice to be told when it may write; an
    answer that fits what the system buffers, as nearly all do, leaves at once instead. The rest of one that does not is
    handed to the transport, and `drained` is called when all of it has left.
    """

    __slots__ = ("_drained", "_send", "_transport", "backlog_since")

    def __init__(self, transport: Any, drained: Callable[[], None]) -> None:
        self._transport = transport
        self._send: Callable[[bytes], int] = transport.getHandle().send
        self._drained = drained
        self.backlog_since: float | None = None
        """Since when a part of an answer has been waiting for the client to read; None while nothing waits."""

    def send(self, data: bytes) -> None:
        if self.backlog_since is not None:
            self._transport.write(data)
            return
        try:
            sent = self._send(data)
        except OSError:
            sent = 0  # it takes none now; where it never will, the transport meets the error again and ends all
        if sent == len(data):
            return
        rest = data[sent:]
        self._transport.registerProducer(self, False)
        self.backlog_since = time.monotonic()
        self._transport.write(rest)

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """All that was handed over has left (also called once on registering, when nothing has been handed over)."""
        if self.backlog_since is not None:
            self.backlog_since = None
            self._transport.unregisterProducer()
            self._drained()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The connection is lost: who owns it is told by other means."""
