"""The listening socket of a port that several workers accept from, evenly.

All workers are woken by a new connection; left alone, the first one awake takes most of them, and eight clients may
well end up on one of two workers. So a worker that has more connections than another one holds back for a moment, which
costs nothing when the other is idle. When it is not, the worker takes an eighth more of what it has: behind a crowd
that comes at once, one connection in a turn of each busy worker would keep the last of them waiting for seconds.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import Any, Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from directory.logs import pairs
from ldap_server.loads import Loads

log = logging.getLogger("annuaire.ldap")

_HELD_BACK_S: Final = 0.002
_UNEVEN: Final = 8  # so small a part of its connections a worker may have more than its share
_AT_ONCE: Final = 64
"""Connections accepted in a turn of the reactor at most, which takes some milliseconds."""
_EXHAUSTED_S: Final = 0.1  # when file descriptors or memory are short


@implementer(IReadDescriptor)
class Door:
    """Accepts connections until it is shut."""

    def __init__(self, reactor: Any, listener: socket.socket, factory: Factory, loads: Loads) -> None:
        listener.setblocking(False)
        self._reactor = reactor
        self._listener = listener
        self._factory = factory
        self._loads = loads
        self._held_back = False
        self._waiting: Any = None

    def open(self) -> None:
        self._waiting = None
        self._reactor.addReader(self)

    def shut(self) -> None:
        """Accept no more; what waits in the queue is for the other workers."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self._reactor.removeReader(self)

    # -- Twisted -----------------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._listener.fileno()

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        return "door"

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The reactor has ended."""

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        held_back, self._held_back = self._held_back, False
        if self._loads.outdone and not held_back:
            self._held_back = True
            self._pause(_HELD_BACK_S)
            return
        spare = 1 + self._loads.connections // _UNEVEN if held_back else 0
        for _ in range(_AT_ONCE):
            if self._loads.outdone:
                if not spare:
                    return
                spare -= 1
            if not self._accepted():
                return

    def _accepted(self) -> bool:
        """Accept the next connection, if there is one."""
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False  # another worker was quicker, or the client has gone
        except OSError as error:
            log.warning("cannot accept %s", pairs(error=error.strerror))
            self._pause(_EXHAUSTED_S)
            return False
        with client:
            client.setblocking(False)
            # A client that reset its connection while it waited here has no address any more. Were that raised, the
            # reactor would shut this door for good.
            with contextlib.suppress(OSError):
                self._reactor.adoptStreamConnection(client.fileno(), self._listener.family, self._factory)
        return True

    def _pause(self, seconds: float) -> None:
        self._reactor.removeReader(self)
        self._waiting = self._reactor.callLater(seconds, self.open)
