"""`GET /v1/search`: free text and filters, facets with counts, walks by cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import Field as Parameter
from starlette.responses import Response

from api import answers, cursors
from api.access import Asking, Visit
from api.answers import matches, register
from api.filters import ALL_KINDS, Filters, KindName
from api.parameters import LIMITED, most_of
from api.problems import declared
from directory import nomenclature
from directory.errors import InvalidInput
from directory.index import found
from directory.index.answers import Match, Page
from directory.index.found import Count, Found
from directory.index.reader import Index, Snapshot
from directory.model import Kind
from directory.query import And, Anything, Field, Predicate, Resolves, TextQuery
from directory.query import Query as FieldQuery
from directory.settings import Settings

_OF_TEXT: Final = 200
"""Matches of words that a walk goes through: what comes later is less and less like what was meant."""
_FACET_VALUES: Final = 50

EXAMPLE: Final = {
    "register": {"revision": 3, "as_of": "2026-01-15T03:15:00Z", "source": "RPPS, Annuaire Santé (ANS)"},
    "query": "lefebvre lyon",
    "matches": [{"score": 0.97, "kind": "practitioner", "practitioner": {"family_name": "LEFÈVRE"}}],
    "complete": False,
    "next": "/v1/search?q=lefebvre+lyon&cursor=bqXl1…",
    "facets": {"profession": [{"value": "10", "label": "Médecin", "count": 12}]},
}


class SearchParameters(Filters):
    """What may be asked."""

    q: str = Parameter("", max_length=200, description="What to look for.", examples=["lefebvre lyon kine"])
    kind: list[KindName] | None = Parameter(None, description="Only records of these kinds.")
    facets: str | None = Parameter(
        None,
        max_length=100,
        description="Counts by value over all matches, of: kind, profession, expertise, department, mailbox_type, "
        "has_mailbox; several separated by commas.",
        examples=["profession,department"],
    )
    limit: int | None = Parameter(None, ge=1, description=f"Most matches of one answer. {LIMITED}")
    cursor: str | None = Parameter(None, max_length=100, description="Where to go on: from `next`, as it stands.")
    explain: bool = Parameter(False, description="Say how each score is made.")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(map(Kind, self.kind)) if self.kind else ALL_KINDS

    @property
    def search(self) -> str:
        """What stands for this search in its cursors."""
        return self.model_dump_json(exclude={"cursor", "facets", "explain"}, exclude_defaults=True)


def router(settings: Settings, index: Index) -> APIRouter:
    routes = APIRouter(tags=["search"])

    @routes.get(
        "/v1/search",
        summary="Find professionals, structures and mailboxes",
        description="Name, place, profession, structure, identifier or address, in any order; accents, case and "
        "typos are forgiven. At least one of `q` and the filters must be given. `next` leads to the following "
        "matches, at the same revision; once the register has moved on it is 410. `total` counts the matches of "
        f"filters; with `q`, the best {_OF_TEXT} can be walked through.",
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}, **answers.UNCHANGED, **declared(410)},
    )
    @routes.head("/v1/search", include_in_schema=False)
    async def search(request: Request, asking: Asking, asked: Annotated[SearchParameters, Query()]) -> Response:
        searching = Searching(settings, asked)
        asking.asks(searching.predicate)
        with index.read() as snapshot:
            if (same := answers.unchanged(request, snapshot.state)) is not None:
                return same
            body = searching.answer(snapshot, asking, request.url.path)
            headers = {"ETag": answers.etag(snapshot.state)}
            if "next" in body:
                headers["Link"] = f'<{body["next"]}>; rel="next"'
            return answers.answer(body, headers)

    return routes


class Searching:
    """One search, as it was asked for."""

    def __init__(self, settings: Settings, asked: SearchParameters) -> None:
        self._settings = settings
        self._asked = asked
        self._text = asked.q if asked.q.strip() else ""
        self._where = asked.predicate()
        self._facets = _facets_of(asked.facets)
        if not self._text and isinstance(self._where, Anything):
            raise InvalidInput("give q, or at least one filter", fr="indiquez q, ou au moins un filtre")
        self._limit = most_of(settings, asked.limit)

    @property
    def predicate(self) -> Predicate:
        """What is asked, for the caller's budget."""
        return And((Resolves(self._text), self._where)) if self._text else self._where

    def answer(self, snapshot: Snapshot, asking: Visit, path: str) -> dict[str, Any]:
        """The body of the answer.

        Raises:
            Gone: the cursor is of another revision.
            InvalidInput: it is none of this search; or the walk is too long.
        """
        asked = self._asked
        place = cursors.place_of(snapshot, asked.search, asked.cursor) if asked.cursor else 0
        cursors.check_walk(self._settings, asking, place + self._limit)
        shown, more, body = (self._by_words if self._text else self._by_filters)(snapshot, place)
        asking.sends([match.document.number for match in shown])
        body = {
            "register": register(snapshot.state),
            "query": asked.q,
            "matches": matches(shown, explain=asked.explain),
            "complete": not more,
            **body,
        }
        if more:
            body["next"] = self._next(cursors.cursor(snapshot, asked.search, place + self._limit), path)
        return body

    def _by_words(self, snapshot: Snapshot, place: int) -> tuple[Sequence[Match], bool, dict[str, Any]]:
        page = self._page(snapshot, self._limit)
        body: dict[str, Any] = {"steps": [dict(step) for step in page.steps]} if self._asked.explain else {}
        if self._facets:
            query = TextQuery(text=self._text, kinds=self._asked.kinds, where=self._where)
            known = [match.document.number for match in page.matches]
            body["facets"] = self._counted(found.meant(snapshot, query, known))
        if not place:
            return page.matches, not page.complete, body
        first = {match.document.number for match in page.matches}
        rest = [match for match in self._page(snapshot, _OF_TEXT).matches if match.document.number not in first]
        start = place - self._limit
        return rest[start : start + self._limit], len(rest) > start + self._limit, body

    def _page(self, snapshot: Snapshot, limit: int) -> Page:
        asked, settings = self._asked, self._settings
        return find(snapshot, settings, self._text, asked.kinds, self._where, limit, explain=asked.explain)

    def _by_filters(self, snapshot: Snapshot, place: int) -> tuple[Sequence[Match], bool, dict[str, Any]]:
        every = found.matching(snapshot, self._where, self._asked.kinds, self._settings.search_time_limit_s)
        shown = [Match(document=snapshot.document(number)) for number in every.stretch(place, self._limit)]
        body: dict[str, Any] = {"total": len(every)}
        if self._asked.explain:
            body["steps"] = []
        if self._facets:
            body["facets"] = self._counted(every)
        return shown, len(every) > place + self._limit, body

    def _counted(self, every: Found) -> dict[str, list[dict[str, Any]]]:
        return {name: _FACETS[name](every) for name in self._facets}

    def _next(self, cursor: str, path: str) -> str:
        asked = self._asked.model_dump(exclude={"cursor"}, exclude_defaults=True, exclude_none=True)
        return path + "?" + urlencode({**asked, "cursor": cursor}, doseq=True)


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


