"""The directory as it is measured: over HTTP as its users ask it, or in this process for tuning."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

import orjson

from directory.index.reader import Index
from directory.model import Kind
from directory.query import TextQuery

_MAP_BYTES = 16 * 2**30


class Engine(Protocol):
    """Finds people by what is typed."""

    name: str

    def search(self, text: str, limit: int = 10) -> list[str]:
        """National identifiers, best first."""
        ...


def search_path(text: str, limit: int = 10) -> str:
    """The address that `/v1/search` answers for people."""
    return f"/v1/search?q={quote(text)}&kind=practitioner&limit={limit}"


class OverHttp:
    """A running server, on one connection that is kept."""

    name = "annuaire"

    def __init__(self, url: str) -> None:
        host = urlsplit(url)
        self._connection = http.client.HTTPConnection(host.hostname or "127.0.0.1", host.port or 80, timeout=30)

    def search(self, text: str, limit: int = 10) -> list[str]:
        self._connection.request("GET", search_path(text, limit))
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} for {text!r}: {body[:200]!r}")
        return [match["practitioner"]["national_id"] for match in orjson.loads(body)["matches"]]


class InProcess:
    """The index of a node, opened here."""

    name = "annuaire (in process)"

    def __init__(self, index: Path) -> None:
        self._index = Index.open(index, map_bytes=_MAP_BYTES)

    def search(self, text: str, limit: int = 10) -> list[str]:
        query = TextQuery(text=text, kinds=(Kind.PRACTITIONER,), limit=limit)
        with self._index.read() as snapshot:
            return [match.document.key for match in snapshot.search(query).matches]
