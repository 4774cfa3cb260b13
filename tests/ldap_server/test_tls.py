"""LDAPS and StartTLS over real sockets: what is agreed to, what is refused, and what goes on elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest
from ldaptor.protocols import pureldap

from cli.checkup import _tls_checks
from directory.accounts import new_certificate
from directory.errors import InvalidInput
from directory.index.build import build_index
from directory.settings import Settings
from ldap_server import messages, tickets
from ldap_server.tls import Tls
from tests.ldap_server.authority import Authority
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.test_binding import (
    ACCOUNTS,
    MAP,
    PASSWORD,
    SECRET_TEXT,
    account,
    answers,
    bind,
    register_with,
)
from tests.ldap_server.test_server import BASE, request, search

START_TLS = request(pureldap.LDAPExtendedRequest(requestName=messages.START_TLS))
WHO = request(pureldap.LDAPExtendedRequest(requestName=messages.WHO_AM_I), 9)
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Path:
    return authority.issue("localhost")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    known = account("pont", new_certificate("CN=AC de test,C=FR", "CN=pont,C=FR"))
    build_index(register_with(*ACCOUNTS, known), folder / "index", map_bytes=MAP, workers=1)
    return folder


@pytest.fixture(scope="module")
def server(data: Path, authority: Authority, certificate: Path) -> Iterator[Server]:
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


# -- what is agreed to --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_both_versions_agree_on_ephemeral_keys_and_authenticated_encryption(
    server: Server, authority: Authority, version: ssl.TLSVersion
) -> None:
    with secured(server, trusting(authority, version)) as client:
        assert b"\x65" in asked(client, search(sizeLimit=1))
        cipher = client.cipher()
        assert cipher is not None
        assert client.compression() is None
        assert "GCM" in cipher[0] or "POLY1305" in cipher[0]
        assert version is ssl.TLSVersion.TLSv1_3 or cipher[0].startswith("ECDHE-")


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_1, "DEFAULT:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_older_versions_and_weaker_ciphers_are_refused(
    server: Server, authority: Authority, version: ssl.TLSVersion, ciphers: str
) -> None:
    context = trusting(authority, version)
    context.set_ciphers(ciphers)
    with pytest.raises(ssl.SSLError), secured(server, context):
        pass


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_session_goes_on_at_whichever_worker_answers(
    server: Server, authority: Authority, version: ssl.TLSVersion
) -> None:
    context, session = trusting(authority, version), None
    # A connection held open makes the other worker the least loaded one: in the end each has answered some of these.
    with contextlib.ExitStack() as held:
        for number in range(200):
            client = held.enter_context(secured(server, context, session=session))
            assert answers(asked(client, bind("", ""))) == [(1, 0x61, 0)]
            assert client.session_reused == (number > 0)
            session = client.session
            loads = memoryview(os.pread(server.loads, 8, 0)).cast("I")
            if number > 10 and min(loads) > 3:
                break
            time.sleep(0 if min(loads) else 0.1)  # the second worker may still be starting
        assert min(loads) > 3


def test_new_keys_of_tickets_cost_a_handshake_and_nothing_else(server: Server, authority: Authority) -> None:
    context = trusting(authority)

    def resumed(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
        with secured(server, context, session=session) as client:
            asked(client, bind("", ""))
            return client.session_reused is True, client.session

    session = resumed(None)[1]
    assert resumed(session)[0]
    tickets.rotate(server.tickets)
    until(lambda: not resumed(session)[0])
    until(lambda: resumed(resumed(None)[1])[0])


def test_tickets_can_be_shared_on_this_python() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert tickets.apply(context, b"k" * tickets.KEY_BYTES)
    assert not tickets.apply(context, b"short")


def test_requests_split_at_every_byte_and_answers_of_many_records_pass(server: Server, authority: Authority) -> None:
    with secured(server, trusting(authority)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in search(sizeLimit=1):
            client.sendall(bytes([byte]))
        assert b"\x65" in client.recv(65536)
        wires = b"".join(search(message_id=number) for number in range(1, 31))
        client.sendall(wires)
        got = b""
        while b"\x02\x01\x1e\x65" not in got:
            got += client.recv(65536)
        assert len(got) > 16_384


# -- StartTLS -----------------------------------------------------------------------------------------------------------


def started(server: Server, authority: Authority) -> ssl.SSLSocket:
    raw = server.connect()
    got = asked(raw, START_TLS)
    assert answers(got) == [(1, 0x78, 0)]
    assert messages.START_TLS.encode() in got
    return trusting(authority).wrap_socket(raw, server_hostname="localhost")


def test_tls_is_started_once(server: Server, authority: Authority) -> None:
    with started(server, authority) as client:
        assert answers(asked(client, bind("jeanne", PASSWORD))) == [(1, 0x61, 0)]
        assert answers(asked(client, START_TLS)) == [(1, 0x78, 1)]
        assert b"u:jeanne" in asked(client, WHO)


def test_tls_is_not_started_while_an_operation_is_outstanding(server: Server) -> None:
    with server.connect() as client:
        client.sendall(search(message_id=3) + search(message_id=4, sizeLimit=1) + START_TLS)
        got = b""
        while b"\x02\x01\x04\x65" not in got:
            got += client.recv(65536)
        assert (1, 0x78, 1) in answers(got)
        assert answers(asked(client, bind("", ""))) == [(1, 0x61, 0)]  # still in the clear, and answered


@pytest.mark.parametrize(
    "injected",
    [search(message_id=7), bind("", "", 7), search(message_id=7)[:9], b"\x16\x03\x01\x02\x00\x01"],
    ids=["request", "bind", "part of one", "handshake"],
)
def test_what_is_sent_behind_starttls_in_the_clear_ends_the_conversation(server: Server, injected: bytes) -> None:
    with server.connect() as client:
        client.sendall(START_TLS + injected)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(65536):
                got += part
    assert (1, 0x78, 0) not in answers(got)
    assert b"\x02\x01\x07" not in got


def test_without_a_certificate_there_is_no_tls(indexed: Path) -> None:
    for server in serving(indexed):
        with server.connect() as client:
            assert answers(asked(client, START_TLS)) == [(1, 0x78, 2)]
        assert messages.START_TLS not in root_dse(server)["supportedExtension"]
        assert "supportedSASLMechanisms" not in root_dse(server)


def root_dse(server: Server) -> dict[str, Any]:
    where = ldap3.Server(server.host, server.port, get_info=ldap3.NONE)
    client = ldap3.Connection(where, auto_bind=True)
    client.search("", "(objectClass=*)", ldap3.BASE, attributes=["*", "+"])
    return dict(client.response[0]["attributes"])


def test_the_root_dse_says_what_there_is(server: Server) -> None:
    assert messages.START_TLS in root_dse(server)["supportedExtension"]
    assert set(root_dse(server)["supportedSASLMechanisms"]) == {"EXTERNAL", "PLAIN"}


# -- hostile clients ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("garbage", [bind("", ""), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 5000])
def test_garbage_on_the_port_of_tls_is_closed(server: Server, garbage: bytes) -> None:
    with socket.create_connection((server.host, server.ldaps_port), timeout=10) as client:
        client.sendall(garbage)
        with contextlib.suppress(ConnectionResetError):
            while client.recv(1000):
                pass


def test_a_client_may_not_negotiate_again(server: Server, authority: Authority) -> None:
    # openssl asks for it at a line that is "R"; the server says no and goes on, or closes: never a second handshake.
    command = ["openssl", "s_client", "-connect", f"{server.host}:{server.ldaps_port}", "-tls1_2", "-CAfile",
               str(authority.file), "-legacy_renegotiation"]  # fmt: skip
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    done = subprocess.run(command, input="R\n", capture_output=True, text=True, timeout=20, check=False)
    assert "Verify return code: 0" in done.stdout
    assert "RENEGOTIATING" in done.stdout + done.stderr
    assert "no renegotiation" in done.stdout + done.stderr


@pytest.mark.parametrize("how", ["silent", "half a handshake", "StartTLS and then silent"])
def test_a_handshake_that_does_not_end_is_closed(data: Path, authority: Authority, certificate: Path, how: str) -> None:
    for server in serving(data, LDAP_FIRST_MESSAGE_S="0.4", TLS_CERTIFICATE_FILE=str(certificate)):
        port = server.port if how.startswith("StartTLS") else server.ldaps_port
        with socket.create_connection((server.host, port), timeout=10) as client:
            if how == "half a handshake":
                client.sendall(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1")
            elif how != "silent":
                assert answers(asked(client, START_TLS)) == [(1, 0x78, 0)]
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1000) == b""


def test_an_end_without_goodbye_and_a_goodbye_harm_nobody(server: Server, authority: Authority) -> None:
    with secured(server, trusting(authority)) as client:
        asked(client, bind("", ""))
        client.unwrap().close()
    with secured(server, trusting(authority)) as client:
        client.sendall(search()[:5])
    with secured(server, trusting(authority)) as client:
        client.sendall(request(pureldap.LDAPUnbindRequest()))
        assert client.recv(100) == b""  # a proper end of the session, no cut


# -- accounts -----------------------------------------------------------------------------------------------------------


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


# -- certificates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["file", "signal"])
def test_a_new_certificate_serves_without_a_restart_and_a_broken_one_does_not(
    data: Path, authority: Authority, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "server.pem"

    def put(file: str) -> None:
        """One that is told from the last by its content only, or by its date as well."""
        new = tmp_path / file
        new.write_bytes(authority.issue("localhost", file=file).read_bytes().ljust(4096, b"\n"))
        if how == "signal":
            os.utime(new, (1_700_000_000, 1_700_000_000))
        new.replace(path)

    put("one.pem")
    with running(data, TLS_CERTIFICATE_FILE=str(path)) as server:

        def served() -> bytes | None:
            with secured(server, trusting(authority)) as client:
                return client.getpeercert(binary_form=True)

        with secured(server, trusting(authority)) as held:
            first = served()
            put("two.pem")
            if how == "signal":
                time.sleep(1.5)
                assert served() == first
                for pid in server.pids:
                    os.kill(pid, signal.SIGHUP)
            until(lambda: served() != first)
            second = served()
            path.write_text("broken")
            time.sleep(1.5)
            assert served() == second
            assert answers(asked(held, bind("", ""))) == [(1, 0x61, 0)]  # sessions under way go on


def test_what_cannot_be_served_with_is_said_at_the_start(authority: Authority, certificate: Path) -> None:
    other = authority.issue("other")
    for wrong in (
        {"tls_certificate_file": certificate.parent / "nowhere.pem"},
        {"tls_certificate_file": authority.file},  # no key
        {"tls_certificate_file": authority.file, "tls_key_file": other},  # not its key
        {"tls_certificate_file": certificate, "tls_client_ca_file": Path(__file__)},
        {"tls_certificate_file": certificate, "tls_client_ca_file": authority.file, "tls_crl": Path(__file__)},
    ):
        with pytest.raises(InvalidInput, match="ANNUAIRE_TLS"):
            Tls.of(Settings().model_copy(update=wrong), None)
    assert Tls.of(Settings(), None) is None


# -- other people's programs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["ldaps", "StartTLS"])
def test_ldapsearch_verifies_the_server_and_binds(server: Server, authority: Authority, how: str) -> None:
    if shutil.which("ldapsearch") is None:
        pytest.skip("ldapsearch (ldap-utils) is not installed")
    # By its address: OpenLDAP takes "localhost" for the machine's own name.
    to = {
        "ldaps": ["-H", f"ldaps://127.0.0.1:{server.ldaps_port}"],
        "StartTLS": ["-ZZ", "-H", f"ldap://127.0.0.1:{server.port}"],
    }[how]
    command = ["ldapsearch", *to, "-x", "-D", "cn=passerelle,ou=accounts,o=mssante,c=fr", "-w", SECRET_TEXT, "-b", BASE,
               "-LLL", "-z", "1", "(mail=*)", "mail"]  # fmt: skip
    environ = {**os.environ, "LDAPTLS_CACERT": str(authority.file), "LDAPTLS_REQCERT": "demand"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 4, done.stderr  # one entry, and there are more
    assert "mail:" in done.stdout
    distrusting = {**environ, "LDAPTLS_CACERT": "/etc/ssl/certs/none.pem"}
    refused = subprocess.run(command, env=distrusting, capture_output=True, timeout=30, check=False)
    assert refused.returncode in (1, 255)
    assert refused.stdout == b""


def test_ldapwhoami_binds_by_certificate(server: Server, authority: Authority) -> None:
    if shutil.which("ldapwhoami") is None:
        pytest.skip("ldapsearch (ldap-utils) is not installed")
    client = str(authority.issue("pont"))
    environ = {**os.environ, "LDAPTLS_CACERT": str(authority.file), "LDAPTLS_CERT": client, "LDAPTLS_KEY": client}
    command = ["ldapwhoami", "-Y", "EXTERNAL", "-Q", "-H", f"ldaps://127.0.0.1:{server.ldaps_port}"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "u:pont"), done.stderr


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_verifies_the_server_and_resumes(server: Server, authority: Authority, version: str) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    command = ["openssl", "s_client", "-connect", f"localhost:{server.ldaps_port}", version, "-CAfile",
               str(authority.file), "-verify_return_error", "-reconnect"]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    assert "Verify return code: 0" in done.stdout
    if version == "-tls1_2":  # it reconnects before a ticket of TLS 1.3 has come
        assert done.stdout.count("Reused, TLSv1.2") == 5


def test_gnutls_verifies_the_server_and_resumes(server: Server, authority: Authority) -> None:
    if shutil.which("gnutls-cli") is None:
        pytest.skip("gnutls-cli is not installed")
    for more in ([], ["--resume", "--waitresumption"]):
        command = ["gnutls-cli", "--x509cafile", str(authority.file), "-p", str(server.ldaps_port), "localhost", *more]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
        assert "The certificate is trusted" in done.stdout, done.stdout + done.stderr
    assert "This is a resumed session" in done.stdout


@pytest.mark.parametrize(("days", "said"), [(100, None), (20, "days more"), (-1, "has ended")])
def test_a_check_tells_when_a_certificate_ends_soon(authority: Authority, days: float, said: str | None) -> None:
    path = authority.issue("ending", days=days)
    (check,) = _tls_checks(Settings().model_copy(update={"tls_certificate_file": path}))
    assert check.ok == (said is None)
    assert said is None or said in check.detail
    assert _tls_checks(Settings()) == []
