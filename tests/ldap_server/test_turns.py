"""How operations take turns, and what a client that is slow to speak or to read may keep: without a network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from ldaptor.protocols import pureldap

from directory.callers.caller import Caller, CallerClass
from directory.index.reader import Index
from directory.settings import Settings
from ldap_server import messages
from ldap_server.answers import Answer, Course
from ldap_server.messages import Control, Search
from ldap_server.protocol import Connection
from ldap_server.searching import Searcher
from ldap_server.sharing import Service
from ldap_server.turns import Share, Turns
from ldap_server.walks import Walks
from tests.interpreted import interpreted

pytestmark = interpreted

BIND = bytes.fromhex("300c020101600702010304008000")
FAILED_BIND = bytes(pureldap.LDAPMessage(pureldap.LDAPBindRequest(dn="cn=x", auth="wrong"), id=1).toWire())
WRITE = bytes(pureldap.LDAPMessage(pureldap.LDAPDelRequest("mail=x,o=mssante,c=fr"), id=1).toWire())


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

    def getHandle(self) -> Wire:
        """Its own socket."""
        return self

    def send(self, data: bytes) -> int:
        if not self.room:
            raise BlockingIOError
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


class Patient:
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


class Clock:
    """Each turn takes as long as is worked at a stretch, so that there is one in a turn of the reactor."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.005
        return self.now


class House:
    """A service without a network."""

    def __init__(self, **settings: Any) -> None:
        self.reactor = Reactor()
        self.settings = Settings(**settings)
        not_built = Index.open(Path("/no index is here"), map_bytes=2**20)
        self.service = Service(settings=self.settings, index=not_built, reactor=self.reactor)
        self.service.turns = Turns(self.reactor, Clock())
        self.searcher = Patient(self.service.searcher.walks)
        self.service.searcher = cast(Searcher, self.searcher)

    def client(self, address: str = "192.0.2.1", room: int = 1 << 20) -> tuple[Connection, Wire]:
        wire = Wire(room)
        connection = Connection(self.service, address)
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
    for answered in range(1, 9):
        assert wire.done == list(range(1, answered + 1))
        house.turn()


def test_who_has_had_little_is_answered_before_who_has_had_much(house: House) -> None:
    """A client that walks page after page, many asked for at once, keeps nobody's lookup waiting for a second turn."""
    busy, pages = house.client("192.0.2.1")
    busy.dataReceived(b"".join(search(number, "2") for number in range(1, 9)))
    for _ in range(5):
        house.turn()
    for number in range(10):
        other, lookups = house.client(f"192.0.2.{100 + number}")
        other.dataReceived(search(7))
        house.turn()
        assert lookups.done == [7]
    answered = len(pages.done)
    for _ in range(30):
        house.turn()
    assert answered < 8
    assert len(pages.done) == 8


def test_many_connections_of_one_client_get_no_more_than_one_of_another(house: House) -> None:
    crowd = [house.client("192.0.2.1") for _ in range(10)]
    alone, answers = house.client("192.0.2.2")
    for client, _ in crowd:
        client.dataReceived(search(1, "1") + search(2, "1"))
    alone.dataReceived(b"".join(search(number) for number in range(1, 10)))
    while len(answers.done) < 9:
        house.turn()
    assert sum(len(wire.done) for _, wire in crowd) < 20


def test_a_lookup_does_not_wait_for_the_costly_searches_of_hundreds_of_new_clients(house: House) -> None:
    crowd = [house.client(f"192.0.2.{number}") for number in range(1, 101)]
    for client, _ in crowd:
        client.dataReceived(search(1, "20"))
    for _ in range(100):
        house.turn()  # each has been looked at
    lookup, answers = house.client("198.51.100.1")
    lookup.dataReceived(search(7))
    house.turn()
    assert answers.done == [7]
    assert not any(wire.done for _, wire in crowd)


def test_what_goes_on_has_its_turns_however_much_begins(house: House) -> None:
    client, wire = house.client("192.0.2.1")
    client.dataReceived(search(1, "5"))
    for number in range(6):
        for other in range(10):
            house.client(f"198.51.100.{10 * number + other}")[0].dataReceived(search(2) + search(3))
        house.turn()
    assert wire.done == [1]


