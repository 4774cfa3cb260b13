"""`python -m bench.rest`: how many records a second one HTTP worker sends, beside what the same application sends of
constant bytes, and a FastAPI application with nothing around it.

Each is asked in turn, for a moment each, many times over, on the same connections at a time: what the machine does
meanwhile meets all of them alike. The medians of the pairs are compared, by requests a second and by the CPU time that
the worker spent on one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.responses import Response

from api.app import create_app
from api.service import config
from bench.node import index_state
from bench.provenance import provenance, write_result
from directory.index import sets
from directory.index.reader import Index
from directory.model import Kind
from directory.settings import Settings

RECORD, CONSTANT, BARE = "record", "constant", "bare"
_TARGETS: Final = 2000
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_LEAST_SHARE: Final = 0.5


class Turn(NamedTuple):
    """What came of one kind of request in one moment: how many a second, and microseconds of CPU of the worker each."""

    per_second: float
    cpu_us: float


def people(data: Path, seed: int) -> tuple[list[str], int]:
    """The keys of some professionals of a data folder, and the median of what their records take, in bytes."""
    settings = Settings(data_dir=data)
    index = Index.open(settings.index_path, map_bytes=settings.index_map_bytes)
    with index.read() as snapshot:
        everybody = sets.of_kinds(snapshot, (Kind.PRACTITIONER,))
        some = random.Random(seed).sample(range(len(everybody)), min(_TARGETS, len(everybody)))
        documents = [snapshot.document(everybody[place]) for place in some]
        found = [one.key for one in documents], round(median(len(one.json) for one in documents))
    index.close()
    return found


# -- the worker --------------------------------------------------------------------------------------------------------


def _serve(data: Path, sockets: Sequence[socket.socket], ready: Connection) -> None:
    """One process, one loop: the application as it is served, and a bare one."""
    settings = Settings(data_dir=data, log_level="WARNING")
    index = Index.open(settings.index_path, map_bytes=settings.index_map_bytes)
    ours, bare = create_app(settings, index), FastAPI()
    body = bytes(ready.recv_bytes())

    async def constant() -> Response:
        return Response(body, media_type="application/json")

    for app in (ours, bare):
        app.add_api_route("/v1/constant/{identifier}", constant)

    async def both() -> None:
        servers = [uvicorn.Server(config(app)) for app in (ours, bare)]
        ready.send(os.getpid())
        await asyncio.gather(*(one.serve([its]) for one, its in zip(servers, sockets, strict=True)))

    uvloop.run(both())


# -- the client --------------------------------------------------------------------------------------------------------


async def _ask(port: int, paths: Sequence[str], seconds: float, connections: int) -> int:
    """How many requests were answered with 200 by a closed loop over some connections."""
    until = time.monotonic() + seconds
    counts = await asyncio.gather(
        *(_connection(port, paths[start::connections], until) for start in range(connections))
    )
    return sum(counts)


async def _connection(port: int, paths: Sequence[str], until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    requests = [f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode() for path in paths]
    answered = 0
    try:
        while time.monotonic() < until:
            writer.write(requests[answered % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode("latin-1"))
            await reader.readexactly(content_length(head))
            answered += 1
    finally:
        writer.close()
    return answered


def content_length(head: bytes) -> int:
    """Of the head of an answer."""
    lower = head.lower()
    at = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[at : lower.index(b"\r\n", at)])


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def measure(
    kinds: Mapping[str, tuple[int, Sequence[str]]], pid: int, options: argparse.Namespace
) -> dict[str, list[Turn]]:
    """The turns of each kind: port and paths to ask, in alternation, the first round not counted."""
    turns: dict[str, list[Turn]] = {kind: [] for kind in kinds}
    for number in range(options.rounds + 1):
        for kind, (port, paths) in kinds.items():
            before, began = _cpu_s(pid), time.monotonic()
            answered = uvloop.run(_ask(port, paths, options.seconds, options.connections))
            seconds, spent = time.monotonic() - began, _cpu_s(pid) - before
            if number:
                turns[kind].append(Turn(answered / seconds, 1e6 * spent / answered))
    return turns


def summary(turns: dict[str, list[Turn]]) -> dict[str, Any]:
    """Medians, and the share of a record's throughput in the others', turn by turn beside it."""
    shares = {
        f"of_{other}": round(median(ours.per_second / its.per_second for ours, its in zip(*pair, strict=True)), 3)
        for other in (CONSTANT, BARE)
        if (pair := (turns[RECORD], turns[other]))
    }
    return {
        **{
            kind: {
                "per_second": round(median(turn.per_second for turn in of)),
                "cpu_us": round(median(turn.cpu_us for turn in of), 1),
            }
            for kind, of in turns.items()
        },
        **shares,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 where records are less than half of constant bytes."""
    options = _options(arguments)
    index_state(options.data)
    some, size = people(options.data, options.seed)
    sockets = [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(2)]
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    worker = spawn.Process(target=_serve, args=(options.data, sockets, theirs), daemon=True)
    worker.start()
    try:
        ours.send_bytes(b"x" * size)
        pid = ours.recv()
        port, bare = (one.getsockname()[1] for one in sockets)
        for one in sockets:
            one.close()
        kinds = {
            RECORD: (port, [f"/v1/practitioners/{key}" for key in some]),
            CONSTANT: (port, [f"/v1/constant/{key}" for key in some]),
            BARE: (bare, [f"/v1/constant/{key}" for key in some]),
        }
        found = summary(measure(kinds, pid, options))
    finally:
        worker.terminate()
        worker.join()
    print(json.dumps(found, indent=1))
    write_result(options.json, {"benchmark": "rest", **provenance("bench.rest", options), **found})
    return 0 if found[f"of_{CONSTANT}"] >= _LEAST_SHARE else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.rest", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="data folder whose index is built")
    add("--rounds", type=int, default=15, help="turns of each kind")
    add("--seconds", type=float, default=1.0, help="of a turn")
    add("--connections", type=int, default=8)
    add("--seed", type=int, default=1)
    add("--json", type=Path, help="where the result is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
