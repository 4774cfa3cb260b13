"""The pages to look at rather than read: who is equipped, and what the register holds."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.evidence import Past
from api.health import freshness
from api.web import coverage
from api.web.rendering import READABLE, render
from directory import nomenclature
from directory.errors import NotFound, Unavailable
from directory.index.reader import Index
from directory.settings import Settings

_IMPORTS: Final = 6  # the last ones; all of them have a page of their own


def router(settings: Settings, index: Index, past: Past) -> APIRouter:
    routes = APIRouter()

    @routes.api_route("/coverage", methods=READABLE)
    async def coverage_page(request: Request) -> Response:
        profession = _code(request, "profession", "professions")
        department = _code(request, "department", "departments")
        return await run_in_threadpool(_coverage, request, index, profession, department)

    @routes.api_route("/register", methods=READABLE)
    async def register_page(request: Request) -> Response:
        health, age_s = freshness(settings, index)
        imports = await run_in_threadpool(_imports, past) if health == "ready" else None
        with index.read() as snapshot:
            return render(
                request,
                "register.html",
                snapshot.state,
                listed=True,
                health=health,
                age_s=age_s,
                counts=snapshot.counts(),
                imports=imports,
                passages=list(reversed(index.passages())),
                whole=coverage.whole(snapshot),
            )

    return routes


def _imports(past: Past) -> list[dict[str, Any]] | None:
    """The last imports; None while the register, which alone remembers them, cannot be reached."""
    try:
        return past.evidence.runs(_IMPORTS)
    except Unavailable:
        return None


def _coverage(request: Request, index: Index, profession: str, department: str) -> Response:
    with index.read() as snapshot:
        departments = coverage.by_department(snapshot, profession)
        return render(
            request,
            "coverage.html",
            snapshot.state,
            listed=True,
            whole=coverage.whole(snapshot, profession=profession, department=department),
            line=coverage.line(index.measured(profession, department)),
            departments=departments,
            tiles=coverage.tiles(departments),
            classes=coverage.classes(departments),
            towns=coverage.by_town(snapshot, department, profession) if department else (),
            professions=coverage.by_profession(snapshot, department),
            profession=profession,
            department=department,
            profession_label=nomenclature.label("professions", profession) or "",
            department_label=nomenclature.label("departments", department) or "",
        )


def _code(request: Request, name: str, list_name: str) -> str:
    """A code of a list that the address gives, or nothing.

    Raises:
        NotFound: it is not in the list.
    """
    code = request.query_params.get(name, "")
    if code and code not in nomenclature.codes(list_name):
        raise NotFound(f"no {name} has this code", fr="aucune entrée de la liste ne porte ce code")
    return code
