"""`GET /v1/coverage`: how many professionals can be reached by mailbox, by profession and département."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Parameter
from starlette.requests import Request
from starlette.responses import Response

from api import answers
from directory import nomenclature
from directory.errors import InvalidInput
from directory.index.coverage import ALL, Cell, coverage
from directory.index.reader import Index

EXAMPLE: Final = {
    "register": {"revision": 3, "as_of": "2026-01-15T03:15:00Z", "source": "RPPS, Annuaire Santé (ANS)"},
    "cells": [
        {
            "profession": {"code": "10", "label": "Médecin"},
            "department": {"code": "69", "label": "Rhône"},
            "professionals": 12034,
            "reachable": 8120,
        }
    ],
}


class CoverageParameters(BaseModel):
    """What may be asked; an unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid")

    profession: str | None = Parameter(None, max_length=10, description="Only this profession.", examples=["10"])
    department: str | None = Parameter(
        None, max_length=40, description="Only this département, by code or name.", examples=["69"]
    )


def router(index: Index) -> APIRouter:
    routes = APIRouter(tags=["coverage"])

    @routes.get(
        "/v1/coverage",
        summary="How many professionals have a mailbox, by profession and département",
        description="A cell without a profession counts all of them, one without a département all of France. Who has "
        "two professions, or works in two départements, counts in each of them, and once in a total.",
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}},
    )
    @routes.head("/v1/coverage", include_in_schema=False)
    async def counts(request: Request, asked: Annotated[CoverageParameters, Query()]) -> Response:
        profession = nomenclature.current_profession_code(asked.profession) if asked.profession else None
        department = department_code(asked.department) if asked.department else None
        with index.read() as snapshot:
            if (same := answers.unchanged(request, snapshot.state)) is not None:
                return same
            cells = [
                _shown(cell)
                for cell in coverage(snapshot)
                if profession in (None, cell.profession) and department in (None, cell.department)
            ]
            body = {"register": answers.register(snapshot.state), "cells": cells}
            return answers.answer(body, {"ETag": answers.etag(snapshot.state)})

    return routes


def department_code(text: str) -> str:
    """A département's code, by code or name.

    Raises:
        InvalidInput: there is none of this name.
    """
    code = nomenclature.department_code(text)
    if code is None:
        raise InvalidInput(f"department: {text!r} is none", fr=f"department : {text!r} n'en est pas un")
    return code


def _shown(cell: Cell) -> dict[str, Any]:
    return {
        "profession": _coded(cell.profession, nomenclature.label("professions", cell.profession)),
        "department": _coded(cell.department, nomenclature.department_label(cell.department)),
        "professionals": cell.professionals,
        "reachable": cell.reachable,
    }


def _coded(code: str, label: str | None) -> dict[str, str | None] | None:
    return None if code == ALL else {"code": code, "label": label}
