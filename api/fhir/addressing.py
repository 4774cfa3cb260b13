"""The absolute URLs of an answer, right also behind a proxy: a setting, or what the request itself says."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request

from api.fhir.criteria import Pairs
from directory.settings import Settings

PREFIX: Final = "/fhir/v2"


def base_of(settings: Settings, request: Request) -> str:
    """The base URL of this facade, as the client reaches it."""
    if settings.http_public_url:
        return settings.http_public_url.rstrip("/") + PREFIX
    # The scheme is the one that a trusted proxy has told of (`api.access`); proxies pass the host on.
    return f"{request.scope['scheme']}://{request.headers.get('host') or 'localhost'}{PREFIX}"


def query(pairs: Pairs) -> str:
    """Parameters as the query of a URL."""
    return "?" + urlencode(list(pairs), safe=":,|@*/") if pairs else ""
