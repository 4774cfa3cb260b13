"""`python -m bench.flood`: the latency of a well-behaved client's lookups, and the workers' memory, under a flood."""

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import psutil

from bench.latency import Latencies
from bench.ldap.client import SUCCESS, Client
from bench.ldap.filters import escape
from bench.node import Address, serving
from bench.people import read_addresses
from bench.provenance import provenance, write_result

_BASE: Final = "ou=bal,o=mssante,c=fr"
_BAR_MS: Final = 50.0
_BAR_MIB: Final = 600.0
_PER_SECOND: Final = 100
_WARM_S: Final = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    addresses = random.Random(options.seed).sample(read_addresses(options.extract), 2000)
    raised = {"anonymous_entries_per_day": 10_000_000, "anonymous_short_patterns_per_day": 1_000_000}
    settings = {"profile": "public", **raised, "log_level": options.log_level}
    with serving(options.data, ldap_workers=options.workers, **settings) as node:
        assert node.ldap is not None
        quiet, _ = _measured(node.ldap, node.pid, addresses, options.seconds / 2)
        with _flooded(node.ldap, options.connections) as crowd:
            time.sleep(_WARM_S)
            flooded, mib = _measured(node.ldap, node.pid, addresses, options.seconds)
            crowd.terminate()
            said = (crowd.communicate()[0] or "").splitlines()
    print(f"quiet:   {quiet}\nflooded: {flooded}\nmost private memory of a worker: {mib:.0f} MiB")
    print(f"the crowd at the end: {said[-1] if said else 'nothing'}")
    result = {
        "benchmark": "flood",
        **provenance("bench.flood", options),
        "quiet": quiet.as_json(),
        "flooded": flooded.as_json(),
        "worker_mib": round(mib),
        "crowd": said[-1] if said else "",
    }
    write_result(options.json, result)
    return 0 if flooded.p99_ms < _BAR_MS and mib < _BAR_MIB else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.flood", description=__doc__)
    add = parser.add_argument
    add("--extract", type=Path, required=True, help="folder of the extract that lookups are drawn from")
    add("--data", type=Path, required=True, help="data folder whose index is served (built already)")
    add("--connections", type=int, default=500, help="hostile ones")
    add("--seconds", type=float, default=60.0)
    add("--workers", type=int, default=2, help="LDAP worker processes")
    add("--seed", type=int, default=1)
    add("--log-level", default="WARNING", help="INFO writes access lines")
    add("--json", type=Path, help="where the result is kept")
    return parser.parse_args(arguments)


@contextlib.contextmanager
def _flooded(server: Address, connections: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.flood.crowd", server.host, str(server.port), str(connections)]
    crowd = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield crowd
    finally:
        crowd.kill()
        crowd.wait()


def _measured(server: Address, pid: int, addresses: Sequence[str], seconds: float) -> tuple[Latencies, float]:
    """Lookups at a steady rate, each on time from when it was due, on two connections in turn, a new one now and then;
    and the most private memory that a worker had."""
    workers = [child for child in psutil.Process(pid).children() if "ldap" in child.cmdline()]
    taken: list[float] = []
    most = 0
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server.host, server.port)) for _ in range(2)]
        for number in range(int(seconds * _PER_SECOND)):
            due = began + number / _PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            if number % 500 == 499:
                clients[number // 500 % 2] = stack.enter_context(Client(server.host, server.port))
            answer = clients[number % 2].search(_BASE, f"(mail={escape(addresses[number % len(addresses)])})")
            taken.append(time.monotonic() - due)
            assert (answer.code, len(answer.entries)) == (SUCCESS, 1), (answer.code, answer.message)
            if number % _PER_SECOND == 0:
                most = max(most, *(worker.memory_full_info().uss for worker in workers))
    return Latencies.of(taken), most / 2**20


if __name__ == "__main__":
    sys.exit(main())
