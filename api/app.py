"""The REST application: routes, error rendering, request ids, headers, one access line per request."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

import directory
from api import autocomplete, health, metrics, pages, problems, records, search
from directory.index.reader import Index
from directory.logs import pairs
from directory.settings import Settings

access = logging.getLogger("annuaire.http.access")

_DESCRIPTION: Final = """
Find French health professionals and their secure mailboxes (MSSanté): by name, place, profession or structure, with
typos; by identifier; by address. Every answer names the register's revision and date. Errors are RFC 9457 problems,
in French or English by `Accept-Language`.
"""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def create_app(settings: Settings, index: Index) -> FastAPI:
    """The application over one index. Routes are coroutines that answer at once: a read of the memory map takes less
    than handing it to a thread would."""
    app = FastAPI(
        title="Annuaire",
        summary="The national directory of health professionals' secure mailboxes",
        description=_DESCRIPTION,
        version=directory.__version__,
        docs_url=None,  # the stock page loads scripts from elsewhere; /docs is ours
        redoc_url=None,
        openapi_url="/openapi.json",
        license_info={"name": "Data: Licence Ouverte 2.0 (RPPS, Annuaire Santé, ANS)"},
    )
    problems.install(app)
    for router in (
        search.router(settings, index),
        autocomplete.router(settings, index),
        records.router(index),
        health.router(settings, index),
        metrics.router(settings),
        pages.router(settings, index, app),
    ):
        app.include_router(router)
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"], expose_headers=["ETag", "X-Request-Id"]
    )
    app.add_middleware(Envelope)
    return app


class Envelope:
    """Around every request: its id, safe headers, and an access line without what was asked."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("ascii", "ignore")
        request_id = given if given.replace("-", "").isalnum() and len(given) <= 64 else uuid.uuid4().hex

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "-")
            metrics.note(route, status, seconds)
            access.info(
                "%s %s",
                scope["method"],
                pairs(route=route, status=status, ms=round(1000 * seconds, 1), request=request_id),
            )
