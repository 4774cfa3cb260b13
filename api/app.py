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
from api import (
    autocomplete,
    changes,
    coverage,
    evidence,
    exports,
    health,
    metrics,
    problems,
    records,
    resolve,
    runs,
    search,
    trusted_domains,
    unequipped,
)
from api.access import Access, visited
from api.fhir import app as fhir
from api.web import problem_pages
from api.web import routes as pages
from directory.callers.trace import Done, Trace
from directory.index.reader import Index
from directory.logs import pairs
from directory.settings import Settings

log = logging.getLogger("annuaire.http")
access = logging.getLogger("annuaire.http.access")

_DESCRIPTION: Final = """
Find French health professionals and their secure mailboxes (MSSanté): by name, place, profession or structure, with
typos; by identifier; by address. Every answer names the register's revision and date. Errors are RFC 9457 problems,
in French or English by `Accept-Language`.
"""

_EXPOSED: Final = ("Content-Range", "ETag", "Link", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def create_app(settings: Settings, index: Index, trace: Trace | None = None) -> FastAPI:
    """The application over one index. Routes are coroutines that answer at once: a read of the memory map takes less
    than handing it to a thread would. `trace` is told of every request that asked about records."""
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
    past = evidence.Past(settings)
    problems.install(app, problem_pages.shown(index))
    for router in (  # in the order in which they are looked through
        records.router(index, past),
        search.router(settings, index),
        autocomplete.router(settings, index),
        evidence.router(index, past),
        runs.router(past),
        coverage.router(index),
        unequipped.router(settings, index),
        resolve.router(index),
        trusted_domains.router(index),
        exports.router(settings, index),
        changes.router(index, past),
    ):
        app.include_router(router, responses=problems.declared(*problems.ASKED))
    for router in (
        health.router(settings, index),
        metrics.router(settings),
        pages.router(settings, index, app, past),
    ):
        app.include_router(router)
    fhir.install(app, settings, index)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "POST"],
        allow_headers=["Authorization", "Content-Type", "ESANTE-API-KEY", "If-None-Match", "Range", "X-Request-Id"],
        expose_headers=list(_EXPOSED),
    )
    app.add_middleware(Envelope, access=Access(settings, index, trace))
    return app


class Envelope:
    """Around every request: whose it is, its id, safe headers, and an access line without what was asked."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]], access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        self._access.enter(scope)
        request_id = _request_id(scope)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                visit = visited(scope)
                message["headers"] = [
                    *message["headers"],
                    *(visit.headers() if visit is not None else ()),
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except exports.CutShort as cut:
            log.info("an answer was cut short: %s %s", cut, pairs(request=request_id))
        finally:
            self._note(scope, request_id, status, time.perf_counter() - began)

    def _note(self, scope: Message, request_id: str, status: int, seconds: float) -> None:
        """What is kept of a request: a count, a line, and what the journal wants to know."""
        route = getattr(scope.get("route"), "path", "-")
        metrics.note(route, status, seconds)
        visit = visited(scope)
        if visit is not None and self._access.trace is not None:
            done = Done(visit.caller, f"{scope['method']} {route}", status, visit.results, seconds, visit.asked)
            self._access.trace(done)
        if access.isEnabledFor(logging.INFO):
            known = visit is not None and visit.caller.identity
            told = pairs(
                client=scope["client"][0] or "-",
                who=known or "-",
                route=route,
                status=status,
                results=visit.results if visit is not None else 0,
                ms=round(1000 * seconds, 1),
                request=request_id,
            )
            access.info("%s %s", scope["method"], told)


def _request_id(scope: Message) -> str:
    """The one that the client gave, when it is harmless; else a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("ascii", "ignore")
    return given if given.replace("-", "").isalnum() and len(given) <= 64 else uuid.uuid4().hex
