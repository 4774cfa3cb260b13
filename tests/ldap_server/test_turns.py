"""How operations take turns, and what a client that is slow to speak or to read may keep: without a network."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ldaptor.protocols import pureldap

from directory.callers.caller import Caller
from directory.settings import Settings
from ldap_server import messages
from ldap_server.access import AccessLog
from ldap_server.answers import Answer, Course
from ldap_server.messages import Control, Search
from ldap_server.protocol import Connection
from ldap_server.searching import Searcher
from ldap_server.sharing import Service
from ldap_server.walks import Walks

BIND = bytes.fromhex("300c020101600702010304008000")


def search(number: int, base: str = "") -> bytes:
    request = pureldap.LDAPSearchRequest(baseObject=base, filter=pureldap.LDAPFilter_present("cn"))
    return bytes(pureldap.LDAPMessage(request, id=number).toWire())


def abandon(number: int) -> bytes:
    return bytes(pureldap.LDAPMessage(pureldap.LDAPAbandonRequest(id=number), id=99).toWire())


class Wire:
    """A transport that takes a bounded number of bytes at once."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.sent = b""
        self.waiting = b""
        self.closing = self.aborted = self.paused = False
        self.producer: Any = None

    def writeSomeData(self, data: bytes) -> int:
        taken = data[: self.room]
        self.sent += taken
        return len(taken)

    def write(self, data: bytes) -> None:
        self.waiting += data

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert not streaming
        self.producer = producer
        producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self.producer = None

    def drain(self) -> None:
        """The client has read everything."""
        self.sent += self.waiting
        self.waiting = b""
        if self.producer is not None:
            self.producer.resumeProducing()

    def loseConnection(self) -> None:
        self.closing = True

    def abortConnection(self) -> None:
        self.aborted = True

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def setTcpNoDelay(self, _on: bool) -> None:
        pass

    @property
    def done(self) -> list[int]:
        """The ids of the operations that have been answered."""
        found, at = [], 0
        while at < len(self.sent):
            found.append(self.sent[at + 4])
            at += 2 + self.sent[at + 1]
        return found


class Patient(Searcher):
    """Searches that take as many turns as their base says; which ones were given up."""

    def __init__(self, walks: Walks) -> None:
        self.walks = walks
        self.turns: list[int] = []
        self.given_up: list[int] = []

    def search(
        self, message_id: bytes, search: Search, _asked: Sequence[Control] = (), _caller: Caller | None = None
    ) -> Course:
        number = message_id[-1]
        try:
            for _ in range(int(search.base or 0)):
                self.turns.append(number)
                yield None
        except GeneratorExit:
            self.given_up.append(number)
            raise
        yield Answer([], messages.SUCCESS)


class Reactor:
    """Runs in a turn what was to be done soon when it began."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def callLater(self, seconds: float, call: Callable[[], None]) -> None:
        if not seconds:
            self.soon.append(call)

    def turn(self) -> None:
        calls, self.soon = self.soon, []
        for call in calls:
            call()


class House:
    """A service without a network."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.settings = Settings()
        self.service = Service(settings=self.settings, index=None, reactor=self.reactor)  # type: ignore[arg-type]
        self.searcher = self.service.searcher = Patient(self.service.searcher.walks)

    def client(self, room: int = 1 << 20) -> tuple[Connection, Wire]:
        wire = Wire(room)
        connection = Connection(self.service, "192.0.2.1")
        connection.transport = wire  # type: ignore[assignment]
        connection.connectionMade()
        return connection, wire

    def turn(self) -> None:
        self.reactor.turn()


@pytest.fixture
def house() -> House:
    return House()