# -- facets ------------------------------------------------------------------------------------------------------------


def _facets_of(text: str | None) -> list[str]:
    names = [name.strip() for name in text.split(",")] if text else []
    unknown = next((name for name in names if name not in _FACETS), None)
    if unknown is not None:
        known = ", ".join(_FACETS)
        shown = unknown[:40]
        raise InvalidInput(f"facets: {shown!r} is none of {known}", fr=f"facets : {shown!r} n'est aucun de {known}")
    return list(dict.fromkeys(names))


def _coded(field: Field, label: Callable[[str], str | None]) -> Callable[[Found], list[dict[str, Any]]]:
    def counted(every: Found) -> list[dict[str, Any]]:
        return [_value(count.value.upper(), label, count) for count in every.counts(field)[:_FACET_VALUES]]

    return counted


def _value(value: str, label: Callable[[str], str | None], count: Count) -> dict[str, Any]:
    return {"value": value, "label": label(value), "count": count.documents}


def _kinds(every: Found) -> list[dict[str, Any]]:
    return [{"value": count.value, "label": None, "count": count.documents} for count in every.kinds()]


def _reachable(every: Found) -> list[dict[str, Any]]:
    having = every.having(Field.MAIL)
    counted = (("true", having), ("false", len(every) - having))
    return [{"value": value, "label": None, "count": count} for value, count in counted if count]


_FACETS: Final[dict[str, Callable[[Found], list[dict[str, Any]]]]] = {
    "kind": _kinds,
    "profession": _coded(Field.PROFESSION, lambda code: nomenclature.label("professions", code)),
    "expertise": _coded(Field.EXPERTISE, lambda code: nomenclature.label("expertises", code)),
    "department": _coded(Field.DEPARTMENT_CODE, nomenclature.department_label),
    "mailbox_type": _coded(Field.MAILBOX_TYPE, lambda _: None),
    "has_mailbox": _reachable,
}
