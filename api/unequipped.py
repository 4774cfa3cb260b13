"""`GET /v1/coverage/unequipped`: the professionals of an area who cannot be reached by mailbox yet."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Parameter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import answers, cursors
from api.access import Asking
from api.filters import Filters, Texts
from api.parameters import LIMITED, most_of
from api.problems import declared
from directory import nomenclature
from directory.errors import InvalidInput
from directory.index.coverage import unequipped
from directory.index.reader import Index
from directory.query import And, Field, Has, Not, Or, Predicate
from directory.settings import Settings

PATH: Final = "/v1/coverage/unequipped"
EXAMPLE: Final = {
    "register": {"revision": 3, "as_of": "2026-01-15T03:15:00Z", "source": "RPPS, Annuaire Santé (ANS)"},
    "total": 431,
    "matches": [{"kind": "practitioner", "practitioner": {"family_name": "LEFÈVRE", "mailboxes": []}}],
    "complete": False,
    "next": "/v1/coverage/unequipped?commune=69123&cursor=bqXl1…",
}


class AreaParameters(BaseModel):
    """An area, as the places that it is made of together, and who is looked for there."""

    model_config = ConfigDict(extra="forbid")

    commune: Texts | None = Parameter(None, description="Commune, INSEE code.", examples=[["69123"]])
    postal_code: Texts | None = Parameter(None, description="Postal code.", examples=[["69003"]])
    city: Texts | None = Parameter(None, description="Town, accents and case aside.", examples=[["Lyon"]])
    department: Texts | None = Parameter(None, description="Département, code or name.", examples=[["69"]])
    profession: Texts | None = Parameter(None, description="Profession code.", examples=[["10"]])
    expertise: Texts | None = Parameter(None, description="Savoir-faire code.")
    limit: int | None = Parameter(None, ge=1, description=f"Most professionals of one answer. {LIMITED}")
    cursor: str | None = Parameter(None, max_length=100, description="Where to go on: from `next`, as it stands.")

    @property
    def search(self) -> str:
        """What stands for this list in its cursors."""
        return "unequipped" + self.model_dump_json(exclude={"cursor"}, exclude_defaults=True)

    def who(self) -> Predicate:
        """Who is looked for."""
        return Filters(profession=self.profession, expertise=self.expertise).predicate()

    def places(self) -> Predicate | None:
        """The places that a predicate can tell; None where there are none.

        Raises:
            InvalidInput: a département does not exist.
        """
        given = {"postal_code": self.postal_code, "city": self.city, "department": self.department}
        parts = tuple(Filters.model_validate({name: named}).predicate() for name, named in given.items() if named)
        return Or(parts) if parts else None

    def communes(self) -> dict[str, str]:
        """The communes, each with its département.

        Raises:
            InvalidInput: a code is none of a commune.
        """
        found = {}
        for given in self.commune or ():
            code = given.strip().upper()
            department = nomenclature.department_of(code, None)
            if department is None:
                raise InvalidInput(
                    f"commune: {given!r} is no INSEE code", fr=f"commune : {given!r} n'est pas un code INSEE"
                )
            found[code] = department
        return found


def router(settings: Settings, index: Index) -> APIRouter:
    routes = APIRouter(tags=["coverage"])

    @routes.get(
        PATH,
        summary="The professionals of an area who have no mailbox yet",
        description="An area is communes, postal codes, towns and départements, all of them together. `next` leads to "
        f"those that follow, at the same revision. In profile `public`, more than {settings.http_walk_records} of "
        "them need a key with the scope `export`. As a file: `/v1/exports/practitioners.csv?has_mailbox=false&…`.",
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}, **declared(410)},
    )
    async def listed(asking: Asking, asked: Annotated[AreaParameters, Query()]) -> Response:
        limit = most_of(settings, asked.limit)
        places, communes = asked.places(), asked.communes()
        if places is None and not communes:
            raise InvalidInput("name at least one place", fr="indiquez au moins un lieu")
        asking.asks(And((asked.who(), Not(Has(Field.MAIL)), *((places,) if places is not None else ()))))
        check = functools.partial(cursors.check_walk, settings, asking)
        numbers, body = await run_in_threadpool(_answer, settings, index, asked, places, communes, limit, check)
        asking.sends(numbers)
        return answers.answer(body, {"Link": f'<{body["next"]}>; rel="next"'} if "next" in body else None)

    return routes


def _answer(
    settings: Settings,
    index: Index,
    asked: AreaParameters,
    places: Predicate | None,
    communes: dict[str, str],
    limit: int,
    check: Callable[[int], None],
) -> tuple[list[int], dict[str, Any]]:
    with index.read() as snapshot:
        place = cursors.place_of(snapshot, asked.search, asked.cursor) if asked.cursor else 0
        check(place + limit)
        every = unequipped(snapshot, asked.who(), places, communes, settings.search_time_limit_s)
        numbers = every.stretch(place, limit)
        body = {
            "register": answers.register(snapshot.state),
            "total": len(every),
            "matches": [
                {"kind": "practitioner", "practitioner": orjson.Fragment(snapshot.document(number).json)}
                for number in numbers
            ],
            "complete": len(every) <= place + limit,
        }
        if not body["complete"]:
            given = asked.model_dump(exclude={"cursor"}, exclude_none=True)
            token = cursors.cursor(snapshot, asked.search, place + limit)
            body["next"] = f"{PATH}?{urlencode({**given, 'cursor': token}, doseq=True)}"
        return numbers, body
