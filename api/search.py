"""`GET /v1/search`: free text and filters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import answer, matches, register
from api.parameters import known_only
from directory import nomenclature
from directory.errors import InvalidInput
from directory.index.answers import Page
from directory.index.reader import Index, Snapshot
from directory.model import Kind
from directory.query import And, Anything, Field, Has, Is, Like, Not, Or, Predicate, TextQuery
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
    async def search(
        request: Request,
        q: Annotated[str, Query(max_length=200, description="What to look for.", examples=["lefebvre lyon kine"])] = "",
        kind: Annotated[list[KindName] | None, Query(description="Only records of these kinds.")] = None,
        limit: Annotated[int | None, Query(ge=1, le=1000, description="Most matches.")] = None,
        profession: Annotated[str | None, Query(max_length=10, description="Profession code.", examples=["10"])] = None,
        expertise: Annotated[
            str | None, Query(max_length=20, description="Savoir-faire code.", examples=["SM54"])
        ] = None,
        city: Annotated[str | None, Query(max_length=60, description="Town, accents and case aside.")] = None,
        department: Annotated[
            str | None, Query(max_length=40, description="Département, code or name.", examples=["69"])
        ] = None,
        postal_code: Annotated[str | None, Query(max_length=10, description="Postal code.")] = None,
        has_mailbox: Annotated[bool | None, Query(description="Reachable by mailbox, or not.")] = None,
        mailbox_type: Annotated[
            Literal["PER", "ORG", "APP", "CAB"] | None, Query(description="Type of mailbox.")
        ] = None,
        explain: Annotated[bool, Query(description="Say how each score is made.")] = False,
    ) -> Response:
        known_only(request, search)
        where = _where(
            profession=profession,
            expertise=expertise,
            city=city,
            department=department,
            postal_code=postal_code,
            has_mailbox=has_mailbox,
            mailbox_type=mailbox_type,
        )
        if not q.strip() and isinstance(where, Anything):
            raise InvalidInput("give q, or at least one filter", fr="indiquez q, ou au moins un filtre")
        if limit is not None and limit > settings.http_limit_max:
            most = settings.http_limit_max
            raise InvalidInput(f"limit: at most {most}", fr=f"limit : au plus {most}")
        kinds = tuple(Kind(name) for name in kind) if kind else _ALL
        with index.read() as snapshot:
            page = find(snapshot, settings, q, kinds, where, limit or settings.http_limit, explain=explain)
            body: dict[str, Any] = {
                "register": register(page.state),
                "query": q,
                "matches": matches(page.matches, explain=explain),
                "complete": page.complete,
            }
            if explain:
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


def _where(
    *,
    profession: str | None,
    expertise: str | None,
    city: str | None,
    department: str | None,
    postal_code: str | None,
    has_mailbox: bool | None,
    mailbox_type: str | None,
) -> Predicate:
    parts: list[Predicate] = []
    if profession:
        parts.append(Is(Field.PROFESSION, nomenclature.current_profession_code(profession)))
    if expertise:
        parts.append(Is(Field.EXPERTISE, expertise))
    if city:
        parts.append(Or((Is(Field.CITY, city), Like(Field.CITY, initial=city + " "))))
    if department:
        code = nomenclature.department_code(department)
        if code is None:
            raise InvalidInput(f"department: {department!r} is none", fr=f"department : {department!r} n'en est pas un")
        parts.append(Is(Field.DEPARTMENT_CODE, code))
    if postal_code:
        parts.append(Is(Field.POSTAL_CODE, postal_code))
    if has_mailbox is not None:
        parts.append(Has(Field.MAIL) if has_mailbox else Not(Has(Field.MAIL)))
    if mailbox_type:
        parts.append(Is(Field.MAILBOX_TYPE, mailbox_type))
    return And(tuple(parts)) if parts else Anything()
