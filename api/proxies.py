"""What a trusted proxy says of the requests it passes on: whose they are, over what, and with which certificate.

Nobody else is believed, and only the one header that the operator has named: a proxy that writes `X-Forwarded-For`
passes on whatever `Forwarded` the client has made up, and the other way round.
"""

from __future__ import annotations

import base64
import binascii
import functools
import ipaddress
import re
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from directory import credentials
from directory.callers.networks import read_networks, within
from directory.errors import InvalidInput
from directory.settings import Settings

_PAIR: Final = re.compile(r'\s*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*')
_PORT: Final = re.compile(r"\[([^\]]+)\](?::\d+)?|([^:]+):\d+")  # "[2001:db8::1]:4711", "192.0.2.1:4711"
_FORWARDED: Final = (b"forwarded", b"x-forwarded-for")
_CERTIFICATE: Final = b"client-cert"  # RFC 9440 section 2.1

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, with their values, as ASGI hands them over."""


class Origin(NamedTuple):
    """Where a request comes from."""

    address: str
    scheme: str | None = None
    """`http` or `https` as the client spoke it to the proxy; None where no proxy says so."""
    certificate: tuple[str, str] | None = None
    """Issuer and subject of the client's certificate, which the proxy has verified."""
    unbelieved: bool = False
    """Somebody passes it on who is not trusted to say for whom."""


class Proxies:
    """Reads requests with the operator's proxies in mind."""

    def __init__(self, settings: Settings) -> None:
        self._networks = read_networks(settings.http_proxies)
        self._standard = settings.http_proxy_header == "Forwarded"
        self._certificates = settings.http_client_certificates
        self._trusted = functools.lru_cache(1024)(lambda address: within(address, self._networks))

    def origin(self, peer: str, headers: Headers) -> Origin:
        """Whose request it is that came over a connection of `peer`."""
        if not self._networks or not self._trusted(peer):
            return Origin(peer, unbelieved=any(name in _FORWARDED for name, _ in headers))
        hops = self._forwarded(headers) if self._standard else self._x_forwarded(headers)
        certificate = names_in(_joined(headers, _CERTIFICATE)) if self._certificates else None
        return Origin(self._client(peer, [address for address, _ in hops]), _scheme(hops), certificate)

    def _client(self, peer: str, addresses: Sequence[str]) -> str:
        """The nearest one that is no proxy of ours: what stands before it may be made up."""
        for address in reversed(addresses):
            if not self._trusted(peer) or not address:
                break
            peer = address
        return peer

    @staticmethod
    def _x_forwarded(headers: Headers) -> list[tuple[str, str]]:
        told = _joined(headers, b"x-forwarded-for").decode("latin-1")
        scheme = _joined(headers, b"x-forwarded-proto").decode("latin-1").rpartition(",")[2].strip()
        return [(_address(one.strip()), scheme) for one in told.split(",")] if told or scheme else []

    @staticmethod
    def _forwarded(headers: Headers) -> list[tuple[str, str]]:
        """Its elements (RFC 7239 section 4)."""
        told = _joined(headers, b"forwarded").decode("latin-1")
        hops = []
        for element in _elements(told):
            pairs = {name.lower(): value.strip('"') for name, value in _PAIR.findall(element)}
            hops.append((_address(pairs.get("for", "")), pairs.get("proto", "")))
        return hops


def _joined(headers: Headers, name: bytes) -> bytes:
    """The values of a header as one list (RFC 9110 section 5.3)."""
    return b",".join(value for found, value in headers if found == name)


def _elements(told: str) -> list[str]:
    return re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+', told)


def _scheme(hops: Sequence[tuple[str, str]]) -> str | None:
    found = hops[-1][1].lower() if hops else ""
    return found if found in ("http", "https") else None


def _address(node: str) -> str:
    """The address of a node without its port; empty where it does not tell one (`unknown`, `_hidden`)."""
    node = node.strip('"')
    found = _PORT.fullmatch(node)
    address = (found[1] or found[2]) if found else node
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return ""
    return address


@functools.lru_cache(maxsize=1024)
def names_in(header: bytes) -> tuple[str, str] | None:
    """Issuer and subject of the certificate in a header: base64 between colons (RFC 9440), or PEM with its special
    letters escaped, as nginx writes it; None where there is none that can be read."""
    value = header.strip()
    try:
        if value.startswith(b":") and value.endswith(b":"):
            return credentials.certificate_names(base64.b64decode(value[1:-1], validate=True))
        return credentials.certificate_names(unquote_to_bytes(value)) if value else None
    except (InvalidInput, binascii.Error):
        return None
