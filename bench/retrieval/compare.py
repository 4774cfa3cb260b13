"""Speed of both sides in turn, summed up by medians."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import quote, urlsplit

from bench.latency import median
from bench.retrieval import speed
from bench.retrieval.corrupt import Typed
from bench.retrieval.engines import Engine, search_path
from bench.retrieval.judge import Asked
from bench.retrieval.people import People
from bench.retrieval.speed import Run

_CLIENTS: Final = (1, 8)
_NAMES_TYPED: Final = 300
_PEER_LONGER: Final = 3  # a slow peer needs more time to show as many answers


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often and how long it is measured."""

    pairs: int
    seconds: float


def searches(
    url: str, peers: Mapping[str, Callable[[], Engine]], asked: Sequence[Asked], seed: int, rhythm: Rhythm
) -> dict[str, dict[str, Any]]:
    """`/v1/search` and its peers on the same mix of all classes, in turn: medians by number of clients and side."""
    texts = [one.text for one in asked]
    Random(seed).shuffle(texts)
    host, port = _address(url)
    paths = [search_path(text) for text in texts]
    speed.http(host, port, paths, clients=_CLIENTS[-1], seconds=2)  # warm
    return {f"{clients} clients": _in_turn(host, port, paths, peers, texts, clients, rhythm) for clients in _CLIENTS}


def _in_turn(
    host: str,
    port: int,
    paths: Sequence[str],
    peers: Mapping[str, Callable[[], Engine]],
    texts: Sequence[str],
    clients: int,
    rhythm: Rhythm,
) -> dict[str, Any]:
    runs: dict[str, list[Run]] = {"ours": [], **{name: [] for name in peers}}
    for _ in range(rhythm.pairs):
        runs["ours"].append(speed.http(host, port, paths, clients=clients, seconds=rhythm.seconds))
        for name, make in peers.items():
            longer = rhythm.seconds * _PEER_LONGER
            runs[name].append(speed.called(make, texts, clients=clients, seconds=longer))
    return {"ours": None, "peer": None, **{name: medians(several) for name, several in runs.items()}}


def autocompletion(url: str, people: People, seed: int, rhythm: Rhythm) -> Mapping[str, Any] | None:
    """`/v1/autocomplete` at one client, asked at every keystroke of some names; None where the server has none."""
    host, port = _address(url)
    if not _exists(host, port, "/v1/autocomplete?q=ma"):
        return None
    dice = Random(f"{seed}/autocomplete")
    names = [Typed.of(dice.choice(people.everybody)).text(dice).strip() for _ in range(_NAMES_TYPED)]
    paths = [f"/v1/autocomplete?q={quote(text)}" for text in speed.keystrokes(names)]
    speed.http(host, port, paths, clients=1, seconds=1)  # warm
    return medians([speed.http(host, port, paths, clients=1, seconds=rhythm.seconds) for _ in range(rhythm.pairs)])


def medians(runs: Sequence[Run]) -> dict[str, Any]:
    """The medians of some runs, figure by figure."""
    latencies = [run.latencies.as_json() for run in runs]
    figures = {name: round(median(one[name] for one in latencies), 3) for name in latencies[0] if name != "count"}
    return {
        "clients": runs[0].clients,
        "per_second": round(median(run.per_second for run in runs), 1),
        "count": sum(run.latencies.count for run in runs),
        **figures,
    }


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


def _exists(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.request("GET", path)
    try:
        return connection.getresponse().status == 200
    finally:
        connection.close()
