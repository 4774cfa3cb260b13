"""Imports over HTTP: `/v1/runs` for machines, `/register/runs` for people; counts for everyone, lines for the entitled.

They come from the register, which alone remembers them: 503 while its database cannot be reached.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import answers
from api.access import Asking, Visit
from api.evidence import Past
from api.parameters import known_only
from api.problems import declared, language
from api.web import run_pages
from directory.accounts import Scope

_HOME: Final = "/register/runs"
_FOR_THE_ENTITLED: Final = ("verdicts", "warnings", "rejected_lines")
_MOST: Final = 200
_READABLE: Final = ["GET", "HEAD"]

Number = Annotated[int, Path(ge=1, lt=2**63, description="The number of a run.", examples=[1])]


def router(past: Past) -> APIRouter:
    routes = APIRouter(tags=["status"])

    @routes.get("/v1/runs", summary="The last imports, newest first: status, files, counts, durations")
    async def runs(
        request: Request, asking: Asking, limit: Annotated[int, Query(ge=1, le=_MOST, examples=[5])] = 20
    ) -> Response:
        known_only(request, runs)
        asking.asks_by_name()
        return answers.answer({"runs": await run_in_threadpool(past.evidence.runs, limit)})

    @routes.get(
        "/v1/runs/{number}",
        summary="The report of one import",
        description="Changes by kind of record, profession and département, moves between mail domains, rejected lines "
        "by reason, durations by stage, earlier nights. Why it was held, its warnings and a sample of rejected lines "
        "need the scope `history` in profile `public`.",
        responses=declared(404),
    )
    async def run(request: Request, asking: Asking, number: Number) -> Response:
        known_only(request)
        asking.asks_by_name()
        return answers.answer(await _report(past, asking, number))

    @routes.api_route(_HOME, methods=_READABLE, include_in_schema=False)
    async def runs_page(request: Request, asking: Asking) -> Response:
        asking.asks_by_name()
        found = await run_in_threadpool(past.evidence.runs, _MOST)
        return _page(run_pages.runs_page(found, language(request)))

    @routes.api_route(_HOME + "/{number}", methods=_READABLE, include_in_schema=False)
    async def run_page(request: Request, asking: Asking, number: Number) -> Response:
        asking.asks_by_name()
        found = await _report(past, asking, number)
        return _page(run_pages.run_page(found, language(request), home=_HOME))

    return routes


async def _report(past: Past, asking: Visit, number: int) -> dict[str, Any]:
    found: dict[str, Any] = await run_in_threadpool(past.evidence.run, number)
    if asking.may(Scope.HISTORY):
        return found
    return {name: value for name, value in found.items() if name not in _FOR_THE_ENTITLED}


def _page(html: str) -> Response:
    headers = {
        "Content-Security-Policy": run_pages.POLICY,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Language, Authorization",
        "X-Robots-Tag": "noindex",
    }
    return Response(html, headers=headers, media_type="text/html; charset=utf-8")
