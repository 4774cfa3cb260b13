"""Abandon and Cancel, and what the end of a conversation does to what waits: without a network (RFC 3909, RFC 4511)."""

from __future__ import annotations

import pytest
from ldaptor.protocols import pureldap

from ldap_server import messages
from ldap_server.ber import SEQUENCE
from ldap_server.messages import Control, integer, tlv
from tests.interpreted import interpreted
from tests.ldap_server.test_turns import BIND, House, Wire, abandon, search
from tests.ldap_server.wire import Reply, replies, request

pytestmark = interpreted


def cancel(number: int, value: bytes | None = None) -> bytes:
    """A Cancel, message 50, of an operation."""
    asked = tlv(SEQUENCE, integer(number)) if value is None else value
    return request(pureldap.LDAPExtendedRequest(requestName=messages.CANCEL, requestValue=asked), 50)


def who_am_i(number: int) -> bytes:
    return request(pureldap.LDAPExtendedRequest(requestName=messages.WHO_AM_I), number)


@pytest.fixture
def house() -> House:
    return House()


def codes(wire: Wire) -> dict[int, int]:
    return {reply.message_id: reply.code for reply in replies(wire.sent)}


def test_a_cancelled_search_says_so_and_so_does_the_cancel(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(search(1, "1000") + search(2))
    client.dataReceived(cancel(1))
    assert codes(wire) == {1: messages.CANCELED, 50: messages.SUCCESS}
    for _ in range(3):
        house.turn()
    assert codes(wire) == {1: 118, 50: 0, 2: 0}
    assert house.searcher.given_up == [1]


def test_a_search_that_waits_is_cancelled_and_the_one_under_way_goes_on(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(search(1, "2") + search(2) + search(3))
    client.dataReceived(cancel(2))
    for _ in range(4):
        house.turn()
    assert codes(wire) == {2: 118, 50: 0, 1: 0, 3: 0}


def test_an_operation_that_is_unknown_or_finished_cannot_be_cancelled(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(search(1))
    client.dataReceived(cancel(1))
    assert codes(wire) == {1: 0, 50: messages.NO_SUCH_OPERATION}


def test_what_is_no_request_cannot_be_cancelled_and_ends_the_conversation(house: House) -> None:
    client, wire = house.client()
    response = messages.result(2, messages.SEARCH_DONE, 0)
    client.dataReceived(search(1) + response + cancel(2))
    house.turn()
    assert codes(wire) == {1: 0, 0: messages.PROTOCOL_ERROR}
    assert wire.closing


def test_it_is_too_late_when_the_answer_is_leaving(house: House) -> None:
    client, wire = house.client(room=5)
    client.dataReceived(search(1))
    wire.room = 1 << 20
    client.dataReceived(cancel(1))
    wire.drain()
    assert codes(wire) == {1: 0, 50: messages.TOO_LATE}


@pytest.mark.parametrize("operation", [BIND.replace(b"\x02\x01\x01\x60", b"\x02\x01\x07\x60"), who_am_i(7)])
def test_what_changes_who_asks_and_what_is_short_cannot_be_cancelled(house: House, operation: bytes) -> None:
    client, wire = house.client(room=5)
    client.dataReceived(search(1))  # the client does not read its answer: what follows waits
    client.dataReceived(operation)
    client.dataReceived(cancel(7))
    wire.room = 1 << 20
    wire.drain()
    house.turn()
    assert codes(wire) == {1: 0, 50: messages.CANNOT_CANCEL, 7: 0}


@pytest.mark.parametrize("value", [b"", b"junk", b"\x30\x00"])
def test_a_cancel_of_nothing_is_a_protocol_error(house: House, value: bytes) -> None:
    client, wire = house.client()
    client.dataReceived(cancel(0, value))
    assert codes(wire) == {50: 2}


def test_what_follows_an_unbind_is_not_answered(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(request(pureldap.LDAPUnbindRequest(), 6) + BIND + cancel(1) + search(2))
    house.turn()
    assert wire.sent == b""


def test_an_unknown_critical_control_on_a_cancel_is_refused(house: House) -> None:
    client, wire = house.client()
    asked = pureldap.LDAPExtendedRequest(requestName=messages.CANCEL, requestValue=tlv(SEQUENCE, integer(1)))
    client.dataReceived(search(1, "1000") + request(asked, 50, [Control("1.2.3", True, None)]))
    assert codes(wire) == {50: 12}


def test_a_bind_cannot_be_abandoned(house: House) -> None:
    client, wire = house.client(room=5)
    client.dataReceived(search(9))
    client.dataReceived(BIND)
    client.dataReceived(abandon(1))
    wire.room = 1 << 20
    wire.drain()
    house.turn()
    assert codes(wire) == {9: 0, 1: 0}


def test_what_came_before_bytes_that_cannot_be_made_out_is_answered(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(search(1, "2") + search(2) + b"GET / HTTP/1.1")
    assert (wire.paused, wire.closing) == (True, False)
    for _ in range(4):
        house.turn()
    found: list[Reply] = replies(wire.sent)
    assert [(reply.message_id, reply.code) for reply in found] == [(1, 0), (2, 0), (0, 2)]
    assert wire.closing
