"""TLS clients of the tests: whom they trust, and what they ask for."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ldaptor.protocols import pureldap

from directory.accounts import new_certificate
from directory.index.build import build_index
from ldap_server import messages
from tests.ldap_server.authority import Authority
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.test_binding import ACCOUNTS, MAP, account, register_with
from tests.ldap_server.test_server import request

START_TLS = request(pureldap.LDAPExtendedRequest(requestName=messages.START_TLS))
WHO = request(pureldap.LDAPExtendedRequest(requestName=messages.WHO_AM_I), 9)
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def with_accounts(folder: Path) -> Path:
    """A data folder whose accounts may bind over TLS, one of them by its certificate."""
    known = account("pont", new_certificate("CN=AC de test,C=FR", "CN=pont,C=FR"))
    build_index(register_with(*ACCOUNTS, known), folder / "index", map_bytes=MAP, workers=1)
    return folder


def secure_server(data: Path, authority: Authority, certificate: Path) -> Iterator[Server]:
    """Two workers that offer TLS and know the clients of the same authority."""
    settings: dict[str, Any] = {"TLS_CERTIFICATE_FILE": str(certificate), "TLS_CLIENT_CA_FILE": str(authority.file)}
    yield from serving(data, workers=2, PROFILE="public", **settings)


running = contextlib.contextmanager(serving)


def trusting(authority: Authority, *versions: ssl.TLSVersion, certificate: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if versions:
        context.minimum_version, context.maximum_version = versions[0], versions[-1]
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


@contextlib.contextmanager
def secured(
    server: Server, context: ssl.SSLContext, *, session: ssl.SSLSession | None = None
) -> Iterator[ssl.SSLSocket]:
    raw = socket.create_connection((server.host, server.ldaps_port), timeout=10)
    with context.wrap_socket(raw, server_hostname="localhost", session=session) as client:
        yield client


def asked(client: socket.socket, wire: bytes) -> bytes:
    client.sendall(wire)
    return client.recv(65536)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
