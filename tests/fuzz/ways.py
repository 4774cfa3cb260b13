"""The ways into a server that an attack takes: in the clear, by LDAPS, after StartTLS, and through a trusted proxy."""

from __future__ import annotations

import random
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ldap_server.proxy import SIGNATURE
from tests.fuzz.corpus import CORPUS
from tests.ldap_server.conftest import Server

PROXY: Final = "127.0.0.2"
"""The address that the server believes about others."""
_FOR_US: Final = SIGNATURE + bytes.fromhex("2111000cc0000207c63364019c400185")  # 192.0.2.7:40000 to 198.51.100.1:389
_STARTED: Final = b"\x0a\x01\0"  # resultCode success


@dataclass(slots=True)
class Ways:
    """Connections to one server, each opened in one way or another."""

    server: Server
    authority: Path
    dice: random.Random
    patience_s: float
    _context: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        self._context = ssl.create_default_context(cafile=str(self.authority))

    def any(self) -> socket.socket:
        """A connection on which messages are understood."""
        ways: tuple[Callable[[], socket.socket], ...] = (self.plain, self.ldaps, self.start_tls, self.proxied)
        return self.dice.choices(ways, (85, 5, 5, 5))[0]()

    def plain(self, source: str = "127.0.0.1") -> socket.socket:
        return self._connected(self.server.port, source)

    def proxied(self) -> socket.socket:
        connection = self.plain(PROXY)
        connection.sendall(_FOR_US)
        return connection

    def ldaps(self) -> socket.socket:
        return self._secured(self._connected(self.server.ldaps_port))

    def start_tls(self) -> socket.socket:
        return self._secured(self._asked_for_tls())

    def awaiting_hello(self) -> socket.socket:
        """A connection on which the server expects a ClientHello."""
        return self._connected(self.server.ldaps_port) if self.dice.random() < 0.5 else self._asked_for_tls()

    def hello(self) -> bytes:
        """A ClientHello as this machine's OpenSSL sends it."""
        sent = ssl.MemoryBIO()
        with_server = self._context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
        try:
            with_server.do_handshake()
        except ssl.SSLWantReadError:
            return sent.read()
        raise AssertionError("a handshake does not end without an answer")

    @staticmethod
    def header() -> bytes:
        """A header of the PROXY protocol, version 2."""
        return _FOR_US

    def _asked_for_tls(self) -> socket.socket:
        connection = self.plain()
        connection.sendall(CORPUS["start-tls"])
        if _STARTED not in connection.recv(4096):
            raise ConnectionError("StartTLS is refused")
        return connection

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._context.wrap_socket(connection, server_hostname="localhost")

    def _connected(self, port: int, source: str = "127.0.0.1") -> socket.socket:
        connection = socket.create_connection((self.server.host, port), self.patience_s, (source, 0))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
