"""Who has no mailbox yet in an area: a département, or those of its towns that were chosen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access import Asking
from api.cursors import check_walk
from api.filters import Filters
from api.web.rendering import READABLE, render
from api.web.results import result
from directory import nomenclature
from directory.errors import InvalidInput
from directory.index.coverage import towns, unequipped
from directory.index.reader import Index
from directory.query import And, Field, Has, Not, Predicate
from directory.settings import Settings

PEOPLE: Final = 30
"""Professionals of one page."""
_MOST_TOWNS: Final = 100


@dataclass(frozen=True, slots=True)
class Area:
    """What the address of the page asks for."""

    department: str  # code
    towns: tuple[str, ...]  # INSEE codes, names where the register gives no code; none: all of them
    profession: str  # code, or empty

    @classmethod
    def of(cls, request: Request) -> Area:
        """
        Raises:
            InvalidInput: there is no such département or profession, or there are too many towns.
        """
        asked = request.query_params
        department, profession = asked.get("department", ""), asked.get("profession", "")
        towns = tuple(dict.fromkeys(town[:60] for town in asked.getlist("commune") if town.strip()))
        if department not in nomenclature.codes("departments"):
            raise InvalidInput("name a département", fr="indiquez un département")
        if profession and profession not in nomenclature.codes("professions"):
            raise InvalidInput("there is no such profession", fr="cette profession n'existe pas")
        if len(towns) > _MOST_TOWNS:
            raise InvalidInput(f"at most {_MOST_TOWNS} towns", fr=f"au plus {_MOST_TOWNS} communes")
        return cls(department, towns, profession)

    @property
    def who(self) -> Predicate:
        return Filters(profession=[self.profession] if self.profession else None).predicate()

    @property
    def communes(self) -> dict[str, str]:
        """The towns that are given by their code."""
        return {town: self.department for town in self.towns if _is_code(town)}

    @property
    def places(self) -> Predicate | None:
        """The rest of the area."""
        if not self.towns:
            return Filters(department=[self.department]).predicate()
        named = [town for town in self.towns if not _is_code(town)]
        return Filters(department=[self.department], city=named).predicate() if named else None

    @property
    def asked(self) -> Predicate:
        """All of it, for the caller's budget."""
        department = Filters(department=[self.department]).predicate()
        return And((self.who, department, Not(Has(Field.MAIL))))

    @property
    def parameters(self) -> dict[str, str | list[str]]:
        """What the addresses of its pages say."""
        return {"department": self.department, "commune": list(self.towns), "profession": self.profession}

    @property
    def machine(self) -> str:
        """The same list for programs, whose areas are places taken together."""
        towns = [("commune" if _is_code(town) else "city", town) for town in self.towns]
        places = towns or [("department", self.department)]
        return "/v1/coverage/unequipped?" + urlencode(
            [*places, *([("profession", self.profession)] if self.profession else ())]
        )


def router(settings: Settings, index: Index) -> APIRouter:
    routes = APIRouter()

    @routes.api_route("/coverage/unequipped", methods=READABLE)
    async def unequipped_page(request: Request, asking: Asking) -> Response:
        area = Area.of(request)
        given = request.query_params.get("from", "")
        offset = int(given) if re.fullmatch(r"[0-9]{1,6}", given, re.ASCII) else 0
        asking.asks(area.asked)
        check_walk(settings, asking, offset + PEOPLE)
        numbers, answer = await run_in_threadpool(_page, request, settings, index, area, offset)
        asking.sends(numbers)
        return answer

    return routes


def _page(request: Request, settings: Settings, index: Index, area: Area, offset: int) -> tuple[list[int], Response]:
    with index.read() as snapshot:
        every = unequipped(snapshot, area.who, area.places, area.communes, settings.search_time_limit_s)
        numbers = every.stretch(offset, PEOPLE)
        names = {town.code: town.name for town in towns(snapshot, area.department)}
        answer = render(
            request,
            "unequipped.html",
            snapshot.state,
            area=area,
            towns=[names.get(town, town) for town in area.towns],
            total=len(every),
            people=[result(snapshot.document(number)) for number in numbers],
            before=max(0, offset - PEOPLE) if offset else None,
            after=offset + PEOPLE if offset + PEOPLE < len(every) else None,
            profession_label=nomenclature.label("professions", area.profession) or "",
            department_label=nomenclature.label("departments", area.department) or "",
        )
        return numbers, answer


def _is_code(town: str) -> bool:
    return re.fullmatch(r"[0-9][0-9AB][0-9]{3}", town) is not None
