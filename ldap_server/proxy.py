"""The PROXY protocol, version 2: a trusted proxy says whose connection it passes on (its specification, section 2.2).

The header stands before everything else, TLS included. It is read while it arrives; then the conversation goes on as if
the client had connected itself, and this module is out of its way. Whoever is not trusted is not listened to: a header
from anybody else is bytes that are no LDAP.
"""

from __future__ import annotations

import ipaddress
import logging
import struct
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from directory.callers.networks import Network, within
from directory.logs import pairs

log = logging.getLogger("annuaire.ldap")

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD: Final = struct.Struct(">12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_IPV4, _IPV6 = 0x11, 0x21  # both TCP
_ADDRESSES: Final = {_IPV4: struct.Struct(">4s4sHH"), _IPV6: struct.Struct(">16s16sHH")}
_MOST: Final = 4096  # bytes of addresses and what may follow them: certificates, names, all of it skipped


class NoHeader(Exception):
    """What came from a trusted proxy is no header of this protocol, or one that cannot be served."""


def header_size(data: bytes) -> int | None:
    """How many bytes the header at the beginning of some data has; None while that cannot be told.

    Raises:
        NoHeader: it is none, or a larger one than any that is needed.
    """
    if not SIGNATURE.startswith(data[: len(SIGNATURE)]):
        raise NoHeader("no PROXY header")
    if len(data) < _HEAD.size:
        return None
    _, command, _, size = _HEAD.unpack_from(data)
    if command not in (_LOCAL, _PROXY):
        raise NoHeader("a PROXY header of another version, or with another command")
    if size > _MOST:
        raise NoHeader("a PROXY header that is too long")
    return _HEAD.size + int(size)


def client_of(header: bytes) -> tuple[str, int] | None:
    """Whose connection is passed on; None when it is the proxy's own (a health check).

    Raises:
        NoHeader: it names no client of TCP.
    """
    _, command, family, _ = _HEAD.unpack_from(header)
    if command == _LOCAL:
        return None
    addresses = _ADDRESSES.get(family)
    if addresses is None or len(header) < _HEAD.size + addresses.size:
        raise NoHeader("a PROXY header without the addresses of a TCP connection")
    source, _, port, _ = addresses.unpack_from(header, _HEAD.size)
    return str(ipaddress.ip_address(source)), int(port)


class ProxiedFactory(Factory):
    """Makes what another factory makes; for connections of trusted proxies once their header is read."""

    noisy = False

    def __init__(self, reactor: Any, factory: Any, proxies: Sequence[Network], patience_s: float) -> None:
        self.reactor = reactor
        self.factory = factory
        self.patience_s = patience_s
        self._proxies = proxies

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        if within(str(getattr(addr, "host", "")), self._proxies):
            return Proxied(self, addr)
        return self.factory.buildProtocol(addr)


class Proxied(Protocol):
    """A connection of a trusted proxy until its header is there."""

    def __init__(self, house: ProxiedFactory, proxy: Any) -> None:
        self._house = house
        self._proxy = proxy
        self._header = b""
        self._deadline: Any = None  # a call of the reactor's

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        self._deadline = self._house.reactor.callLater(self._house.patience_s, self._give_up)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._header += data
        try:
            size = header_size(self._header)
            if size is None or len(self._header) < size:
                return
            client = client_of(self._header[:size])
        except NoHeader as error:
            log.warning("a proxy's connection is refused %s", pairs(proxy=self._proxy.host, reason=error))
            self._give_up()
            return
        self._hand_over(client, self._header[size:])

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802, ARG002 - Twisted's name
        self._no_deadline()

    def _hand_over(self, client: tuple[str, int] | None, rest: bytes) -> None:
        """From here on the conversation is with the client."""
        self._no_deadline()
        transport: Any = self.transport
        inner = self._house.factory.buildProtocol(self._proxy if client is None else _address(*client))
        if inner is None:
            transport.abortConnection()
            return
        transport.protocol = inner
        inner.makeConnection(transport)
        if rest:
            inner.dataReceived(rest)

    def _give_up(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()

    def _no_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()


def _address(host: str, port: int) -> IPv4Address | IPv6Address:
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)
