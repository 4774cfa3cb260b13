"""How fast answers come: one client after the other, and several at once, each asking again as soon as it is answered.

The HTTP side is one thread on raw sockets with requests made beforehand, because it shares the cores with the server
it measures.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.latency import Latencies
from bench.retrieval.engines import Engine

_PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run: how many clients, answers a second, and how long each took."""

    clients: int
    per_second: float
    latencies: Latencies


@dataclass(slots=True)
class _Client:
    """One kept connection with a request under way."""

    connection: socket.socket
    asked_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def ask(self, request: bytes) -> None:
        self.received.clear()
        self.asked_at = time.perf_counter()
        self.connection.sendall(request)

    def answered(self) -> bool:
        """Read what has come; whether the answer is whole.

        Raises:
            RuntimeError: the server refused the request or hung up.
        """
        more = self.connection.recv(1 << 18)
        if not more:
            raise RuntimeError("the server closed the connection")
        self.received += more
        head = self.received.find(b"\r\n\r\n")
        if head < 0:
            return False
        if not self.received.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(self.received[:200].decode(errors="replace"))
        return len(self.received) >= head + 4 + _length(bytes(self.received[:head]))


def http(host: str, port: int, paths: Sequence[str], *, clients: int, seconds: float) -> Run:
    """Ask a server for the paths, over and over, for some time."""
    requests = itertools.cycle([f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode() for path in paths])
    took: list[float] = []
    with selectors.DefaultSelector() as ready:
        several = [_Client(_connected(host, port)) for _ in range(clients)]
        try:
            start = time.perf_counter()
            for client in several:
                ready.register(client.connection, selectors.EVENT_READ, client)
                client.ask(next(requests))
            while (now := time.perf_counter()) < start + seconds:
                events = ready.select(_PATIENCE_S)
                if not events:
                    raise RuntimeError(f"no answer within {_PATIENCE_S:g} s")
                for key, _ in events:
                    if key.data.answered():
                        took.append(time.perf_counter() - key.data.asked_at)
                        key.data.ask(next(requests))
        finally:
            for client in several:
                client.connection.close()
    return Run(clients, len(took) / (now - start), Latencies.of(took))


def called(make: Callable[[], Engine], texts: Sequence[str], *, clients: int, seconds: float) -> Run:
    """Ask an engine for the texts, over and over, for some time; each client is a thread with an engine of its own."""
    drawn = itertools.cycle(texts)
    lock = threading.Lock()
    took: list[float] = []
    failed: list[BaseException] = []
    start = time.perf_counter()

    def client() -> None:
        try:
            engine = make()
            while time.perf_counter() < start + seconds:
                with lock:
                    text = next(drawn)
                asked_at = time.perf_counter()
                engine.search(text)
                took.append(time.perf_counter() - asked_at)
        except BaseException as error:  # told by the thread that waits
            failed.append(error)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError("a client failed") from failed[0]
    return Run(clients, len(took) / (time.perf_counter() - start), Latencies.of(took))


def keystrokes(names: Sequence[str]) -> Iterator[str]:
    """What a search field sends while names are typed, from the second letter on."""
    for name in names:
        for typed in range(2, len(name) + 1):
            if name[typed - 1] != " ":
                yield name[:typed]


def _connected(host: str, port: int) -> socket.socket:
    connection = socket.create_connection((host, port), timeout=_PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("an answer without Content-Length")
