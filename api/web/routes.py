"""The routes of the pages: search, legal notice, guide, and the files they use; cards and figures have their own."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from api.access import Asking, Visit
from api.evidence import Past
from api.problems import language
from api.web import area_routes, assets, card_routes, choices, coverage, figure_routes, guide, guide_texts
from api.web.asked import Asked
from api.web.rendering import READABLE, render, state_of
from api.web.results import search
from api.web.texts import TEXTS
from directory.errors import InvalidInput, NotFound, QueryTooComplex, Unavailable
from directory.index.reader import Index
from directory.model import RegisterState
from directory.settings import Settings

_FIRST, _MOST = 20, 60  # results of a page, and of one that was asked for more
_EXAMPLES: Final = ("martin kiné lyon", "cardiologue marseille", "infirmier 33000", "pharmacie nantes")
# Cards say themselves that they are not to be listed; this spares their being fetched.
_ROBOTS: Final = "User-agent: *\n" + "".join(
    f"Disallow: {path}\n" for path in ("/p/", "/s/", "/m/", "/results", "/v1/", "/fhir/")
)


def router(settings: Settings, index: Index, app: FastAPI, past: Past) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.api_route("/", methods=READABLE)
    async def home(request: Request, asking: Asking) -> Response:
        return _search(request, asking, settings, index, "search.html")

    @routes.api_route("/results", methods=READABLE)
    async def results(request: Request, asking: Asking) -> Response:
        """The list alone, for the script that asks while one types."""
        return _search(request, asking, settings, index, "results.html")

    @routes.api_route("/legal", methods=READABLE)
    async def legal(request: Request) -> Response:
        operator, contact = settings.operator, settings.operator_contact
        return render(request, "legal.html", state_of(index), listed=True, operator=operator, contact=contact)

    @routes.api_route("/docs", methods=READABLE)
    async def guide_page(request: Request) -> Response:
        operations = guide.operations(app.openapi(), str(request.base_url).rstrip("/"), language(request))
        return render(request, "guide.html", state_of(index), listed=True, operations=operations)

    @routes.api_route("/guide", methods=READABLE)
    async def guide_list(request: Request) -> Response:
        return render(request, "guides.html", state_of(index), listed=True, names=guide_texts.NAMES)

    @routes.api_route("/guide/{name}", methods=READABLE)
    async def guide_text(request: Request, name: str) -> Response:
        if name not in guide_texts.NAMES:
            raise NotFound(f"there is no guide {name[:40]}", fr=f"il n'y a pas de guide {name[:40]}")
        tongue, base = language(request), str(request.base_url).rstrip("/")
        text = guide_texts.guide(name, tongue, base, settings.ldap_port, TEXTS[tongue]["guide_example"])
        return render(request, "guide_text.html", state_of(index), listed=True, name=name, text=text)

    @routes.api_route("/static/{name}", methods=READABLE)
    async def static(request: Request, name: str) -> Response:
        return assets.serve(request, name)

    @routes.api_route("/robots.txt", methods=READABLE)
    async def robots() -> Response:
        return Response(_ROBOTS, media_type="text/plain; charset=utf-8")

    routes.include_router(card_routes.router(index))
    routes.include_router(area_routes.router(settings, index))
    routes.include_router(figure_routes.router(settings, index, past))
    return routes


def _search(request: Request, asking: Visit, settings: Settings, index: Index, template: str) -> Response:
    asked = Asked.of(request.query_params)
    limit = _MOST if request.query_params.get("more") else _FIRST
    shown: dict[str, Any] = {"found": None, "refused": None, "whole": None, "counts": {}, "offered": {}}
    state: RegisterState | None = None
    status = 200
    try:
        with index.read() as snapshot:
            state = snapshot.state
            shown["offered"] = choices.of_everything(snapshot, settings)
            if asked.anything:
                shown["found"] = found = search(snapshot, settings, asking, asked, limit)
                shown["offered"] = choices.choices(snapshot, settings, asked, found.every)
            else:
                shown |= {"whole": coverage.whole(snapshot), "counts": snapshot.counts()}
    except (InvalidInput, QueryTooComplex, Unavailable) as error:
        # Shown where the list would be: what was typed stays in the box.
        shown["refused"] = error.fr if language(request) == "fr" else error.message
        status = 503 if isinstance(error, Unavailable) else 422
    return render(
        request,
        template,
        state,
        status=status,
        listed=not asked.anything,
        asked=asked,
        alone=template == "results.html",
        can_more=limit < _MOST,
        examples=_EXAMPLES,
        **shown,
    )
