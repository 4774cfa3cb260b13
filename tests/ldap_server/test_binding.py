"""Binds: who an account may say it is, and what everybody else is told."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest
from ldaptor.protocols import pureldap

from directory.accounts import Account, AccountKind, Scope, new_password, new_secret
from directory.index.build import build_index
from directory.index.follow import Follower
from ldap_server.binding import account_of
from tests.index.register_of_records import RegisterOfRecords
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.people import PEOPLE
from tests.ldap_server.test_server import request, search, talk

MAP = 2**28
SUFFIX = "o=mssante,c=fr"
PASSWORD = "un mot de passe assez long"
PEPPER = b"a pepper of tests"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def account(name: str, *held: Any) -> Account:
    return Account(
        name=name,
        kind=AccountKind.APPLICATION,
        scopes=frozenset({Scope.SEARCH}),
        created_at=NOW,
        credentials=held,
    )


SECRET, SECRET_TEXT = new_secret(PEPPER)
ACCOUNTS = [account("passerelle", SECRET), account("jeanne", new_password(PASSWORD)), account("nue")]


def register_with(*accounts: Account) -> RegisterOfRecords:
    register = RegisterOfRecords.of(PEOPLE[:10])
    register.commit_accounts(*accounts)
    return register


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accounts")
    build_index(register_with(*ACCOUNTS), folder / "index", map_bytes=MAP, workers=1)
    return folder


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    yield from serving(data, PASSWORD_FAILURES_PER_ACCOUNT="1000", PASSWORD_FAILURES_PER_ADDRESS="1000")


def bind(name: str, password: str, message_id: int = 1, **more: Any) -> bytes:
    return request(pureldap.LDAPBindRequest(dn=name, auth=password.encode(), **more), message_id)


def answers(got: bytes) -> list[tuple[int, int, int]]:
    """Message id, operation and result code of each short response in some bytes."""
    return [
        (m[1][0], m[2][0], m[3][0]) for m in re.finditer(rb"\x30.\x02\x01(.)([\x61-\x78]).\x0a\x01(.)", got, re.DOTALL)
    ]


class Client:
    """A socket that waits for each answer."""

    def __init__(self, server: Server) -> None:
        self.socket = server.connect()

    def ask(self, wire: bytes) -> bytes:
        self.socket.sendall(wire)
        return self.read()

    def read(self) -> bytes:
        return self.socket.recv(65536)

    def who(self) -> bytes:
        wire = request(pureldap.LDAPExtendedRequest(requestName="1.3.6.1.4.1.4203.1.11.3"), 99)
        got = self.ask(wire)
        return got[got.index(b"\x8b") + 2 :]


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    one = Client(server)
    yield one
    one.socket.close()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    "name",
    [
        "cn=passerelle,ou=accounts,o=mssante,c=fr",
        "CN=Passerelle, OU=Accounts, O=MSSante, C=FR",
        "uid=passerelle,ou=accounts,o=mssante,c=fr",
        "passerelle",
    ],
)
def test_an_account_binds_by_its_secret_under_each_form_of_its_name(client: Client, name: str, version: int) -> None:
    assert answers(client.ask(bind(name, SECRET_TEXT, version=version))) == [(1, 0x61, 0)]
    assert client.who() == b"u:passerelle"


def test_a_person_binds_by_password_the_first_time_and_again(client: Client) -> None:
    for _ in range(2):
        assert answers(client.ask(bind("cn=jeanne,ou=accounts,o=mssante,c=fr", PASSWORD))) == [(1, 0x61, 0)]
        assert client.who() == b"u:jeanne"


WRONG = [
    ("jeanne", "wrong"),
    ("jeanne", SECRET_TEXT),
    ("passerelle", PASSWORD),
    ("passerelle", SECRET_TEXT[:-1] + "_"),
    ("nue", "wrong"),
    ("nobody", "wrong"),
    ("cn=jeanne,ou=elsewhere,o=mssante,c=fr", PASSWORD),
    ("cn=jeanne+uid=x,ou=accounts,o=mssante,c=fr", PASSWORD),
    ("cn=jeanne,cn=jeanne,ou=accounts,o=mssante,c=fr", PASSWORD),
    ("=", "wrong"),
    ("x" * 5000, "wrong"),
]


def test_whatever_is_wrong_the_answer_is_the_same_to_the_byte(server: Server) -> None:
    told = {Client(server).ask(bind(name, password)) for name, password in WRONG}
    assert len(told) == 1
    assert answers(told.pop()) == [(1, 0x61, 49)]


def test_a_bind_that_fails_leaves_the_client_anonymous(client: Client) -> None:
    for wire, code in (
        (bind("jeanne", "wrong"), 49),
        (bind("jeanne", ""), 53),
        (request(pureldap.LDAPBindRequest(version=4)), 2),
        (request(pureldap.LDAPBindRequest(sasl=True, auth=(b"GSSAPI", b""))), 7),
        (request(pureldap.LDAPBindRequest(sasl=True, auth=(b"EXTERNAL", b""))), 48),
        (request(pureldap.LDAPBindRequest(sasl=True, auth=(b"PLAIN", b"\0jeanne\0" + PASSWORD.encode()))), 13),
    ):
        client.ask(bind("passerelle", SECRET_TEXT))
        assert client.who() == b"u:passerelle"
        assert answers(client.ask(wire)) == [(1, 0x61, code)]
        assert client.who() == b""


def test_an_anonymous_bind_ends_an_accounts_session(client: Client) -> None:
    client.ask(bind("passerelle", SECRET_TEXT))
    assert answers(client.ask(bind("", ""))) == [(1, 0x61, 0)]
    assert client.who() == b""


def test_a_bind_abandons_what_waits_and_nothing_is_carried_out_before_it_is_answered(server: Server) -> None:
    wires = search(message_id=1) + search(message_id=2, sizeLimit=1) + bind("jeanne", "wrong", 3) + search(message_id=4)
    got = talk(server, wires, read_s=1.5)
    assert answers(got)[0] == (3, 0x61, 49)
    assert [match[0] for match in re.findall(rb"\x02\x01(.)\x65", got, re.DOTALL)] == [4]


def test_binds_sent_together_are_all_answered_in_order(server: Server) -> None:
    wires = b"".join(bind(*WRONG[number % 2], number + 1) for number in range(4)) + bind("jeanne", PASSWORD, 9)
    assert answers(talk(server, wires, read_s=2)) == [
        (1, 0x61, 49),
        (2, 0x61, 49),
        (3, 0x61, 49),
        (4, 0x61, 49),
        (9, 0x61, 0),
    ]


def test_a_bind_is_not_abandoned(server: Server) -> None:
    wires = bind("jeanne", "wrong", 5) + request(pureldap.LDAPAbandonRequest(id=5), 6)
    assert answers(talk(server, wires, read_s=1.5)) == [(5, 0x61, 49)]


def test_a_client_that_leaves_while_its_password_is_checked_harms_nobody(server: Server, client: Client) -> None:
    for _ in range(3):
        leaving = server.connect()
        leaving.sendall(bind("jeanne", "wrong"))
        leaving.close()
    assert answers(client.ask(bind("jeanne", PASSWORD))) == [(1, 0x61, 0)]


def test_other_clients_are_answered_while_passwords_are_checked(server: Server, client: Client) -> None:
    checking = [server.connect() for _ in range(8)]
    for one in checking:
        one.sendall(bind("jeanne", "wrong"))
    assert b"\x65" in client.ask(search(sizeLimit=1))
    for one in checking:
        one.settimeout(30)
        assert answers(one.recv(100)) == [(1, 0x61, 49)]
        one.close()


def test_after_some_wrong_passwords_the_account_is_refused_unchecked_and_its_secrets_are_not(data: Path) -> None:
    (data / "failures").unlink(missing_ok=True)
    time.sleep(
        60 - time.time() % 60 if time.time() % 60 > 55 else 0
    )  # they are counted by the minute: not across its end
    for server in serving(data, PASSWORD_FAILURES_PER_ACCOUNT="2"):
        codes = [answers(Client(server).ask(bind("jeanne", password)))[0][2] for password in ("a", "b", PASSWORD)]
        assert codes == [49, 49, 11]
        assert answers(Client(server).ask(bind("passerelle", SECRET_TEXT))) == [(1, 0x61, 0)]


@pytest.mark.parametrize(("setting", "value"), [("PROFILE", "public"), ("LDAP_PLAIN_PASSWORDS", "false")])
def test_passwords_in_the_clear_are_refused_where_the_node_is_public(data: Path, setting: str, value: str) -> None:
    settings: dict[str, Any] = {setting: value}
    for server in serving(data, **settings):
        for name, password in (("jeanne", PASSWORD), ("jeanne", "wrong"), ("passerelle", SECRET_TEXT)):
            assert answers(Client(server).ask(bind(name, password))) == [(1, 0x61, 13)]
        assert answers(Client(server).ask(bind("", ""))) == [(1, 0x61, 0)]


def follow(register: RegisterOfRecords, data: Path) -> None:
    Follower(register, data / "index", MAP).step()


@pytest.mark.parametrize("change", ["revoked", "rotated", "expired"])
def test_a_session_ends_when_its_account_is_not_good_any_more(tmp_path: Path, change: str) -> None:
    register = register_with(*ACCOUNTS)
    build_index(register, tmp_path / "index", map_bytes=MAP, workers=1)
    after = {
        "revoked": [],
        "rotated": [account("passerelle", new_secret(PEPPER)[0])],
        "expired": [dataclasses.replace(ACCOUNTS[0], expires_at=NOW)],
    }[change]
    for server in serving(tmp_path):
        bound, anonymous = Client(server), Client(server)
        bound.ask(bind("passerelle", SECRET_TEXT))
        assert bound.who() == b"u:passerelle"
        register.commit_accounts(*after)
        follow(register, tmp_path)
        said = bound.read()  # by itself, within the server's next look
        assert b"1.3.6.1.4.1.1466.20036" in said
        assert answers(said) == [(0, 0x78, 8)]
        assert bound.read() == b""
        assert answers(Client(server).ask(bind("passerelle", SECRET_TEXT))) == [(1, 0x61, 49)]
        assert anonymous.who() == b""


def test_an_earlier_secret_is_good_while_it_stands_beside_the_new_one(tmp_path: Path) -> None:
    register = register_with(account("passerelle", SECRET, new_secret(PEPPER)[0]))
    build_index(register, tmp_path / "index", map_bytes=MAP, workers=1)
    for server in serving(tmp_path):
        assert answers(Client(server).ask(bind("passerelle", SECRET_TEXT))) == [(1, 0x61, 0)]


def test_real_clients_bind_and_ask_who_they_are(server: Server) -> None:
    where = ldap3.Server(server.host, server.port, get_info=ldap3.NONE)
    bound = ldap3.Connection(where, f"cn=passerelle,ou=accounts,{SUFFIX}", SECRET_TEXT, auto_bind=True)
    assert bound.extend.standard.who_am_i() == "u:passerelle"
    refused = ldap3.Connection(where, "cn=jeanne,ou=accounts," + SUFFIX, "wrong")
    assert not refused.bind()


def test_names_that_are_no_accounts_stand_for_themselves() -> None:
    assert account_of("cn=a.b-c_1,ou=accounts,o=mssante,c=fr", SUFFIX) == "a.b-c_1"
    assert account_of("  Jeanne ", SUFFIX) == "jeanne"
    for other in ("cn=jeanne", "cn=jeanne,o=mssante,c=fr", "mail=jeanne,ou=accounts,o=mssante,c=fr", "=", "a=\\"):
        assert account_of(other, SUFFIX) not in ("jeanne", "")
