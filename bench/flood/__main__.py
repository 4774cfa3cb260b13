"""`python -m bench.flood`: the latency of a well-behaved client's lookups, and the workers' memory, under a flood."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from bench.latency import Latencies
from bench.ldap.client import SUCCESS, Client
from bench.ldap.filters import escape
from bench.node import BASE, PUBLIC, Address, serving
from bench.people import read_addresses
from bench.provenance import provenance, write_result

_BAR_MS: Final = 50.0
_BAR_MIB: Final = 600.0
_PAUSE_S: Final = 0.005  # between lookups
_WARM_S: Final = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    addresses = random.Random(options.seed).sample(read_addresses(options.extract), 2000)
    with serving(options.data, ldap_workers=options.workers, log_level=options.log_level, **PUBLIC) as node:
        assert node.ldap is not None
        quiet = _measured(node.ldap, node.pid, addresses, options.seconds / 3)
        with _flooded(node.ldap, options.connections) as crowd:
            time.sleep(_WARM_S)
            flooded = _measured(node.ldap, node.pid, addresses, options.seconds)
            crowd.terminate()
            said = crowd.communicate()[0].splitlines()
    for name, measured in (("quiet", quiet), ("flooded", flooded)):
        print(f"{name}: kept {measured.kept}\n{name}: fresh {measured.fresh}")
    print(f"most private memory of a worker: {flooded.worker_mib:.0f} MiB\nthe crowd at the end: {said[-1]}")
    result = {
        "benchmark": "flood",
        **provenance("bench.flood", options),
        "quiet": quiet.kept.as_json(),
        "flooded": flooded.kept.as_json(),
        "flooded_fresh": flooded.fresh.as_json(),
        "worker_mib": round(flooded.worker_mib),
        "crowd": said[-1],
    }
    write_result(options.json, result)
    return 0 if flooded.kept.p99_ms < _BAR_MS and flooded.worker_mib < _BAR_MIB else 1


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


@dataclass(frozen=True, slots=True)
class Measured:
    """What a well-behaved client saw: lookups on a connection that it keeps, and with a new connection for each."""

    kept: Latencies
    fresh: Latencies
    worker_mib: float


def _measured(server: Address, pid: int, addresses: Sequence[str], seconds: float) -> Measured:
    workers = [child for child in psutil.Process(pid).children() if "ldap" in child.cmdline()]
    kept: list[float] = []
    fresh: list[float] = []
    most = 0
    until = time.monotonic() + seconds
    with Client(server.host, server.port) as one, Client(server.host, server.port) as other:
        for number, address in enumerate(itertools.cycle(addresses)):
            kept.append(_lookup((one, other)[number % 2], address))
            if number % 10 == 0:
                began = time.monotonic()
                with Client(server.host, server.port) as new:
                    _lookup(new, address)
                fresh.append(time.monotonic() - began)
                most = max(most, *(worker.memory_full_info().uss for worker in workers))
            time.sleep(_PAUSE_S)
            if time.monotonic() > until:
                break
    return Measured(Latencies.of(kept), Latencies.of(fresh), most / 2**20)


def _lookup(client: Client, address: str) -> float:
    began = time.monotonic()
    answer = client.search(BASE, f"(mail={escape(address)})")
    assert (answer.code, len(answer.entries)) == (SUCCESS, 1), (answer.code, answer.message)
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
