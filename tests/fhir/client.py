"""A client of the facade, with what tests ask of its answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.testclient import TestClient

from api.app import create_app
from directory.index.reader import Index
from directory.settings import Settings

BASE = "/fhir/v2"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fhir:
    http: TestClient

    def get(self, path: str, **headers: str) -> Json:
        answer = self.http.get(
            f"{BASE}/{path}", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/fhir+json"
        found: Json = answer.json()
        return found

    def ids(self, path: str) -> set[str]:
        """The ids of all matches, on all pages; the total agrees with them."""
        bundle = self.get(path)
        total, found = bundle["total"], matches(bundle)
        while (following := link(bundle, "next")) is not None:
            bundle = self.http.get(following).json()
            found += matches(bundle)
        assert len(found) == total
        assert len(set(found)) == total
        return set(found)

    def refused(self, path: str, status: int, **headers: str) -> Json:
        """The issue of a refusal."""
        answer = self.http.get(f"{BASE}/{path}", headers=headers)
        assert answer.status_code == status, answer.text
        outcome = answer.json()
        assert outcome["resourceType"] == "OperationOutcome"
        issue: Json = outcome["issue"][0]
        assert issue["severity"] == "error"
        return issue


@contextlib.contextmanager
def served(settings: Settings, index: Index, **more: Any) -> Iterator[Fhir]:
    with TestClient(create_app(settings, index), raise_server_exceptions=False, **more) as http:
        yield Fhir(http)


@contextlib.contextmanager
def process(settings: Settings) -> Iterator[Fhir]:
    """A process of its own, as far as the index goes."""
    index = Index.open(settings.index_path, map_bytes=2**28)
    with served(settings, index) as fhir:
        yield fhir
    index.close()


def matches(bundle: Json) -> list[str]:
    return [one["resource"]["id"] for one in bundle.get("entry", []) if one["search"]["mode"] == "match"]


def included(bundle: Json) -> list[str]:
    shown = [one["resource"] for one in bundle.get("entry", []) if one["search"]["mode"] == "include"]
    return [f"{resource['resourceType']}/{resource['id']}" for resource in shown]


def link(bundle: Json, relation: str) -> str | None:
    return next((one["url"] for one in bundle["link"] if one["relation"] == relation), None)
