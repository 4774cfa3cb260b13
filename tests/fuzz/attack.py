"""Attacks on a live server: mutated messages sent in every way a socket allows, and what must hold after each."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.ldap.encoding import tlv
from tests.fuzz.corpus import CORPUS, REQUESTS
from tests.fuzz.mutation import mutated
from tests.fuzz.ways import PROXY, Ways
from tests.ldap_server.conftest import Server
from tests.ldap_server.replies import Reply, Undecodable, read

_PROBE_ID: Final = 0x7FFF_FF01
_PATIENCE_S: Final = 10.0
_AT_ONCE_S: Final = 0.02  # where no answer need come
_HELD: Final = 60  # connections left as they are, for the server to end
_NOTICE: Final = "1.3.6.1.4.1.1466.20036"
_START_TLS: Final = b"\x8a\x161.3.6.1.4.1.1466.20037"  # responseName, the end of an answer to StartTLS
_TLS_RECORDS: Final = (b"", b"\x14", b"\x15", b"\x16", b"\x17")  # what may come first of the server's bytes, if any do
_RESET: Final = struct.pack("ii", 1, 0)  # closing sends RST


class Fault(Exception):
    """Something that must not happen: a reply that does not decode, or no reply at all."""


@dataclass(slots=True)
class Tally:
    """What was sent, and what came of it."""

    cases: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    replies: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    notices: int = 0

    def note(self, replies: list[Reply]) -> None:
        for reply in replies:
            self.replies[reply.kind] += 1
            self.notices += reply.name == _NOTICE
            if reply.code is not None:
                self.codes[reply.code] += 1


class Attack:
    """A run of cases against a server whose certificate is an authority's, the same for the same seed."""

    def __init__(self, server: Server, authority: Path, seed: int) -> None:
        self._dice = random.Random(seed)
        self._ways = Ways(server, authority, self._dice, _PATIENCE_S)
        self._pieces = list(CORPUS.values())
        self._held: deque[socket.socket] = deque()
        self.tally = Tally()
        self.last = b""
        """The bytes of the last case, to be kept when it is a fault."""

    def case(self) -> None:
        """One case.

        Raises:
            Fault: something that must not happen.
        """
        kind = self._dice.choices(list(_KINDS), [weight for weight, _ in _KINDS.values()])[0]
        self.tally.cases[kind] += 1
        with_kind: Callable[[Attack], None] = _KINDS[kind][1]
        try:
            with_kind(self)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return  # the server may end a connection whenever it has been lied to
        except TimeoutError as error:
            raise Fault(f"no answer within {_PATIENCE_S} s ({kind})") from error
        except Undecodable as error:
            raise Fault(f"a reply does not decode ({kind}): {error}") from error

    def close(self) -> None:
        while self._held:
            self._held.popleft().close()

    # -- kinds of cases ----------------------------------------------------------------------------------------------

    def one(self) -> None:
        self._converse([self._message()])

    def many(self) -> None:
        """Many requests in one segment."""
        self._converse([b"".join(self._message(0.3) for _ in range(self._dice.randint(2, 40)))])

    def dribbled(self) -> None:
        stream, pieces = self._message(), []
        while stream:
            size = self._dice.choice((1, 1, 2, 3, 7, 60))
            pieces.append(stream[:size])
            stream = stream[size:]
        self._converse(pieces[:200])

    def half_open(self) -> None:
        message = self._message(0.5)
        connection = self._ways.any()
        connection.sendall(message[: self._dice.randrange(len(message) + 1)])
        self._hold(connection)

    def unread(self) -> None:
        """Many requests, and nobody who reads the answers."""
        connection = self._ways.any()
        connection.settimeout(0.05)
        with contextlib.suppress(TimeoutError):  # the server stops reading, as it should
            connection.sendall(b"".join(self._message(0.1) for _ in range(200)))
        self._hold(connection)

    def reset(self) -> None:
        connection = self._ways.any()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.sendall(self._message(0.5))
        connection.close()

    def hello(self) -> None:
        """What is nearly a ClientHello."""
        connection = self._ways.awaiting_hello()
        connection.settimeout(_AT_ONCE_S)
        self.last = mutated(self._ways.hello(), self._pieces, self._dice)
        connection.sendall(self.last)
        with contextlib.suppress(TimeoutError):
            if (answer := connection.recv(65536))[:1] not in _TLS_RECORDS:
                raise Fault(f"what is no TLS record answers a ClientHello: {answer.hex()}")
        self._hold(connection)

    def header(self) -> None:
        """What is nearly a header of the PROXY protocol, from whom the server trusts to send one."""
        connection = self._ways.plain(PROXY)
        connection.settimeout(_AT_ONCE_S)
        self.last = mutated(self._ways.header(), self._pieces, self._dice)
        connection.sendall(self.last + probe())
        self._listen(connection)
        self._hold(connection)

    # -- how they are carried out ------------------------------------------------------------------------------------

    def _message(self, share: float = 1.0) -> bytes:
        """A piece of the corpus, mutated in a share of all cases."""
        self.tally.messages += 1
        piece = self._dice.choice(self._pieces)
        return mutated(piece, self._pieces, self._dice) if self._dice.random() < share else piece

    def _hold(self, connection: socket.socket) -> None:
        self._held.append(connection)
        if len(self._held) > _HELD:
            self._held.popleft().close()

    def _converse(self, pieces: list[bytes]) -> None:
        """Send, then ask something plain: it is answered, or the connection has ended."""
        stream = self.last = b"".join(pieces)
        with self._ways.any() as connection:
            for piece in (*pieces, probe()):
                connection.sendall(piece)
            if ends_within_a_message(stream):
                connection.settimeout(_AT_ONCE_S)  # what follows is part of that message: there may be no answer
            self._listen(connection)

    def _listen(self, connection: socket.socket) -> None:
        rest = b""
        while True:
            try:
                data = connection.recv(65536)
            except TimeoutError:
                if connection.gettimeout() == _PATIENCE_S:
                    raise
                return
            in_the_clear, others = _until_tls(rest + data)
            replies, rest = read(in_the_clear)
            rest += others
            self.tally.note(replies)
            if any((reply.message_id, reply.kind) == (_PROBE_ID, "searchResDone") for reply in replies):
                return
            if others and replies[-1].code == 0:
                return  # what follows is TLS, to which nothing more of the case belongs
            if not data:
                if rest:
                    raise Fault(f"closed within a reply: {rest.hex()}")
                return


