"""`python -m bench.flood.crowd`: hundreds of hostile connections from other loopback addresses, until it is ended.

A third open and say nothing, a third dribble a request byte by byte, a third send the costliest filters that are legal
and take their answers. Whoever is cut off comes again.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import random
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.ldap.encoding import search_request
from bench.ldap.filters import encode, parse
from bench.node import BASE

_DRIBBLE_S: Final = 0.2
_AGAIN_S: Final = 0.5
_ADDRESSES: Final = 250  # 127.0.1.1 and on
_REPORT_S: Final = 1.0


def worst_filters(dice: random.Random) -> list[bytes]:
    """Filters within all limits that leave much to do: wide, vague, negated, deep, fuzzy."""
    letters = "abcdefghilmnoprstu"

    def some(count: int) -> str:
        return "".join(dice.choices(letters, k=count))

    wide = "".join(f"(cn=*{some(4)}*)" for _ in range(250))
    fuzzy = "".join(f"(sn~={some(7)})" for _ in range(15))
    gaps = "".join(f"(cn=*{some(1)}*{some(1)}*{some(1)}*{some(1)}*)" for _ in range(60))
    texts = [
        f"(|{wide})",
        f"(&(mail=*)(!(|{wide})))",
        f"(|{fuzzy})",
        f"(&{gaps})",
        f"(|{gaps})",
        "(!" * 18 + f"(description=*{some(4)}*)" + ")" * 18,
        f"(&(objectClass=*)(!(cn=*{some(2)}*))(street=*{some(2)}*{some(2)}*))",
        f"(|(street=*{some(3)}*)(telephoneNumber=*{dice.randrange(1000)}*)(title=*{some(3)}*))",
    ]
    return [search_request(BASE, encode(parse(text)), size_limit=0) for text in texts]


@dataclass(eq=False, slots=True)
class Hostile:
    """One connection and what it is after."""

    kind: str
    source: str
    requests: itertools.cycle[bytes]
    socket: socket.socket | None = None
    to_send: bytes = b""
    next_at: float = 0.0


@dataclass(slots=True)
class Crowd:
    """All of them, on one selector."""

    target: tuple[str, int]
    members: Sequence[Hostile]
    counts: Counter[str] = field(default_factory=Counter)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def run(self) -> None:
        report_at = 0.0
        while True:
            now = time.monotonic()
            for member in self.members:
                if now >= member.next_at:
                    self._act(member, now)
            for key, _ in self.selector.select(0.02):
                self._take(key.data, time.monotonic())
            if now >= report_at:
                report_at = now + _REPORT_S
                connected = sum(member.socket is not None for member in self.members)
                print(connected, *(f"{name}={count}" for name, count in sorted(self.counts.items())), flush=True)

    def _act(self, member: Hostile, now: float) -> None:
        try:
            if member.socket is None:
                self._open(member)
            if member.kind == "dribbling":
                self._dribble(member, now)
            elif member.kind == "asking":
                self._ask(member, now)
            else:
                member.next_at = now + 3600
        except OSError:
            self._lost(member, now)

    def _open(self, member: Hostile) -> None:
        made = socket.socket()
        made.setblocking(False)
        made.bind((member.source, 0))
        if made.connect_ex(self.target) not in (0, errno.EINPROGRESS):
            made.close()
            raise ConnectionError
        member.socket, member.to_send = made, next(member.requests)
        self.selector.register(made, selectors.EVENT_READ, member)
        self.counts["opened"] += 1

    def _dribble(self, member: Hostile, now: float) -> None:
        assert member.socket is not None
        member.next_at = now + _DRIBBLE_S
        with contextlib.suppress(BlockingIOError):
            sent = member.socket.send(member.to_send[:1])
            member.to_send = member.to_send[sent:] or next(member.requests)

    def _ask(self, member: Hostile, now: float) -> None:
        """Send the next request; another one follows the answer at once."""
        assert member.socket is not None
        member.next_at = now + 1.0
        with contextlib.suppress(BlockingIOError):
            member.socket.send(member.to_send)
            member.to_send = next(member.requests)

    def _take(self, member: Hostile, now: float) -> None:
        assert member.socket is not None
        try:
            data = member.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost(member, now)
        elif member.kind == "asking":
            self.counts["answers"] += 1
            member.next_at = now

    def _lost(self, member: Hostile, now: float) -> None:
        self.counts["cut off"] += 1
        if member.socket is not None:
            with contextlib.suppress(KeyError):
                self.selector.unregister(member.socket)
            member.socket.close()
        member.socket = None
        member.next_at = now + _AGAIN_S


def main(arguments: Sequence[str]) -> None:
    host, port, connections = arguments[0], int(arguments[1]), int(arguments[2])
    dice = random.Random(7)
    kinds = itertools.cycle(("silent", "dribbling", "asking"))
    members = [
        Hostile(next(kinds), f"127.0.1.{1 + number % _ADDRESSES}", itertools.cycle(worst_filters(dice)))
        for number in range(connections)
    ]
    Crowd((host, port), members).run()


if __name__ == "__main__":
    main(sys.argv[1:])
