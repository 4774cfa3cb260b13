"""`POST /fhir/v2` with a Bundle of type `batch`: several readings in one request, each with its own status (R4 section
3.1.0.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import orjson

from api.fhir.criteria import Pairs, read_pairs
from directory.errors import InvalidInput, NotSupported, QueryTooComplex

Json = dict[str, Any]

MOST: Final = 50  # entries


@dataclass(frozen=True, slots=True)
class Entry:
    """What one entry asks for: the segments of a path below the base, and parameters; the version that is known."""

    path: tuple[str, ...]
    pairs: Pairs
    known: str | None = None


def read(body: bytes) -> list[Any]:
    """The entries of a batch, not looked at yet: what is wrong with one is told of that one.

    Raises:
        InvalidInput: it is no Bundle of type batch.
        QueryTooComplex: there are more entries than are answered at once.
    """
    try:
        bundle = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("the body is no JSON", fr="le corps n'est pas du JSON") from error
    told = bundle if isinstance(bundle, dict) else {}
    entries = told.get("entry", [])
    if (told.get("resourceType"), told.get("type")) != ("Bundle", "batch") or not isinstance(entries, list):
        raise InvalidInput("the body must be a Bundle of type batch", fr="le corps doit être un Bundle de type batch")
    if len(entries) > MOST:
        raise QueryTooComplex(f"more than {MOST} entries in a batch", fr=f"plus de {MOST} entrées dans un lot")
    return entries


def entry(base: str, written: Any) -> Entry:
    """One entry, as it is understood.

    Raises:
        InvalidInput: it has no request, or one for another place.
        NotSupported: it is to do something else than to read.
    """
    request = written.get("request") if isinstance(written, dict) else None
    method, url, known = map((request if isinstance(request, dict) else {}).get, ("method", "url", "ifNoneMatch"))
    if not (isinstance(method, str) and isinstance(url, str)):
        raise InvalidInput("an entry wants a request with method and url", fr="une entrée veut request.method et .url")
    if method != "GET":
        shown = method[:20]
        raise NotSupported(f"{shown!r}: only GET is served in a batch", fr=f"{shown!r} : un lot ne sert que GET")
    try:
        parts = urlsplit(url.removeprefix(base))
    except ValueError as error:
        raise _elsewhere(url) from error
    if parts.scheme or parts.netloc:
        raise _elsewhere(url)
    path = tuple(unquote(part) for part in parts.path.strip("/").split("/") if part)
    return Entry(path, read_pairs(parts.query), known if isinstance(known, str) else None)


def answered(resource: Json, etag: str | None = None) -> Json:
    """The entry of an answer."""
    return {"resource": resource, "response": {**_status(200), **({"etag": etag} if etag else {})}}


def failed(status: int, outcome: Json) -> Json:
    """The entry of an answer that is none."""
    return {"response": {**_status(status), "outcome": outcome}}


def unchanged(etag: str) -> Json:
    """The entry of a resource that is still as the client knows it."""
    return {"response": {**_status(304), "etag": etag}}


def _status(status: int) -> Mapping[str, str]:
    return {"status": f"{status} {HTTPStatus(status).phrase}"}


def _elsewhere(url: str) -> InvalidInput:
    shown = url[:60]
    return InvalidInput(f"{shown!r} is not below this address", fr=f"{shown!r} n'est pas sous cette adresse")
