"""How the service is: `/healthz`, `/readyz`, `/v1/status`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import answer, register
from api.parameters import known_only
from api.problems import declared, language, problem
from directory.errors import Unavailable
from directory.index.reader import Index
from directory.settings import Settings

_FRESH_S = 15.0  # silence of the follower after which the node calls itself degraded


def router(settings: Settings, index: Index) -> APIRouter:
    routes = APIRouter(tags=["status"])

    @routes.get("/healthz", summary="Is the process alive?")
    @routes.head("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return answer({"status": "ok"})

    @routes.get(
        "/readyz",
        summary="Can it answer? `degraded` while the register is out of reach",
        responses=declared(503),
    )
    @routes.head("/readyz", include_in_schema=False)
    async def readyz(request: Request) -> Response:
        state, age_s = freshness(settings, index)
        with index.read() as snapshot:
            body = {"status": state, "age_s": age_s, "register": register(snapshot.state)}
        if state == "stale":
            french = language(request) == "fr"
            title = "Données trop anciennes" if french else "Data too old"
            detail = (
                f"Dernier contact avec le registre il y a {age_s:.0f} s." if french
                else f"Last contact with the register {age_s:.0f} s ago."
            ) if age_s is not None else ""  # fmt: skip
            return problem(503, "stale", title, detail, age_s=age_s)
        return answer(body)

    @routes.get("/v1/status", summary="What this node holds, and how old it is", responses=declared(422))
    @routes.head("/v1/status", include_in_schema=False)
    async def status(request: Request) -> Response:
        known_only(request)
        state, age_s = freshness(settings, index)
        try:
            with index.read() as snapshot:
                body: dict[str, Any] = {
                    "status": state,
                    "register": {
                        **register(snapshot.state),
                        "epoch": snapshot.state.epoch,
                        "committed_at": snapshot.state.committed_at,
                    },
                    "documents": {str(kind): count for kind, count in snapshot.counts().items()},
                    "last_contact_age_s": age_s,
                }
        except Unavailable:
            body = {"status": "empty", "register": None, "documents": {}, "last_contact_age_s": age_s}
        return answer(body)

    return routes


def freshness(settings: Settings, index: Index) -> tuple[str, float | None]:
    """`ready`, `degraded` (no contact with the register just now) or `stale` (for too long), and the age in seconds of
    the last contact."""
    seen = index.seen()
    if seen is None:
        return "degraded", None
    age_s = max(0.0, (dt.datetime.now(dt.UTC) - seen.at).total_seconds())
    if age_s > settings.stale_after_s:
        return "stale", round(age_s, 1)
    return ("ready" if age_s <= _FRESH_S else "degraded"), round(age_s, 1)
