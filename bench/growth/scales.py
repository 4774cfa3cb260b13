"""One scale that is being served: its people, its node, and the median latency of lookups on it."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.latency import Latencies
from bench.ldap.client import SIZE_LIMIT as CODE_SIZE_LIMIT
from bench.ldap.client import Client
from bench.ldap.compare import encode_requests
from bench.ldap.load import Loader
from bench.ldap.mixes import ATTRIBUTES, SIZE_LIMIT
from bench.node import BASE, Address, Node, serving
from bench.people import Holder, read_holders

_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Scale:
    """A node and whom its data is about."""

    professionals: int
    people: Sequence[Holder]
    node: Node

    @classmethod
    @contextlib.contextmanager
    def serving(cls, data: Path, extract: Path) -> Iterator[Scale]:
        """Serve a data folder made from an extract for as long as the block runs."""
        manifest = json.loads((extract / "manifest.json").read_text("utf-8"))
        with serving(data, ldap_workers=2, http_workers=1) as node:
            yield cls(int(manifest["professionals"]), read_holders(extract), node)

    @property
    def ldap(self) -> Address:
        assert self.node.ldap is not None
        return self.node.ldap

    def search_ms(self, loader: Loader, filters: Sequence[str], scratch: Path) -> float:
        """The median latency of LDAP searches."""
        requests = scratch / "growth.requests"
        encode_requests(requests, filters, BASE)
        return loader.run(self.ldap, requests).p50_ms

    def request_ms(self, paths: Sequence[str], seconds: float) -> float:
        """The median latency of REST requests from one client."""
        seen = []
        with self._http() as client:
            number, end = 0, time.monotonic() + seconds
            while (began := time.monotonic()) < end:
                client.request("GET", paths[number % len(paths)])
                client.getresponse().read()
                seen.append(time.monotonic() - began)
                number += 1
        return Latencies.of(seen).p50_ms

    def filling(self, filters: Sequence[str], most: int) -> list[str]:
        """Those of some filters, at most so many, whose answers are cut by the size limit."""
        found: list[str] = []
        with Client(self.ldap.host, self.ldap.port) as client:
            for text in filters:
                answer = client.search(BASE, text, attributes=ATTRIBUTES, size_limit=SIZE_LIMIT)
                if answer.code == CODE_SIZE_LIMIT:
                    found.append(text)
                    if len(found) == most:
                        break
        return found

    def filling_paths(self, paths: Sequence[str], most: int) -> list[str]:
        """Those of some REST searches, at most so many, that found more than they returned. Answers that do not say so
        are full when they are as long as any."""
        with self._http() as client:
            answers = {path: _get(client, path) for path in paths}
        longest = max(2, *map(_length, answers.values()))
        full = (
            path
            for path, answer in answers.items()
            if not answer.get("complete", True) or ("complete" not in answer and _length(answer) == longest)
        )
        return list(itertools.islice(full, most))

    @contextlib.contextmanager
    def _http(self) -> Iterator[http.client.HTTPConnection]:
        assert self.node.http is not None
        client = http.client.HTTPConnection(self.node.http.host, self.node.http.port, timeout=_TIMEOUT_S)
        try:
            yield client
        finally:
            client.close()


def _get(client: http.client.HTTPConnection, path: str) -> dict[str, Any]:
    client.request("GET", path)
    found: dict[str, Any] = json.loads(client.getresponse().read())
    return found


def _length(answer: dict[str, Any]) -> int:
    """How many matches or suggestions an answer holds."""
    return max((len(part) for part in answer.values() if isinstance(part, list)), default=0)
