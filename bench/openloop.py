"""`python -m bench.openloop`: a steady load of lookups that begin when they are due, whatever the earlier ones do.

A closed loop waits for an answer before it asks again, and so asks less while the server is slow: the slow moments are
hardly seen. Here every lookup has its moment from the start, and its latency counts from that moment.

It runs as a process of its own (`beside`), so that what is measured beside it does not disturb it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import http.client
import itertools
import json
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.latency import Latencies
from bench.ldap.client import Client
from bench.ldap.filters import escape
from bench.ldap.mixes import ATTRIBUTES, SIZE_LIMIT
from bench.node import Address, Node
from bench.people import Holder, read_holders

_LANES: Final = 32  # lookups that can be under way together
_TARGETS: Final = 5000
_TIMEOUT_S: Final = 30.0
_SUFFIX: Final = "o=mssante,c=fr"
_ROOT: Final = Path(__file__).resolve().parent.parent

Lookup = Callable[[int], str]
"""Carries out a lookup by its number and returns its kind; raises when the answer is not the right one."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When each lookup is due, in seconds from the start; evenly spaced."""

    per_second: float
    seconds: float | None = None  # None: until stopped

    def due(self, number: int) -> float | None:
        """None when the lookup lies past the end."""
        at = number / self.per_second
        return at if self.seconds is None or at < self.seconds else None


@dataclass(slots=True)
class Outcome:
    """Latencies from the moment a lookup was due, by its kind, in seconds; and what failed."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        every = [value for values in self.latencies.values() for value in values]
        return {
            "lookups": len(every),
            "failures": len(self.failures),
            "first_failures": self.failures[:5],
            "all": Latencies.of(every).as_json() if every else None,
            **{kind: Latencies.of(values).as_json() for kind, values in sorted(self.latencies.items())},
        }


def generate(
    schedule: Schedule,
    connect: Callable[[], Lookup],
    *,
    stop: threading.Event | None = None,
    lanes: int = _LANES,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Carry out the lookups of a schedule. Each lane takes the next one, waits until it is due, and does it: as long as
    a lane is free, no lookup waits for another."""
    outcome = Outcome()
    halt = stop or threading.Event()
    numbers = itertools.count()  # next() is atomic
    lookups = [connect() for _ in range(lanes)]
    start = clock()

    def lane(lookup: Lookup | None) -> None:
        for number in numbers:
            due = schedule.due(number)
            if due is None or halt.wait(max(0.0, start + due - clock())):
                return
            try:
                lookup = lookup or connect()
                outcome.latencies[lookup(number)].append(clock() - start - due)
            except Exception as error:
                outcome.failures.append(f"{type(error).__name__}: {error}")
                lookup = None

    threads = [threading.Thread(target=lane, args=(lookup,), daemon=True) for lookup in lookups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


class Lookups:
    """What gateways and web applications look up: addresses by LDAP equality, records by REST, in turn."""

    def __init__(self, ldap: Address, rest: Address, people: Sequence[Holder]) -> None:
        self._ldap, self._rest, self._people = ldap, rest, people

    def connect(self) -> Lookup:
        """The lookups of one lane, on connections of its own, which are opened by the first lookup that needs them:
        servers close those that stay silent."""
        client = functools.cache(lambda: Client(self._ldap.host, self._ldap.port, timeout_s=_TIMEOUT_S))
        rest = http.client.HTTPConnection(self._rest.host, self._rest.port, timeout=_TIMEOUT_S)

        def lookup(number: int) -> str:
            who = self._people[number // 2 % len(self._people)]
            if number % 2:
                return _read(rest, who, mailbox=number % 4 == 1)
            return _find(client(), who)

        return lookup


def _find(client: Client, who: Holder) -> str:
    wanted = f"(mail={escape(who.address.lower())})"
    answer = client.search(_SUFFIX, wanted, attributes=ATTRIBUTES, size_limit=SIZE_LIMIT)
    if answer.code or len(answer.entries) != 1:
        raise ValueError(f"{wanted}: code {answer.code}, {len(answer.entries)} entries")
    return "ldap"


def _read(rest: http.client.HTTPConnection, who: Holder, *, mailbox: bool) -> str:
    kind, key = ("mailboxes", who.address.lower()) if mailbox else ("practitioners", who.national_id)
    status, body = _get(rest, f"/v1/{kind}/{urllib.parse.quote(key)}")
    # A holder may have a mailbox before the register of persons knows them: that is an answer too.
    if not body or status not in ((200,) if mailbox else (200, 404)):
        raise ValueError(f"{kind}/{key}: status {status}")
    return "rest"


def _get(rest: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    """Once more when the server had closed the connection for having been silent, as every HTTP client does."""
    for last in (False, True):
        try:
            rest.request("GET", path)
            answer = rest.getresponse()
            return answer.status, answer.read()
        except http.client.RemoteDisconnected:
            rest.close()
            if last:
                raise
    raise AssertionError("unreachable")


class Running:
    """A load in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._outcome: dict[str, Any] | None = None

    def finish(self) -> dict[str, Any]:
        """Stop it, unless it has come to its end by itself; what it measured, as `Outcome.as_json` has it."""
        if self._outcome is None:
            self._process.send_signal(signal.SIGTERM)
            said, _ = self._process.communicate(timeout=2 * _TIMEOUT_S)
            self._outcome = json.loads(said)
        return self._outcome


@contextlib.contextmanager
def beside(node: Node, extract: Path, *, per_second: float, until: Path | None = None) -> Iterator[Running]:
    """A load on a node for as long as the block runs or until `finish`; it has begun when the block begins. Where the
    node goes on to another extract meanwhile, only those are looked up who are in that one too."""
    command = [sys.executable, "-m", "bench.openloop", "--extract", str(extract), "--rate", str(per_second)]
    command += ["--until", str(until)] if until else []
    command += ["--ldap", str(node.ldap), "--http", str(node.http)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != "running":
            raise RuntimeError("the load did not start")
        yield Running(process)
    finally:
        process.kill()
        process.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    people = [who for who in read_holders(options.extract) if who.national_id]
    if options.until:
        stay = {(who.address, who.national_id) for who in read_holders(options.until)}
        people = [who for who in people if (who.address, who.national_id) in stay]
    dice = random.Random(options.seed)
    lookups = Lookups(options.ldap, options.http, dice.sample(people, min(_TARGETS, len(people))))
    del people
    gc.collect()
    gc.freeze()  # what was read for the targets is not looked at again while latencies are taken
    sys.setswitchinterval(0.0005)
    print("running", flush=True)
    outcome = generate(Schedule(options.rate, options.seconds), lookups.connect, stop=stop)
    print(json.dumps(outcome.as_json()), flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.openloop", description=__doc__)
    add = parser.add_argument
    add("--ldap", type=Address.parse, required=True, help="HOST:PORT")
    add("--http", type=Address.parse, required=True, help="HOST:PORT")
    add("--extract", type=Path, required=True, help="folder of the extract that lookups are drawn from")
    add("--until", type=Path, help="folder of the extract that the node goes on to meanwhile")
    add("--rate", type=float, default=200.0, help="lookups a second")
    add("--seconds", type=float, help="until stopped by SIGTERM or Ctrl-C unless given")
    add("--seed", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
