"""`GET /v1/search`: free text and filters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Parameter
from starlette.responses import Response

from api.access import Asking
from api.answers import answer, matches, register
from directory import nomenclature
from directory.errors import InvalidInput
from directory.index.answers import Page
from directory.index.reader import Index, Snapshot
from directory.model import Kind
from directory.query import And, Anything, Field, Has, Is, Like, Not, Or, Predicate, Resolves, TextQuery
from directory.query import Query as FieldQuery
from directory.settings import Settings

KindName = Literal["practitioner", "organization", "mailbox"]
_ALL = (Kind.PRACTITIONER, Kind.ORGANIZATION, Kind.MAILBOX)

EXAMPLE = {
    "register": {"revision": 3, "as_of": "2026-01-15T03:15:00Z", "source": "RPPS, Annuaire Santé (ANS)"},
    "query": "lefebvre lyon",
    "matches": [{"score": 0.97, "kind": "practitioner", "practitioner": {"family_name": "LEFÈVRE"}}],
    "complete": True,
}


class SearchParameters(BaseModel):
    """What may be asked; an unknown parameter is refused, because a filter that is silently ignored misleads."""

    model_config = ConfigDict(extra="forbid")

    q: str = Parameter("", max_length=200, description="What to look for.", examples=["lefebvre lyon kine"])
    kind: list[KindName] | None = Parameter(None, description="Only records of these kinds.")
    limit: int | None = Parameter(None, ge=1, le=1000, description="Most matches.")
    profession: str | None = Parameter(None, max_length=10, description="Profession code.", examples=["10"])
    expertise: str | None = Parameter(None, max_length=20, description="Savoir-faire code.", examples=["SM54"])
    city: str | None = Parameter(None, max_length=60, description="Town, accents and case aside.")
    department: str | None = Parameter(None, max_length=40, description="Département, code or name.", examples=["69"])
    postal_code: str | None = Parameter(None, max_length=10, description="Postal code.")
    has_mailbox: bool | None = Parameter(None, description="Reachable by mailbox, or not.")
    mailbox_type: Literal["PER", "ORG", "APP", "CAB"] | None = Parameter(None, description="Type of mailbox.")
    explain: bool = Parameter(False, description="Say how each score is made.")


def router(settings: Settings, index: Index) -> APIRouter:
    routes = APIRouter(tags=["search"])

    @routes.get(
        "/v1/search",
        summary="Find professionals, structures and mailboxes",
        description="Name, place, profession, structure, identifier or address, in any order; accents, case and "
        "typos are forgiven. At least one of `q` and the filters must be given.",
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}},
    )
    @routes.head("/v1/search", include_in_schema=False)
    async def search(asking: Asking, asked: Annotated[SearchParameters, Query()]) -> Response:
        where = _where(asked)
        if not asked.q.strip() and isinstance(where, Anything):
            raise InvalidInput("give q, or at least one filter", fr="indiquez q, ou au moins un filtre")
        if asked.limit is not None and asked.limit > settings.http_limit_max:
            most = settings.http_limit_max
            raise InvalidInput(f"limit: at most {most}", fr=f"limit : au plus {most}")
        kinds = tuple(map(Kind, asked.kind)) if asked.kind else _ALL
        limit = asked.limit or settings.http_limit
        asking.asks(And((Resolves(asked.q), where)) if asked.q.strip() else where)
        with index.read() as snapshot:
            page = find(snapshot, settings, asked.q, kinds, where, limit, explain=asked.explain)
            asking.sends([match.document.number for match in page.matches])
            body: dict[str, Any] = {
                "register": register(page.state),
                "query": asked.q,
                "matches": matches(page.matches, explain=asked.explain),
                "complete": page.complete,
            }
            if asked.explain:
                body["steps"] = [dict(step) for step in page.steps]
            return answer(body)

    return routes


def find(
    snapshot: Snapshot,
    settings: Settings,
    text: str,
    kinds: tuple[Kind, ...],
    where: Predicate,
    limit: int,
    *,
    explain: bool = False,
) -> Page:
    """By words where there are any, else by the filters alone."""
    deadline_s = settings.search_time_limit_s
    if text.strip():
        query = TextQuery(text=text, kinds=kinds, where=where, limit=limit, explain=explain, deadline_s=deadline_s)
        return snapshot.search(query)
    return snapshot.find(FieldQuery(predicate=where, kinds=kinds, limit=limit, deadline_s=deadline_s))


def _where(asked: SearchParameters) -> Predicate:
    parts: list[Predicate] = []
    if asked.profession:
        parts.append(Is(Field.PROFESSION, nomenclature.current_profession_code(asked.profession)))
    if asked.expertise:
        parts.append(Is(Field.EXPERTISE, asked.expertise))
    if asked.city:
        parts.append(Or((Is(Field.CITY, asked.city), Like(Field.CITY, initial=asked.city + " "))))
    if asked.department:
        code = nomenclature.department_code(asked.department)
        if code is None:
            name = asked.department
            raise InvalidInput(f"department: {name!r} is none", fr=f"department : {name!r} n'en est pas un")
        parts.append(Is(Field.DEPARTMENT_CODE, code))
    if asked.postal_code:
        parts.append(Is(Field.POSTAL_CODE, asked.postal_code))
    if asked.has_mailbox is not None:
        parts.append(Has(Field.MAIL) if asked.has_mailbox else Not(Has(Field.MAIL)))
    if asked.mailbox_type:
        parts.append(Is(Field.MAILBOX_TYPE, asked.mailbox_type))
    return And(tuple(parts)) if parts else Anything()
