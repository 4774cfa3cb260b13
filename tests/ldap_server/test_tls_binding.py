"""Binds over TLS: passwords, SASL PLAIN, client certificates and their revocation."""

from __future__ import annotations

import shutil
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ldaptor.protocols import pureldap

from tests.ldap_server.authority import Authority
from tests.ldap_server.conftest import Server
from tests.ldap_server.secure import WHO, asked, running, secure_server, secured, trusting, until, with_accounts
from tests.ldap_server.test_binding import (
    PASSWORD,
    SECRET_TEXT,
    answers,
    bind,
)
from tests.ldap_server.test_server import request


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_accounts(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(data: Path, authority: Authority, certificate: Path) -> Iterator[Server]:
    yield from secure_server(data, authority, certificate)


def external(acting_as: bytes | None = b"") -> bytes:
    return request(pureldap.LDAPBindRequest(sasl=True, auth=(b"EXTERNAL", acting_as)))


def plain(told: bytes) -> bytes:
    return request(pureldap.LDAPBindRequest(sasl=True, auth=(b"PLAIN", told)))


def test_passwords_pass_over_tls_where_they_do_not_in_the_clear(server: Server, authority: Authority) -> None:
    with secured(server, trusting(authority)) as client, server.connect() as clear:
        for wire in (bind("jeanne", PASSWORD), bind("passerelle", SECRET_TEXT)):
            assert answers(asked(client, wire)) == [(1, 0x61, 0)]
            assert answers(asked(clear, wire)) == [(1, 0x61, 13)]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (b"\0jeanne\0" + PASSWORD.encode(), 0),
        (b"u:jeanne\0jeanne\0" + PASSWORD.encode(), 0),
        (b"passerelle\0jeanne\0" + PASSWORD.encode(), 49),
        (b"\0jeanne\0wrong", 49),
        (b"\0jeanne\0", 49),
        (b"jeanne", 49),
        (b"", 49),
    ],
)
def test_sasl_plain_is_a_name_and_a_password(server: Server, authority: Authority, told: bytes, code: int) -> None:
    with secured(server, trusting(authority)) as client:
        assert answers(asked(client, plain(told))) == [(1, 0x61, code)]
        assert (b"u:jeanne" in asked(client, WHO)) == (code == 0)


@pytest.mark.parametrize("acting_as", [b"", b"u:pont", b"dn:cn=pont,ou=accounts,o=mssante,c=fr"])
def test_a_client_certificate_binds_its_account_in_a_new_session_and_a_resumed_one(
    server: Server, authority: Authority, acting_as: bytes
) -> None:
    context, session = trusting(authority, certificate=authority.issue("pont")), None
    for resumed in (False, True):
        with secured(server, context, session=session) as client:
            assert answers(asked(client, external(acting_as))) == [(1, 0x61, 0)]
            assert b"u:pont" in asked(client, WHO)
            assert client.session_reused is resumed
            session = client.session


def test_a_certificate_of_nobodys_or_for_another_or_none_does_not_bind(server: Server, authority: Authority) -> None:
    for common, acting_as, code in (("inconnu", b"", 49), ("pont", b"u:jeanne", 49), (None, b"", 48)):
        certificate = authority.issue(common) if common else None
        with secured(server, trusting(authority, certificate=certificate)) as client:
            assert answers(asked(client, external(acting_as))) == [(1, 0x61, code)]
            assert b"u:" not in asked(client, WHO)


def test_a_certificate_of_another_authority_is_refused(server: Server, authority: Authority, tmp_path: Path) -> None:
    forged = Authority(tmp_path).issue("pont")
    context = trusting(authority, certificate=forged)
    with pytest.raises((ssl.SSLError, ConnectionResetError)), secured(server, context) as client:
        asked(client, external())


def test_revocation_lists_are_read_again_and_one_that_has_expired_refuses(
    data: Path, authority: Authority, certificate: Path, tmp_path: Path
) -> None:
    good, lists = authority.issue("pont", file="good.pem"), tmp_path / "lists"
    lists.mkdir()
    files = {"TLS_CERTIFICATE_FILE": certificate, "TLS_CLIENT_CA_FILE": authority.file, "TLS_CRL": lists}
    settings: dict[str, Any] = {name: str(file) for name, file in files.items()}
    with running(data, **settings) as server:
        context = trusting(authority, certificate=good)

        def told() -> bytes:
            with secured(server, context) as client:
                return asked(client, external())

        def listed(*withdrawn: Path, **more: Any) -> None:
            shutil.copy(authority.revoke(withdrawn, **more), lists / "one.crl")

        assert b"no revocation list" in told()
        listed()
        until(lambda: answers(told()) == [(1, 0x61, 0)])
        listed(good)
        until(lambda: b"has been revoked" in told())
        listed(days=-1)
        until(lambda: b"has expired" in told())
        listed()
        until(lambda: answers(told()) == [(1, 0x61, 0)])
        shutil.copy(Authority(tmp_path).revoke([good]), lists / "two.crl")  # of the same name, by another key
        listed(authority.issue("autre"))
        time.sleep(1.5)
        assert answers(told()) == [(1, 0x61, 0)]
