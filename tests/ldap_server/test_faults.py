"""Every row of the table of faults of other servers, over a real socket.

Each is sent in one segment, byte by byte, and cut in two at every byte: the replies are the same.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ldaptor.protocols import pureldap

from ldap_server import controls, messages
from ldap_server.ber import SEQUENCE
from ldap_server.messages import Control, integer, tlv
from tests.interpreted import interpreted
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.people import PEOPLE
from tests.ldap_server.wire import BASE, Reply, Talk, filter_of, replies, request, search

LAST = 127  # the message id of a "Who am I?" behind each exchange that the server does not end
_AT_ONCE = 64  # connections that are open together
_ALL_CUTS = 300  # longer exchanges are cut at this many places, evenly spread


def results(found: Sequence[Reply]) -> list[tuple[int, int]]:
    """The ids and codes of the results, without that of the last request."""
    return [
        (reply.message_id, reply.code)
        for reply in found
        if reply.operation != messages.SEARCH_ENTRY and reply.message_id != LAST
    ]


def entries(found: Sequence[Reply]) -> list[Reply]:
    return [reply for reply in found if reply.operation == messages.SEARCH_ENTRY]


def comes_to(*wanted: tuple[int, int]) -> Callable[[Sequence[Reply]], None]:
    def check(found: Sequence[Reply]) -> None:
        assert results(found) == list(wanted)

    return check


def sends(count: int, code: int = 0) -> Callable[[Sequence[Reply]], None]:
    def check(found: Sequence[Reply]) -> None:
        assert (len(entries(found)), results(found)) == (count, [(1, code)])

    return check


def sends_attributes(*names: str, empty: bool = False) -> Callable[[Sequence[Reply]], None]:
    def check(found: Sequence[Reply]) -> None:
        (entry,) = entries(found)
        assert set(entry.attributes) == set(names)
        assert all(bool(values) != empty for values in entry.attributes.values())

    return check


def shows_the_root(found: Sequence[Reply]) -> None:
    (entry,) = entries(found)
    shown = entry.attributes
    assert shown["namingContexts"] == ["o=mssante,c=fr"]
    assert shown["subschemaSubentry"] == ["cn=Subschema"]
    assert shown["supportedLDAPVersion"] == ["2", "3"]
    assert set(controls.SUPPORTED) == set(shown["supportedControl"])
    assert {messages.WHO_AM_I, messages.CANCEL} <= set(shown["supportedExtension"])
    assert len(shown["supportedFeatures"]) == 3


def closes_after(*wanted: tuple[int, int]) -> Callable[[Sequence[Reply]], None]:
    """A Notice of Disconnection is a response of id 0 (RFC 4511 section 4.4.1)."""
    return comes_to(*wanted)


@dataclass(frozen=True)
class Row:
    """What is sent, and what has to come of it; `ends` says that the server closes the connection by itself."""

    name: str
    sent: bytes
    check: Callable[[Sequence[Reply]], None]
    ends: bool = False


NAME = f"mail={PEOPLE[0].address},{BASE}"
USER = {"objectClass", "mail", "cn", "sn", "displayName"}  # that every entry has
OPERATIONAL = ("entryUUID", "createTimestamp", "modifyTimestamp", "entryDN", "structuralObjectClass",
               "subschemaSubentry", "hasSubordinates")  # fmt: skip


def nested(depth: int) -> bytes:
    content = b"\x87\x02cn"
    for _ in range(depth):
        content = tlv(0xA2, content)
    return raw_search(content)


def raw_search(filter_: bytes, base: bytes = BASE.encode(), message_id: int = 1) -> bytes:
    body = tlv(4, base) + b"\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00" + filter_ + b"\x30\x00"
    return tlv(SEQUENCE, integer(message_id) + tlv(0x63, body))


def paged(size: int, cookie: bytes = b"") -> Control:
    return Control(controls.PAGED_RESULTS, True, tlv(SEQUENCE, integer(size) + tlv(4, cookie)))


def bind(version: int = 3, name: str = "", password: bytes = b"", message_id: int = 1, **more: Any) -> bytes:
    return request(pureldap.LDAPBindRequest(version=version, dn=name, auth=password, **more), message_id)


def compare(attribute: str, value: str, message_id: int = 1) -> bytes:
    assertion = pureldap.LDAPAttributeValueAssertion(
        pureldap.LDAPAttributeDescription(attribute), pureldap.LDAPAssertionValue(value)
    )
    return request(pureldap.LDAPCompareRequest(entry=NAME, ava=assertion), message_id)


def extended(oid: str, message_id: int = 1) -> bytes:
    return request(pureldap.LDAPExtendedRequest(requestName=oid), message_id)


def finds_some(found: Sequence[Reply]) -> None:
    assert entries(found)
    assert results(found) == [(1, 0)]


def has_user_attributes(found: Sequence[Reply]) -> None:
    (entry,) = entries(found)
    assert set(entry.attributes) >= USER
    assert not set(entry.attributes) & set(OPERATIONAL)


ROWS = [
    Row("root DSE, filter in lower case",
        search(filter_of("(objectclass=*)"), baseObject="", scope=0, attributes=[]), shows_the_root),
    Row("size limit", search(sizeLimit=2), sends(2, 4)),
    Row("types only", search(typesOnly=1, sizeLimit=1, attributes=["mail", "cn"]),
        sends_attributes("mail", "cn", empty=True)),
    Row("attributes 1.1", search(sizeLimit=1, attributes=["1.1"]), sends_attributes()),
    Row("attributes *", search(sizeLimit=1, attributes=["*"]), has_user_attributes),
    Row("attributes +", search(sizeLimit=1, attributes=["+"]), sends_attributes(*OPERATIONAL)),
    Row("attributes, none named", search(sizeLimit=1, attributes=[]), has_user_attributes),
    Row("attribute names in another case",
        search(sizeLimit=1, attributes=["MAIL", "CommonName"]), sends_attributes("mail", "cn")),
    Row("attributes of a class", search(filter_of("(TypeBAL=PER)"), sizeLimit=1, attributes=["@person", "mail"]),
        sends_attributes("objectClass", "cn", "sn", "mail")),
    Row("abandon", request(pureldap.LDAPAbandonRequest(id=77), 5), comes_to()),
    Row("unknown critical control", search(controls=[Control("1.2.3.4", True, b"x")]), sends(0, 12)),
    Row("unknown non-critical control", search(controls=[Control("1.2.3.4", False, None)]), sends(len(PEOPLE))),
    Row("page size 0", search(controls=[paged(0)]), sends(len(PEOPLE))),
    Row("foreign cookie", search(controls=[paged(5, b"of another server")]), sends(0, 53)),
    Row("stale cookie", search(controls=[paged(5, b"\x00" * 20)]), sends(0, 53)),
    Row("negation of the unknown", search(filter_of("(!(unknown=x))")), sends(0)),
    Row("absolute true", search(pureldap.LDAPFilter_and([])), sends(len(PEOPLE))),
    Row("absolute false", search(pureldap.LDAPFilter_or([])), sends(0)),
    Row("approximate match", search(filter_of("(sn~=lefevre)")),
        finds_some),
    Row("a base that is no name", search(baseObject="no name"), sends(0, 34)),
    Row("version 2", bind(version=2), comes_to((1, 0))),
    Row("version 3", bind(), comes_to((1, 0))),
    Row("version 4", bind(version=4), comes_to((1, 2))),
    Row("a name with an empty password", bind(name="cn=x"), comes_to((1, 53))),
    Row("a name with a wrong password", bind(name="cn=x", password=b"secret"), comes_to((1, 49))),
    Row("who am I", extended(messages.WHO_AM_I), comes_to((1, 0))),
    Row("an unknown extended operation", extended("1.2.3.4"), comes_to((1, 2))),
    Row("a write", request(pureldap.LDAPDelRequest(NAME)), comes_to((1, 53))),
    Row("compare", compare("TypeBAL", PEOPLE[0].kind) + compare("TypeBAL", "x", 2) + compare("mobile", "1", 3),
        comes_to((1, 6), (2, 5), (3, 16))),
    Row("several requests in one segment",
        b"".join(search(message_id=number, sizeLimit=1) for number in range(1, 6)),
        comes_to(*((number, 4) for number in range(1, 6)))),
    Row("a request of 1,400 bytes", search(filter_of("(mail=" + "x" * 1300 + ")")), sends(0)),
    Row("an empty sequence", b"\x30\x00", closes_after((0, 2)), ends=True),
    Row("a ClientHello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1", closes_after((0, 2)), ends=True),
    Row("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", closes_after((0, 2)), ends=True),
    Row("a request, then garbage", search(sizeLimit=1) + b"\x00\x00", closes_after((1, 4), (0, 2)), ends=True),
    Row("2 GiB announced", b"\x30\x84\x80\x00\x00\x00", closes_after((0, 11)), ends=True),
    Row("a length of five octets", b"\x30\x85\x00\x00\x00\x00\x05", closes_after((0, 2)), ends=True),
    Row("an indefinite length", b"\x30\x80\x02\x01\x01\x00\x00", closes_after((0, 2)), ends=True),
    Row("1,000 nested negations (CVE-2020-12243)", nested(1000), sends(0, 11)),
    Row("10,000 terms in one OR", raw_search(tlv(0xA1, b"\x87\x02cn" * 10_000)), sends(0, 11)),
    Row("50,000 terms in one OR", raw_search(tlv(0xA1, b"\x87\x02cn" * 50_000))[:5], closes_after((0, 11)), ends=True),
    Row("a name of 15,000 parts (CVE-2026-16560)",
        raw_search(b"\x87\x02cn", base=b",".join([b"a=b"] * 15_000)), sends(0, 34)),
    Row("a name of one huge part", raw_search(b"\x87\x02cn", base=b"cn=" + b"\\," * 20_000), sends(0, 34)),
    Row("substrings of nothing (389-ds #7681)", raw_search(tlv(0xA4, tlv(4, b"cn") + tlv(0x30, b""))), sends(0)),
    Row("substrings all of them empty",
        raw_search(tlv(0xA4, tlv(4, b"cn") + tlv(0x30, tlv(0x80, b"") + tlv(0x81, b"") * 200 + tlv(0x82, b"")))),
        comes_to((1, 0))),
    Row("a substring of 30,000 letters",
        raw_search(tlv(0xA4, tlv(4, b"cn") + tlv(0x30, tlv(0x81, b"a" * 30_000)))), sends(0)),
    Row("substrings out of order",
        raw_search(tlv(0xA4, tlv(4, b"cn") + tlv(0x30, tlv(0x82, b"a") + tlv(0x80, b"b")))),
        closes_after((0, 2)), ends=True),
    Row("11 controls (CVE-2026-9064)", search(controls=[Control("1.2.3", False, None)] * 11), closes_after((0, 2)),
        ends=True),
    Row("a filter cut short (GHSA-qcxq-75wr-5cm8)", raw_search(b"\xa3\x05\x04\x02cn\x04"), closes_after((0, 2)),
        ends=True),
    Row("a filter of an unknown kind", raw_search(tlv(0xAF, b"x")), sends(0)),
    Row("a search without a filter", raw_search(b""), closes_after((0, 2)), ends=True),
    Row("an operation that there is none of", tlv(SEQUENCE, integer(1) + tlv(0x7E, b"")), closes_after((0, 2)),
        ends=True),
    Row("a request with id 0", search(message_id=0), closes_after((0, 2)), ends=True),
]  # fmt: skip


# -- ways to send ------------------------------------------------------------------------------------------------------


def connected(server: Server) -> socket.socket:
    client = server.connect()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def heard(client: socket.socket, *, ends: bool) -> list[Reply]:
    """The replies up to the last one, or until the server closes."""
    got = b""
    final = tlv(messages.EXTENDED_RESPONSE, b"\x0a\x01\x00\x04\x00\x04\x00\x8b\x00")
    last = tlv(SEQUENCE, integer(LAST) + final)
    while ends or not got.endswith(last):
        data = client.recv(65536)
        if not data:
            assert ends, "the server has closed"
            break
        got += data
    client.close()
    return replies(got)


def exchanged(server: Server, row: Row, cuts: Sequence[int]) -> list[list[Reply]]:
    """What is replied when the bytes are cut in two at each of some places, on a connection each."""
    sent = row.sent if row.ends else row.sent + extended(messages.WHO_AM_I, LAST)
    found = []
    for start in range(0, len(cuts), _AT_ONCE):
        together = [(connected(server), cut) for cut in cuts[start : start + _AT_ONCE]]
        for client, cut in together:
            client.sendall(sent[:cut])
        time.sleep(0.02)  # for the server to see the first parts without the second ones
        for client, cut in together:
            try:
                client.sendall(sent[cut:])
            except (BrokenPipeError, ConnectionResetError):
                assert row.ends
        found += [heard(client, ends=row.ends) for client, _ in together]
    return found


def dribbled(server: Server, row: Row) -> list[Reply]:
    sent = row.sent if row.ends else row.sent + extended(messages.WHO_AM_I, LAST)
    with connected(server) as client:
        try:
            for at in range(len(sent)):
                client.sendall(sent[at : at + 1])
        except (BrokenPipeError, ConnectionResetError):
            assert row.ends
        return heard(client, ends=row.ends)


def cuts_of(size: int) -> list[int]:
    return (
        sorted({round(size * number / _ALL_CUTS) for number in range(1, _ALL_CUTS)} - {0, size})
        if size > _ALL_CUTS
        else list(range(1, size))
    )


@pytest.fixture(scope="module")
def roomy(indexed: Path) -> Iterator[Server]:
    yield from serving(
        indexed,
        LDAP_CONNECTIONS_PER_ADDRESS="2000",
        PASSWORD_FAILURES_PER_ACCOUNT="2000",
        PASSWORD_FAILURES_PER_ADDRESS="2000",
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_fault_of_others_is_none_of_ours_however_the_bytes_arrive(roomy: Server, row: Row) -> None:
    (whole,) = exchanged(roomy, row, [len(row.sent)])
    row.check(whole)
    for found in exchanged(roomy, row, cuts_of(len(row.sent))):
        assert found == whole
    if len(row.sent) < 20_000:
        assert dribbled(roomy, row) == whole


def test_a_bind_while_operations_run_abandons_them(roomy: Server) -> None:
    found = exchanged(
        roomy, Row("", search(message_id=1) + search(message_id=2) + bind(message_id=3), comes_to()), [200]
    )[0]
    assert (3, 0) in results(found)


def test_unbind_closes_at_once_and_says_nothing(roomy: Server) -> None:
    unbind = request(pureldap.LDAPUnbindRequest(), 1)
    for found in exchanged(roomy, Row("", unbind, comes_to(), ends=True), range(1, len(unbind) + 1)):
        assert found == []


@interpreted
def test_a_handler_that_raises_gives_a_reference_and_nothing_else(indexed: Path) -> None:
    before = (
        "from ldap_server.searching import Searcher\n"
        "def raising(*_): raise RuntimeError('the secret of the house')\n"
        "Searcher.search = raising\n"
    )
    for server in serving(indexed, before=before):
        with Talk(server) as talk:
            found, done = talk.search()
            assert (found, done.code) == ([], 80)
            assert done.text.startswith("internal error, reference ")
            assert "secret" not in done.text
            assert len(done.text) < 60
            assert talk.ask(lambda number: extended(messages.WHO_AM_I, number))[-1].code == 0  # goes on


@interpreted
def test_a_search_past_its_time_limit_says_so(indexed: Path) -> None:
    before = (
        "from directory.errors import TimeLimitExceeded\n"
        "from directory.index.choice import Choice\n"
        "def late(*_): raise TimeLimitExceeded('the search took longer than its time limit')\n"
        "Choice.go_on = late\n"
    )
    for server in serving(indexed, before=before):
        with Talk(server) as talk:
            found, done = talk.search(timeLimit=1)
    assert (found, done.code) == ([], messages.TIME_LIMIT)