def test_a_lone_request_is_answered_at_once(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(search(5))
    assert wire.done == [5]
    assert not house.reactor.soon


def test_requests_that_come_together_are_answered_one_in_a_turn_in_order(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(b"".join(map(search, range(1, 9))))
    other, others = house.client()
    for answered in range(1, 9):
        assert wire.done == list(range(1, answered + 1))
        other.dataReceived(search(answered))
        assert len(others.done) == answered
        house.turn()


def test_a_long_search_lets_others_have_their_turn(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(search(1, "3") + search(2))
    other, others = house.client()
    other.dataReceived(search(7))
    assert (wire.done, others.done) == ([], [7])
    for _ in range(3):
        house.turn()
    assert wire.done == [1]
    house.turn()
    assert wire.done == [1, 2]
    assert house.searcher.turns == [1, 1, 1]


def test_an_abandoned_search_stops_and_the_next_one_is_answered(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(search(1, "1000") + search(2))
    house.turn()
    client.dataReceived(abandon(1))
    for _ in range(3):
        house.turn()
    assert house.searcher.given_up == [1]
    assert wire.done == [2]


def test_abandoning_another_operation_leaves_a_long_search_alone(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(search(1, "2") + search(2))
    client.dataReceived(abandon(2))
    for _ in range(4):
        house.turn()
    assert wire.done == [1]


@pytest.mark.parametrize("end", ["unbind", "bind", "loss"])
def test_a_long_search_ends_with_unbind_with_a_bind_and_with_the_connection(house: House, end: str) -> None:
    client, wire = house.client()
    client.dataReceived(search(1, "1000"))
    if end == "unbind":
        client.dataReceived(bytes(pureldap.LDAPMessage(pureldap.LDAPUnbindRequest(), id=2).toWire()))
        assert wire.closing
    elif end == "bind":
        client.dataReceived(BIND)
    else:
        client.connectionLost()
    house.turn()
    assert house.searcher.given_up == [1]
    house.turn()
    assert wire.done == ([1] if end == "bind" else [])  # the id of the bind


def test_reading_stops_while_too_many_requests_wait(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(b"".join(map(search, range(1, 20))))
    paused = [wire.paused]
    while not wire.done or wire.done[-1] < 19:
        house.turn()
        paused.append(wire.paused)
    assert (paused[0], paused[-1]) == (True, False)
    assert wire.done == list(range(1, 20))


def test_nothing_more_is_answered_to_a_client_that_does_not_read_until_it_does(house: House) -> None:
    client, wire = house.client(room=5)
    client.dataReceived(search(1) + search(2))
    house.turn()
    house.turn()
    assert (len(wire.sent), wire.waiting.count(b"\x02\x01\x02")) == (5, 0)
    wire.room = 1 << 20
    wire.drain()
    house.turn()
    assert wire.done == [1, 2]


@pytest.mark.parametrize(("late_s", "cut_off"), [(-1, False), (1, True)])
def test_a_client_that_does_not_read_is_cut_off(house: House, late_s: float, cut_off: bool) -> None:
    client, wire = house.client(room=5)
    client.dataReceived(search(1))
    client.look_at(time.monotonic() + house.settings.ldap_write_stall_s + late_s)
    assert wire.aborted == cut_off


def test_a_client_that_does_not_read_why_it_is_closed_is_cut_off(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(b"GET /")
    assert wire.closing
    client.look_at(time.monotonic() + house.settings.ldap_write_stall_s + 1)
    assert wire.aborted


@pytest.mark.parametrize(("late_s", "closed"), [(-1, False), (1, True)])
def test_the_first_message_may_not_be_long_in_coming(house: House, late_s: float, closed: bool) -> None:
    client, wire = house.client()
    client.look_at(time.monotonic() + house.settings.ldap_first_message_s + late_s)
    assert wire.closing == closed


def test_a_message_that_is_dribbled_may_not_be_long_in_coming_either(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(search(1) + search(2)[:5])
    client.dataReceived(search(2)[5:6])
    client.look_at(time.monotonic() + house.settings.ldap_first_message_s + 1)
    assert wire.closing


@pytest.mark.parametrize(("late_s", "closed"), [(-1, False), (1, True)])
def test_silence_is_borne_longer_between_messages(house: House, late_s: float, closed: bool) -> None:
    client, wire = house.client()
    client.dataReceived(search(1))
    client.look_at(time.monotonic() + house.settings.ldap_idle_s + late_s)
    assert wire.closing == closed


def test_a_client_that_waits_for_its_answer_is_not_silent(house: House) -> None:
    client, wire = house.client()
    client.dataReceived(search(2, "1000"))
    client.look_at(time.monotonic() + house.settings.ldap_idle_s + 1)
    assert not wire.closing


def test_a_service_that_stops_finishes_what_is_under_way(house: House) -> None:
    client, wire = house.client()
    idle, idle_wire = house.client()
    client.dataReceived(search(1, "2"))
    house.service.stopping = True
    client.drain()
    idle.drain()
    assert (wire.closing, idle_wire.closing) == (False, True)
    house.turn()
    house.turn()
    assert (wire.done, wire.closing) == ([1], True)


def test_the_access_log_has_a_line_for_each_operation(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "annuaire.ldap.access")
    lines = io.StringIO()
    house.service.access = AccessLog(lines)
    monkeypatch.setattr("time.time", lambda: 1_768_446_900.25)
    client, _ = house.client()
    client.dataReceived(BIND)
    client.dataReceived(search(2))
    assert lines.getvalue() == ""
    house.service.sweep()
    first, second = lines.getvalue().splitlines()
    assert first.startswith("2026-01-15T03:15:00.250Z INFO annuaire.ldap.access[")
    assert first.endswith("] bind client=192.0.2.1 code=0 entries=0")
    assert second.endswith("] search client=192.0.2.1 code=0 entries=0")


def test_the_access_log_is_left_out_above_its_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "annuaire.ldap.access")
    lines = io.StringIO()
    log = AccessLog(lines)
    log.note("search", "192.0.2.1", 0, 0)
    log.flush()
    assert lines.getvalue() == ""
