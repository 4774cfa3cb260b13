"""`GET /v1/coverage`: how many professionals can be reached by mailbox, by profession and place, and how that was on
the days before."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic import Field as Parameter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import answers
from api.refusals import refused
from directory import nomenclature
from directory.errors import InvalidInput
from directory.index.coverage import ALL, Cell, TownCell, coverage, coverage_of_towns
from directory.index.reader import Index, Snapshot

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
HISTORY_EXAMPLE: Final = {
    "register": EXAMPLE["register"],
    "profession": {"code": "10", "label": "Médecin"},
    "department": {"code": "69", "label": "Rhône"},
    "days": [
        {"day": "2026-01-14", "professionals": 12031, "reachable": 8105},
        {"day": "2026-01-15", "professionals": 12034, "reachable": 8120},
    ],
}


def _written_as_a_day(text: str) -> str:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise refused("a day is written as 2026-01-15", fr="un jour s'écrit comme 2026-01-15")
    return text


Day = Annotated[dt.date, BeforeValidator(_written_as_a_day)]
"""Not the seconds since 1970, which pydantic would take for a date."""


class CellParameters(BaseModel):
    """Which counts are asked for; an unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid")

    profession: str | None = Parameter(None, max_length=10, description="Only this profession.", examples=["10"])
    department: str | None = Parameter(
        None, max_length=40, description="Only this département, by code or name.", examples=["69"]
    )

    def codes(self) -> tuple[str | None, str | None]:
        """The codes of both.

        Raises:
            InvalidInput: there is no such département.
        """
        profession = nomenclature.current_profession_code(self.profession) if self.profession else None
        return profession, department_code(self.department) if self.department else None


class CoverageParameters(CellParameters):
    """What may be asked."""

    by: Literal["department", "commune"] = Parameter(
        "department", description="Count by département, or by the communes of one département."
    )


class HistoryParameters(CellParameters):
    """What may be asked of the days before."""

    since: Day | None = Parameter(None, description="From this day on.", examples=["2026-01-01"])
    until: Day | None = Parameter(None, description="Up to this day.", examples=["2030-12-31"])


def router(index: Index) -> APIRouter:
    routes = APIRouter(tags=["coverage"])

    @routes.get(
        "/v1/coverage",
        summary="How many professionals have a mailbox, by profession and département, or commune",
        description="A cell without a profession counts all of them, one without a département all of France. Who has "
        "two professions, or works in two départements, counts in each of them, and once in a total. With "
        "`by=commune` and a département, cells are those of its communes (`commune`: the INSEE code, null where the "
        "register gives the town's name alone).",
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}, **answers.UNCHANGED},
    )
    @routes.head("/v1/coverage", include_in_schema=False)
    async def counts(request: Request, asked: Annotated[CoverageParameters, Query()]) -> Response:
        profession, department = asked.codes()
        with index.read() as snapshot:
            if (same := answers.unchanged(request, snapshot.state)) is not None:
                return same
            if asked.by == "department":
                cells = [
                    _shown(cell)
                    for cell in coverage(snapshot)
                    if profession in (None, cell.profession) and department in (None, cell.department)
                ]
                return _answer(snapshot, cells)
        if department is None:
            raise InvalidInput("by=commune: name a département", fr="by=commune : indiquez un département")
        return await run_in_threadpool(_by_commune, index, profession, department)

    @routes.get(
        "/v1/coverage/history",
        summary="How many professionals had a mailbox on the days before",
        description="One profession, one département, both, or all of France. Each node notes the counts once a day: "
        "the days of more than a year, and the first one of each month before that. A day is that of the register's "
        "data.",
        responses={200: {"content": {"application/json": {"example": HISTORY_EXAMPLE}}}},
    )
    async def history(asked: Annotated[HistoryParameters, Query()]) -> Response:
        profession, department = asked.codes()
        measures = await run_in_threadpool(index.measured, profession or ALL, department or ALL)
        days = [
            measure._asdict()
            for measure in measures
            if (asked.since or dt.date.min) <= measure.day <= (asked.until or dt.date.max)
        ]
        with index.read() as snapshot:
            register = answers.register(snapshot.state)
        return answers.answer(
            {"register": register, **_named(profession or ALL, department or ALL), "days": days},
        )

    return routes


def _by_commune(index: Index, profession: str | None, department: str) -> Response:
    with index.read() as snapshot:
        cells = [_shown_town(cell, department) for cell in coverage_of_towns(snapshot, department, profession)]
        return _answer(snapshot, cells)


def _answer(snapshot: Snapshot, cells: list[dict[str, Any]]) -> Response:
    body = {"register": answers.register(snapshot.state), "cells": cells}
    return answers.answer(body, {"ETag": answers.etag(snapshot.state)})


def department_code(text: str) -> str:
    """A département's code, by code or name.

    Raises:
        InvalidInput: there is none of this name.
    """
    code = nomenclature.department_code(text)
    if code is None:
        raise InvalidInput(f"department: {text!r} is none", fr=f"department : {text!r} n'en est pas un")
    return code


def _named(profession: str, department: str) -> dict[str, Any]:
    return {
        "profession": _coded(profession, nomenclature.label("professions", profession)),
        "department": _coded(department, nomenclature.department_label(department)),
    }


def _shown(cell: Cell) -> dict[str, Any]:
    return {
        **_named(cell.profession, cell.department),
        "professionals": cell.professionals,
        "reachable": cell.reachable,
    }


def _shown_town(cell: TownCell, department: str) -> dict[str, Any]:
    return {
        **_named(cell.profession, department),
        "commune": {"code": cell.town.code or None, "label": cell.town.name},
        "professionals": cell.professionals,
        "reachable": cell.reachable,
    }


def _coded(code: str, label: str | None) -> dict[str, str | None] | None:
    return None if code == ALL else {"code": code, "label": label}