_KINDS: Final[dict[str, tuple[int, Callable[[Attack], None]]]] = {
    "one": (50, Attack.one),
    "many": (15, Attack.many),
    "dribbled": (10, Attack.dribbled),
    "half-open": (10, Attack.half_open),
    "unread": (1, Attack.unread),
    "reset": (10, Attack.reset),
    "hello": (2, Attack.hello),
    "header": (2, Attack.header),
}


def probe() -> bytes:
    """A lookup that any connection that is alive answers, under an id of its own."""
    message = REQUESTS["search-equality"]
    at = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
    return tlv(0x30, b"\x02\x04" + _PROBE_ID.to_bytes(4, "big") + message[at + 3 :])


def ends_within_a_message(stream: bytes) -> bool:
    """Whether the bytes stop before a message that they have begun has ended."""
    while stream[:1] == b"\x30" and len(stream) > 1:
        size = 2 + stream[1]
        if stream[1] >= 0x80:
            octets = stream[1] & 0x7F
            if not 1 <= octets <= 4:
                return False  # refused by its header
            if len(stream) < 2 + octets:
                return True
            size = 2 + octets + int.from_bytes(stream[2 : 2 + octets], "big")
        if len(stream) < size:
            return True
        stream = stream[size:]
    return stream == b"\x30"


def _until_tls(data: bytes) -> tuple[bytes, bytes]:
    """What a server sent up to the end of an answer to StartTLS, and what it sent after that."""
    at = data.find(_START_TLS)
    end = len(data) if at < 0 else at + len(_START_TLS)
    return data[:end], data[end:]