def test_equals_take_turns(house: House) -> None:
    clients = [house.client(f"192.0.2.{number}") for number in range(1, 4)]
    for client, _ in clients:
        client.dataReceived(b"".join(search(number) for number in range(1, 6)))
    for _ in range(6):
        house.turn()
    counts = [len(wire.done) for _, wire in clients]
    assert max(counts) - min(counts) <= 1


def test_what_was_had_long_ago_counts_no_more(house: House) -> None:
    share = Share()
    share.add(1.0, now=10.0)
    assert share.had(11.0) == pytest.approx(0.5)
    share.add(0.1, now=11.0)
    assert share.had(12.0) == pytest.approx(0.3)
    assert share.had(60.0) < 1e-9


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


def test_however_many_requests_come_at_once_few_are_looked_at(house: House) -> None:
    client, wire = house.client(room=0)
    client.dataReceived(search(1))
    client.dataReceived(b"".join(search(number % 128) for number in range(2, 5000)))
    assert wire.paused
    assert len(client._queue) == house.settings.ldap_pending


def test_reading_stops_while_the_requests_that_wait_are_large() -> None:
    house = House(ldap_message_bytes=1024)
    client, wire = house.client(room=0)
    client.dataReceived(search(1))
    for number in range(2, 4):
        assert not wire.paused
        client.dataReceived(search(number, "0" * 500))
    assert wire.paused
    wire.room = 1 << 20
    wire.drain()
    for _ in range(5):
        house.turn()
    assert (wire.done, wire.paused) == ([1, 2, 3], False)


@pytest.mark.parametrize("known", [False, True])
def test_an_account_may_send_larger_messages_than_anybody(house: House, known: bool) -> None:
    client, wire = house.client()
    if known:
        vouched = Caller("192.0.2.1", "192.0.2.1", "clinic", CallerClass.KNOWN)
        client._finish(messages.open_envelope(BIND, 0), Answer(caller=vouched))
    client.dataReceived(search(5, "0" * 100_000))
    assert wire.closing is not known
    assert (5 in wire.done) is known


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


@pytest.mark.parametrize(("late_s", "closed"), [(-1, False), (1, True)])
@pytest.mark.parametrize("request_", [WRITE, FAILED_BIND], ids=["write", "failed bind"])
def test_a_connection_has_to_complete_a_bind_or_a_search_soon(request_: bytes, late_s: float, closed: bool) -> None:
    house = House()
    client, wire = house.client()
    client.dataReceived(request_)
    assert wire.done
    client.look_at(time.monotonic() + house.settings.ldap_first_operation_s + late_s)
    assert wire.closing == closed


@pytest.mark.parametrize("request_", [BIND, search(1)], ids=["bind", "search"])
def test_a_completed_bind_or_search_shows_that_a_connection_has_a_purpose(house: House, request_: bytes) -> None:
    client, wire = house.client()
    client.dataReceived(request_)
    client.look_at(time.monotonic() + house.settings.ldap_first_operation_s + 1)
    assert not wire.closing


def test_when_a_worker_is_full_who_never_asked_for_anything_makes_room() -> None:
    house = House(ldap_connections=3)
    client, wire = house.client("192.0.2.1")
    client.dataReceived(BIND)
    _, first = house.client("192.0.2.2")
    _, second = house.client("192.0.2.3")
    newest, newest_wire = house.client("192.0.2.4")
    assert (wire.aborted, first.aborted, second.aborted, newest_wire.closing) == (False, True, False, False)
    newest.dataReceived(BIND)
    assert newest_wire.done


def test_when_a_worker_is_full_of_clients_that_ask_a_new_one_is_told_so() -> None:
    house = House(ldap_connections=2)
    for number in (1, 2):
        house.client(f"192.0.2.{number}")[0].dataReceived(BIND)
    _, wire = house.client("192.0.2.3")
    assert wire.closing
    assert b"too many connections" in wire.sent


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
