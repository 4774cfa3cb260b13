"""The server over a real socket: what it answers, what it refuses, and how it bounds a client."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest
from ldaptor.protocols import pureldap

from ldap_server import controls, messages
from tests.conftest import SHARED
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.people import PEOPLE

BASE = "ou=bal,o=mssante,c=fr"


def connection(server: Server, **more: Any) -> ldap3.Connection:
    where = ldap3.Server(server.host, server.port, get_info=ldap3.NONE, connect_timeout=5)
    return ldap3.Connection(where, auto_bind=True, receive_timeout=10, return_empty_attributes=False, **more)


def found(server: Server, filter_: str, **more: Any) -> list[str]:
    client = connection(server)
    client.search(**{"search_base": BASE, "search_filter": filter_, "attributes": ["mail"], **more})
    return [entry["dn"] for entry in client.response if entry["type"] == "searchResEntry"]


def code(server: Server, filter_: str = "(mail=*)", **more: Any) -> int:
    client = connection(server)
    client.search(**{"search_base": BASE, "search_filter": filter_, **more})
    return int(client.result["result"])


def talk(server: Server, *wires: bytes, read_s: float = 1.0) -> bytes:
    """Send bytes as they are and read until the server closes or is silent."""
    with server.connect() as client:
        for wire in wires:
            client.sendall(wire)
        client.settimeout(read_s)
        got = b""
        try:
            while chunk := client.recv(65536):
                got += chunk
        except TimeoutError:
            pass
        return got


def request(operation: Any, message_id: int = 1, **more: Any) -> bytes:
    return bytes(pureldap.LDAPMessage(operation, id=message_id, **more).toWire())


def search(filter_: Any = None, message_id: int = 1, **more: Any) -> bytes:
    wanted = filter_ or pureldap.LDAPFilter_present("mail")
    return request(pureldap.LDAPSearchRequest(baseObject=BASE, filter=wanted, **more), message_id)


@pytest.fixture(scope="module")
def sample(server: Server) -> dict[str, Any]:
    client = connection(server)
    client.search(BASE, "(&(sn=*)(IdentifiantPP=*))", attributes=["*", "+"], size_limit=1)
    return dict(client.response[0])


def test_the_root_dse_says_what_is_served_in_any_case_of_the_filter(server: Server) -> None:
    client = connection(server)
    client.search("", "(objectclass=*)", ldap3.BASE, attributes=["*", "+"])
    (entry,) = client.response
    assert entry["attributes"]["namingContexts"] == ["o=mssante,c=fr"]
    assert entry["attributes"]["subschemaSubentry"] == ["cn=Subschema"]
    assert set(entry["attributes"]["supportedLDAPVersion"]) == {"2", "3"}
    assert controls.PAGED_RESULTS in entry["attributes"]["supportedControl"]


def test_every_attribute_and_class_that_is_sent_is_published(server: Server, sample: dict[str, Any]) -> None:
    where = ldap3.Server(server.host, server.port, get_info=ldap3.ALL)
    ldap3.Connection(where, auto_bind=True)
    assert set(sample["attributes"]) <= set(where.schema.attribute_types)
    assert set(sample["attributes"]["objectClass"]) <= set(where.schema.object_classes)


def test_an_entry_bears_the_contracts_attributes(sample: dict[str, Any]) -> None:
    attributes = sample["raw_attributes"]
    assert {b"top", b"person", b"organizationalPerson", b"inetOrgPerson", b"mssanteMailbox"} == set(
        attributes["objectClass"]
    )
    assert len(attributes["cn"]) == 2
    assert attributes["TypeBAL"] == [b"PER"]
    assert attributes["entryDN"] == [sample["dn"].encode()]
    assert attributes["hasSubordinates"] == [b"FALSE"]


def test_names_compare_without_case_and_accents(server: Server) -> None:
    for typed in ("lefevre", "LEFÈVRE", "Lefèvre", "  lefevre "):
        assert found(server, f"(sn={typed})") == found(server, "(sn=lefevre)") != []


@pytest.mark.parametrize("attribute", ["sn", "SN", "surname", "2.5.4.4"])
def test_an_attribute_is_known_by_each_of_its_names(server: Server, attribute: str) -> None:
    assert found(server, f"({attribute}=martin)") == found(server, "(sn=martin)") != []


def test_the_contracts_wildcards_and_empty_conjunctions_answer(server: Server) -> None:
    for empty, entries in ((pureldap.LDAPFilter_and([]), len(PEOPLE)), (pureldap.LDAPFilter_or([]), 0)):
        assert talk(server, search(empty, attributes=["1.1"]), read_s=0.5).count(b"mail=") == entries
    assert len(found(server, "(&(sn=*)(mail=*))")) == len(PEOPLE)
    assert found(server, "(sn=7*merveilles)") == []
    assert found(server, r"(sn=o\2ak)") != []


def test_what_is_undefined_stays_so_under_a_negation(server: Server) -> None:
    assert found(server, "(!(unknown=x))") == []
    assert found(server, "(!(cn:1.2.3.4:=x))") == []
    assert len(found(server, "(|(unknown=x)(mail=*))")) == len(PEOPLE)
    assert len(found(server, "(!(mobile=x))")) == len(PEOPLE)  # known, and held by nobody: false


def test_obsolete_profession_codes_find_todays(server: Server) -> None:
    assert found(server, "(profession=200)") == found(server, "(profession=41)") != []


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_size_limit_gives_that_many_entries_and_then_code_4(server: Server, limit: int) -> None:
    client = connection(server)
    client.search(BASE, "(mail=*)", size_limit=limit)
    assert len(client.response) == limit
    assert client.result["result"] == 4


def test_a_server_limit_holds_whatever_the_client_asks(indexed: Path) -> None:
    for server in serving(indexed, LDAP_SIZE_LIMIT="3"):
        assert code(server, size_limit=50) == 4
        assert len(found(server, "(mail=*)", size_limit=50)) == 3


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (["1.1"], set()),
        (["dn"], set()),
        (["CN", "cn", "commonName"], {"cn"}),
        (["1.1", "sn"], {"sn"}),
        (["+"], {"entryUUID", "createTimestamp", "modifyTimestamp", "entryDN", "structuralObjectClass",
                 "subschemaSubentry", "hasSubordinates"}),
        (["entryuuid", "nosuch", "mail;lang-fr"], {"entryUUID"}),
    ],
)  # fmt: skip
def test_the_attributes_asked_for_are_sent_as_the_schema_spells_them(
    server: Server, asked: list[str], sent: set[str]
) -> None:
    client = connection(server, check_names=False)
    client.search(BASE, "(mail=*)", attributes=asked, size_limit=1)
    assert set(client.response[0]["raw_attributes"]) == sent


def test_types_only_sends_names_without_values(server: Server) -> None:
    client = connection(server)
    client.search(BASE, "(mail=*)", attributes=["mail", "cn"], types_only=True, size_limit=1)
    assert dict(client.response[0]["raw_attributes"]) == {"mail": None, "cn": None}


def test_an_entry_is_read_by_its_name_in_any_case_and_spacing(server: Server, sample: dict[str, Any]) -> None:
    for name in (sample["dn"], sample["dn"].upper(), sample["dn"].replace(",", " , ")):
        assert found(server, "(objectClass=*)", search_base=name, search_scope=ldap3.BASE) == [sample["dn"]]
    assert found(server, "(sn=nobody)", search_base=sample["dn"], search_scope=ldap3.BASE) == []


def test_containers_answer_base_and_one_level_and_not_subtree_searches(server: Server) -> None:
    assert found(server, "(objectClass=*)", search_scope=ldap3.BASE) == [BASE]
    assert found(server, "(ou=bal)", search_base="o=mssante,c=fr", search_scope=ldap3.LEVEL) == [BASE]
    assert BASE not in found(server, "(objectClass=*)", search_base="o=mssante,c=fr")
    assert len(found(server, "(mail=*)", search_scope=ldap3.LEVEL)) == len(PEOPLE)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("ou=nope,ou=bal,o=mssante,c=fr", 32),
        ("mail=nobody@x.fr,ou=bal,o=mssante,c=fr", 32),
        ("not a dn", 34),
        ("=", 34),
    ],
)
def test_a_base_that_is_missing_or_no_name_is_said_to_be(server: Server, base: str, expected: int) -> None:
    wire = request(pureldap.LDAPSearchRequest(baseObject=base, filter=pureldap.LDAPFilter_present("cn")))
    assert talk(server, wire, read_s=0.3)[9:10] == bytes([expected])


def test_compare_says_true_false_or_no_such_attribute(server: Server, sample: dict[str, Any]) -> None:
    client = connection(server)
    mail = sample["attributes"]["mail"][0]
    assert client.compare(sample["dn"], "mail", mail.upper()) is True
    assert client.compare(sample["dn"], "mail", "x@y.fr") is False
    client.compare(sample["dn"], "mobile", "1")
    assert client.result["result"] in (16, 5)


def test_who_am_i_is_nobody(server: Server) -> None:
    assert connection(server).extend.standard.who_am_i() is None


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        (pureldap.LDAPBindRequest(version=3), 0),
        (pureldap.LDAPBindRequest(version=2), 0),
        (pureldap.LDAPBindRequest(version=4), 2),
        (pureldap.LDAPBindRequest(version=3, dn="cn=x", auth=b""), 53),
        (pureldap.LDAPBindRequest(version=3, dn="cn=x", auth=b"secret"), 49),
        (pureldap.LDAPBindRequest(version=3, sasl=True, auth=(b"GSSAPI", b"")), 7),
    ],
    ids=["v3", "v2", "v4", "name without password", "wrong password", "SASL"],
)
def test_a_bind_is_answered_by_the_book(server: Server, bind: Any, expected: int) -> None:
    assert talk(server, request(bind), read_s=0.3)[9:10] == bytes([expected])


def test_writes_are_refused(server: Server, sample: dict[str, Any]) -> None:
    client = connection(server)
    assert not client.delete(sample["dn"])
    assert client.result["result"] == 53
    assert not client.add("mail=a@b.fr," + BASE, "person", {"sn": "x", "cn": "x"})
    assert client.result["result"] == 53


def test_an_unknown_critical_control_is_refused_and_another_ignored(server: Server) -> None:
    assert code(server, controls=[("1.2.3.4", True, b"x")]) == 12
    assert code(server, controls=[("1.2.3.4", False, b"x")]) == 0
    assert code(server, controls=[("2.16.840.1.113730.3.4.2", True, None)]) == 0


def test_paged_results_partition_the_whole(server: Server) -> None:
    client = connection(server)
    pages = client.extend.standard.paged_search(BASE, "(mail=*)", attributes=["1.1"], paged_size=9, generator=False)
    names = [entry["dn"] for entry in pages]
    assert sorted(names) == sorted(found(server, "(mail=*)"))


def test_a_foreign_cookie_is_refused(server: Server) -> None:
    client = connection(server)
    client.search(BASE, "(mail=*)", paged_size=3, paged_cookie=b"forged")
    assert client.result["result"] == 53
    client.search(BASE, "(mail=*)", paged_size=3)
    cookie = client.result["controls"][controls.PAGED_RESULTS]["value"]["cookie"]
    client.search(BASE, "(sn=*)", paged_size=3, paged_cookie=cookie)
    assert client.result["result"] == 53


def test_a_critical_sort_is_obeyed(server: Server) -> None:
    from ldap3.protocol.rfc4511 import Control  # noqa: F401 - ldap3 has no sort control of its own: made by hand

    key = messages.tlv(0x30, messages.tlv(0x30, messages.tlv(4, b"cn") + messages.tlv(0x80, b"2.5.13.3")))
    client = connection(server)
    client.search(BASE, "(mail=*)", attributes=["cn"], controls=[(controls.SORT_REQUEST, True, key)])
    assert client.result["result"] == 0
    assert controls.SORT_RESPONSE in client.result["controls"]


def test_an_abandoned_search_is_not_answered_and_the_next_one_is(server: Server) -> None:
    wire = search(message_id=2) + request(pureldap.LDAPAbandonRequest(id=2), 3) + search(message_id=4)
    got = talk(server, wire, read_s=0.5)
    assert b"\x02\x01\x02" not in got
    assert b"\x02\x01\x04" in got


def test_abandoning_what_is_finished_is_silent(server: Server) -> None:
    assert talk(server, request(pureldap.LDAPAbandonRequest(id=77), 3), read_s=0.3) == b""


def test_unbind_closes_at_once(server: Server) -> None:
    began = time.monotonic()
    assert talk(server, request(pureldap.LDAPUnbindRequest()), read_s=5) == b""
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("garbage", [b"\x30\x00", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1"])
def test_garbage_gets_a_notice_of_disconnection(server: Server, garbage: bytes) -> None:
    got = talk(server, garbage, read_s=5)
    assert messages.NOTICE_OF_DISCONNECTION.encode() in got
    assert b"\x02\x01\x00" in got[:8]


def test_a_request_dribbled_byte_by_byte_is_answered(server: Server) -> None:
    wire = search(sizeLimit=1)
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in wire:
            client.sendall(bytes([byte]))
        assert client.recv(65536)[:1] == b"\x30"


def test_an_empty_connection_is_no_error(server: Server) -> None:
    server.connect().close()
    assert found(server, "(sn=martin)") != []


def test_a_filter_too_deep_is_code_11_and_the_connection_goes_on(server: Server) -> None:
    deep: Any = pureldap.LDAPFilter_present("cn")
    for _ in range(30):
        deep = pureldap.LDAPFilter_not(deep)
    got = talk(server, search(deep, 1) + search(message_id=2, sizeLimit=1), read_s=0.5)
    assert got[9:10] == bytes([11])
    assert b"\x02\x01\x02" in got


@pytest.fixture
def strict(indexed: Path) -> Iterator[Server]:
    yield from serving(
        indexed,
        LDAP_MESSAGE_BYTES="2048",
        LDAP_CONNECTIONS_PER_ADDRESS="3",
        LDAP_IDLE_S="0.6",
        LDAP_FIRST_MESSAGE_S="0.3",
        LDAP_PENDING="2",
    )


def test_a_message_over_the_limit_is_refused_before_it_has_arrived(strict: Server) -> None:
    assert messages.NOTICE_OF_DISCONNECTION.encode() in talk(strict, b"\x30\x82\x10\x00", read_s=3)


def test_a_client_that_says_nothing_is_closed(strict: Server) -> None:
    assert messages.NOTICE_OF_DISCONNECTION.encode() in talk(strict, b"", read_s=5)


def test_a_client_that_falls_silent_is_closed(strict: Server) -> None:
    assert messages.NOTICE_OF_DISCONNECTION.encode() in talk(strict, search(sizeLimit=1), read_s=5)


def test_connections_from_one_address_are_limited(strict: Server) -> None:
    held = [strict.connect() for _ in range(3)]
    time.sleep(0.1)
    assert messages.NOTICE_OF_DISCONNECTION.encode() in talk(strict, search(), read_s=3)
    for client in held:
        client.close()


def test_more_requests_than_may_wait_are_all_answered_in_order(strict: Server) -> None:
    wires = b"".join(search(message_id=number, sizeLimit=1) for number in range(1, 31))
    got = talk(strict, wires, read_s=0.5)
    done = [match[0] for match in re.findall(rb"\x02\x01(.)\x65", got, re.DOTALL)]
    assert done == list(range(1, 31))


def test_a_server_without_an_index_says_unavailable(tmp_path: Path) -> None:
    for server in serving(tmp_path):
        assert code(server) == 52


@pytest.mark.parametrize("script", ["contract_pythonldap", "contract_ldap3", "client_profiles"])
def test_real_clients_find_what_they_look_for(server: Server, sample: dict[str, Any], script: str) -> None:
    path = SHARED / "clients" / f"{script}.py"
    if not path.exists():
        pytest.skip("the client scripts (../shared/clients) are not here")
    if script != "contract_ldap3":
        pytest.importorskip("ldap", reason="python-ldap is not installed")
    environ = {**os.environ, "LDAP_URI": server.url, "BASE": BASE, "SAMPLE_MAIL": sample["attributes"]["mail"][0]}
    done = subprocess.run(
        [sys.executable, str(path)], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
