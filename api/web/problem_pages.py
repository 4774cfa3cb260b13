"""What a browser is shown in the place of a problem document: the same, as a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson
from fastapi import Request
from starlette.responses import Response

from api.web.rendering import render, state_of
from directory.index.reader import Index

_FOR_MACHINES: Final = ("/v1/", "/fhir/", "/openapi.json", "/healthz", "/readyz", "/metrics", "/static/")
_KEPT: Final = ("retry-after", "allow", "www-authenticate", "location")


def shown(index: Index) -> Callable[[Request, Response], Response]:
    """What puts a page in the place of a problem where a browser asked for a page."""

    def answer(request: Request, problem: Response) -> Response:
        if not _wants_page(request):
            return problem
        told = orjson.loads(bytes(problem.body))
        page = render(
            request,
            "problem.html",
            state_of(index),
            status=problem.status_code,
            code=problem.status_code,
            detail=told.get("detail", ""),
            candidates=told.get("candidates", ()),
            retry=problem.headers.get("retry-after", ""),
        )
        for name in _KEPT:
            if name in problem.headers:
                page.headers[name] = problem.headers[name]
        return page

    return answer


def _wants_page(request: Request) -> bool:
    """A browser says so when it goes somewhere; the interfaces for machines keep to their own documents."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(_FOR_MACHINES)
