"""One TLS session as bytes in and bytes out; it knows no socket.

Python's own `ssl` over memory buffers: a fraction of the cost of Twisted's TLS, and what is written goes out by the
same outlet as in the clear.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Final

_READ: Final = 65_536


class Broken(Exception):
    """What came is no TLS, or not what this server agrees to: after the alert that is pending, the session ends."""


class Channel:
    """The server's side of a session."""

    __slots__ = ("_incoming", "_outgoing", "_tls", "ended", "established")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.established = False
        self.ended = False
        """Whether the client has said that nothing more will come."""

    def receive(self, data: bytes) -> bytes:
        """What came, in the clear; `pending` has what the session itself answers.

        Raises:
            Broken: the session cannot go on.
        """
        self._incoming.write(data)
        try:
            if not self.established:
                self._tls.do_handshake()
                self.established = True
            return self._read()
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as error:
            raise Broken(error.reason or "no TLS") from error

    def _read(self) -> bytes:
        parts = []
        try:
            while part := self._tls.read(_READ):
                parts.append(part)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join(parts)

    def seal(self, data: bytes) -> bytes:
        """What to send for `data`."""
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]  # a record at a time
        return self.pending()

    def pending(self) -> bytes:
        """What the session itself has to send: its part of the handshake, an alert."""
        return self._outgoing.read()

    def close(self) -> bytes:
        """What to send before the end, so that the client can tell it from a cut (RFC 8446 section 6.1)."""
        if self.established:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
        return self.pending()

    @property
    def certificate(self) -> bytes | None:
        """The client's certificate (DER), when it has shown one that its authority has signed."""
        return self._tls.getpeercert(binary_form=True)
