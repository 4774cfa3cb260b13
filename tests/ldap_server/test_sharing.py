"""Several workers on one port share its connections."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.protocol import Factory

from ldap_server.door import Door
from ldap_server.loads import Loads, shared
from tests.ldap_server.conftest import Server, serving

BIND = bytes.fromhex("300c020101600702010304008000")


@pytest.fixture
def pair(indexed: Path) -> Iterator[Server]:
    yield from serving(indexed, workers=2)


def counts(server: Server) -> list[int]:
    data = os.pread(server.loads, 8, 0)
    return [int.from_bytes(data[at : at + 4], "little") for at in (0, 4)]


def opened(server: Server, number: int) -> list[socket.socket]:
    """Connections, each with an answer received."""
    clients = [server.connect() for _ in range(number)]
    for client in clients:
        client.sendall(BIND)
    for client in clients:
        assert client.recv(100)
    return clients


def settled(server: Server, total: int) -> list[int]:
    """The connections of each worker, once there are so many."""
    deadline = time.monotonic() + 5
    while sum(counts(server)) != total and time.monotonic() < deadline:
        time.sleep(0.01)
    return sorted(counts(server))


def both_up(server: Server) -> None:
    """Wait until the second worker accepts too."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        clients = opened(server, 4)
        shares = settled(server, 4)
        for client in clients:
            client.close()
        if shares == [2, 2]:
            break
        settled(server, 0)
    settled(server, 0)


def test_connections_that_come_together_are_spread_evenly(pair: Server) -> None:
    both_up(pair)
    clients = opened(pair, 8)
    few, many = settled(pair, 8)
    assert many - few <= 2
    for client in clients:
        client.close()
    assert settled(pair, 0) == [0, 0]


def test_a_worker_that_hangs_does_not_keep_new_clients_from_the_other(pair: Server) -> None:
    both_up(pair)
    os.kill(pair.pids[0], signal.SIGSTOP)
    try:
        clients = opened(pair, 5)
        assert counts(pair)[1] >= 4  # one may have been accepted before it stopped
        for client in clients:
            client.close()
    finally:
        os.kill(pair.pids[0], signal.SIGCONT)


class Adopting:
    """A reactor that only counts the connections that it is handed."""

    def __init__(self) -> None:
        self.adopted = 0
        self.later: list[Callable[[], None]] = []

    def addReader(self, _reader: object) -> None:
        pass

    def removeReader(self, _reader: object) -> None:
        pass

    def callLater(self, _seconds: float, call: Callable[[], None]) -> None:
        self.later.append(call)

    def adoptStreamConnection(self, _descriptor: int, _family: int, _factory: object) -> None:
        self.adopted += 1


def test_a_worker_that_has_held_back_accepts_an_eighth_more_than_it_has() -> None:
    """The other one is busy: whoever came behind a crowd would wait for as many of its turns."""
    memory = shared(2)
    mine, reactor = Loads(memory, 0), Adopting()
    for _ in range(80):
        mine.enter("192.0.2.1")
    with socket.create_server(("127.0.0.1", 0), backlog=32) as listener:
        clients = [socket.create_connection(listener.getsockname()) for _ in range(20)]
        door = Door(reactor, listener, Factory(), mine)
        door.doRead()
        assert (reactor.adopted, len(reactor.later)) == (0, 1)
        reactor.later.pop()()
        door.doRead()
        assert reactor.adopted == 11
        for client in clients:
            client.close()
    os.close(memory)


def test_a_worker_knows_whether_another_has_fewer_connections() -> None:
    memory = shared(2)
    one, other = Loads(memory, 0), Loads(memory, 1)
    for _ in range(3):
        one.enter("192.0.2.1")
    other.enter("192.0.2.1")
    assert (one.outdone, other.outdone) == (True, False)
    one.leave("192.0.2.1")
    one.leave("192.0.2.1")
    assert (one.outdone, other.outdone) == (False, False)
    assert not Loads(memory, 1).outdone  # begins with none
    os.close(memory)


def test_connections_of_a_network_are_counted_over_all_workers() -> None:
    memory = shared(2)
    one, other = Loads(memory, 0), Loads(memory, 1)
    assert [one.enter("192.0.2.1"), other.enter("192.0.2.1"), one.enter("192.0.2.1")] == [1, 2, 3]
    assert one.enter("2001:db8::/64") == 1
    other.leave("192.0.2.1")
    assert one.enter("192.0.2.1") == 3
    Loads(memory, 0)  # the worker has died, another takes its place: its connections are gone
    assert other.enter("192.0.2.1") == 1
    os.close(memory)


def test_the_limit_per_address_holds_over_all_workers(indexed: Path) -> None:
    for server in serving(indexed, workers=2, LDAP_CONNECTIONS_PER_ADDRESS="4"):
        both_up(server)
        clients = opened(server, 4)
        settled(server, 4)
        with server.connect() as one_more:
            assert b"too many connections from this address" in one_more.recv(200)
        for client in clients:
            client.close()
        settled(server, 0)
        assert opened(server, 1)
