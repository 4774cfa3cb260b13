"""Certificates: read again without a restart, refused where they cannot be served with, verified by other people's programs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.checkup import _tls_checks
from directory.errors import InvalidInput
from directory.settings import Settings
from ldap_server import messages
from ldap_server.tls import Tls
from tests.ldap_server.authority import Authority
from tests.ldap_server.conftest import Server
from tests.ldap_server.secure import START_TLS, asked, running, secure_server, secured, trusting, until, with_accounts
from tests.ldap_server.test_binding import (
    SECRET_TEXT,
    answers,
    bind,
)
from tests.ldap_server.test_server import BASE


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_accounts(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(data: Path, authority: Authority, certificate: Path) -> Iterator[Server]:
    yield from secure_server(data, authority, certificate)


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


def test_a_worker_that_starts_with_a_broken_certificate_serves_plain_ldap_and_tls_once_it_is_mended(
    data: Path, authority: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "server.pem"
    path.write_text("broken")
    with running(data, TLS_CERTIFICATE_FILE=str(path)) as server:
        with server.connect() as client:
            assert answers(asked(client, bind("", ""))) == [(1, 0x61, 0)]
            assert messages.UNAVAILABLE in [code for _, _, code in answers(asked(client, START_TLS))]
        authority.issue("localhost", file="mended.pem").replace(path)

        def secure() -> bool:
            with secured(server, trusting(authority)) as client:
                return answers(asked(client, bind("", ""))) == [(1, 0x61, 0)]

        until(secure)


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
