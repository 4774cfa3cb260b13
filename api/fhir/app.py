"""The application below `/fhir/v2`: routes, formats, and answers put together."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ASGIScope

from api.access import Visit, visit_of
from api.fhir import asked, batches, capability, departed, outcomes, pages, resources, roles, searching
from api.fhir.addressing import PREFIX, base_of, query
from api.fhir.asked import Asked
from api.fhir.criteria import Pairs, only, read_pairs
from api.fhir.identity import key_of
from api.fhir.meanings import any_of
from api.fhir.outcomes import NotAcceptable
from api.fhir.pages import Position
from api.fhir.rendering import Rendering, Resource, subset
from api.fhir.searching import KIND_OF, Answer, Found
from directory.accounts import Scope
from directory.errors import DirectoryError, InvalidInput, NotFound, QueryTooComplex, TimeLimitExceeded
from directory.index.reader import Index, Snapshot
from directory.query import Predicate
from directory.settings import Settings

_FORMATS: Final = frozenset({"json", "application/json", "application/fhir+json", "application/fhir json", "text/json"})
_FORM: Final = "application/x-www-form-urlencoded"
_FREELY: Final = 1_000  # resources of one walk that anybody may have


class _Named:
    """What the access line and the metrics call a route: a pattern, never what a client wrote."""

    def __init__(self, path: str) -> None:
        self.path = PREFIX + path


def install(app: Starlette, settings: Settings, index: Index) -> None:
    """Put the facade over one index into an application, at its prefix."""
    facade = create(settings, index)
    app.mount(PREFIX, facade)
    app.router.routes.append(Route(PREFIX, _Base(facade), include_in_schema=False))


class _Base:
    """A mounted application at the very address below which it is mounted: FHIR asks there, without a slash."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        scope["root_path"], scope["path"] = scope.get("root_path", "") + PREFIX, scope["path"] + "/"
        await self._app(scope, receive, send)


def create(settings: Settings, index: Index) -> Starlette:
    """The facade over one index, to be mounted at its prefix."""
    facade = Facade(settings, index)
    return Starlette(
        routes=[
            Route("/", facade.search, name="/"),
            Route("/", facade.batch, methods=["POST"], name="/"),
            Route("/metadata", facade.metadata, name="/metadata"),
            Route("/_page", facade.page, name="/_page"),
            Route("/_search", facade.search_by_form, methods=["POST"], name="/_search"),
            Route("/{kind}", facade.search, name="/{type}"),
            Route("/{kind}/_search", facade.search_by_form, methods=["POST"], name="/{type}/_search"),
            Route("/{kind}/{id}", facade.read, name="/{type}/{id}"),
        ],
        exception_handlers={
            DirectoryError: outcomes.expected,
            HTTPException: outcomes.http,
            Exception: outcomes.unexpected,
        },
    )


class Facade:
    """The routes over one index."""

    def __init__(self, settings: Settings, index: Index) -> None:
        self._settings = settings
        self._index = index

    async def metadata(self, request: Request) -> Response:
        pairs = _entered(request, "/metadata")
        return _answer(self._statement(base_of(self._settings, request)), pairs)

    async def search(self, request: Request) -> Response:
        kind = request.path_params.get("kind", "")
        pairs = _entered(request, "/{type}" if kind else "/")
        return _answer(self._asking(request).search(kind, pairs, Position()), pairs)

    async def search_by_form(self, request: Request) -> Response:
        kind = request.path_params.get("kind", "")
        pairs = _entered(request, "/{type}/_search" if kind else "/_search")
        if _sent(request) != _FORM:
            raise InvalidInput(f"_search wants a body of {_FORM}", fr=f"_search veut un corps {_FORM}")
        form = await _body(request, self._settings.fhir_form_bytes)
        pairs = [*pairs, *read_pairs(form)]
        return _answer(self._asking(request).search(kind, pairs, Position()), pairs)

    async def page(self, request: Request) -> Response:
        pairs = _entered(request, "/_page")
        return _answer(self._asking(request).page(pairs), pairs)

    async def read(self, request: Request) -> Response:
        pairs = _entered(request, "/{type}/{id}")
        found, etag = self._asking(request).read(request.path_params["kind"], request.path_params["id"], pairs)
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        return _answer(found, pairs, {"ETag": etag})

    async def batch(self, request: Request) -> Response:
        pairs = _entered(request, "/")
        if _sent(request) not in _FORMATS:
            raise InvalidInput("a batch wants a body of application/fhir+json", fr="un lot veut un corps FHIR en JSON")
        entries = batches.read(await _body(request, self._settings.fhir_form_bytes))
        asking, until = self._asking(request), time.monotonic() + self._settings.search_time_limit_s
        answers = []
        for written in entries:
            await asyncio.sleep(0)  # others have their turn between two entries
            try:
                if time.monotonic() > until:
                    raise TimeLimitExceeded("the batch took too long", fr="le lot a pris trop de temps")
                answers.append(self._one_of(asking, written))
            except DirectoryError as error:
                status, code = outcomes.status_of(error)
                told = outcomes.outcome("error", code, outcomes.wording(request, error))
                answers.append(batches.failed(status, told))
        asking.visit.asked = any_of(asking.asked) if asking.asked else None
        bundle = {"resourceType": "Bundle", "id": str(uuid.uuid4()), "type": "batch-response"}
        return _answer({**bundle, "entry": answers} if answers else bundle, pairs)

    def _one_of(self, asking: _Asking, written: Any) -> dict[str, Any]:
        """The answer to one entry of a batch."""
        if asking.sent >= self._settings.fhir_count_max:
            raise QueryTooComplex(
                "the answer is full: ask for the rest in another batch",
                fr="la réponse est pleine : demandez le reste dans un autre lot",
            )
        entry = batches.entry(asking.base, written)
        match entry.path:
            case ():
                return batches.answered(asking.search("", entry.pairs, Position()))
            case ("metadata",):
                return batches.answered(self._statement(asking.base))
            case ("_page",):
                return batches.answered(asking.page(entry.pairs))
            case (kind,):
                return batches.answered(asking.search(kind, entry.pairs, Position()))
            case (kind, id_):
                found, etag = asking.read(kind, id_, entry.pairs)
                return batches.unchanged(etag) if entry.known == etag else batches.answered(found, etag)
        raise NotFound("there is nothing at this address", fr="il n'y a rien à cette adresse")

    def _asking(self, request: Request) -> _Asking:
        return _Asking(self._settings, self._index, base_of(self._settings, request), visit_of(request))

    def _statement(self, base: str) -> Resource:
        with self._index.read() as snapshot:
            return capability.statement(self._settings, base, snapshot.state)


class _Asking:
    """What one request asks for, which may be several things."""

    def __init__(self, settings: Settings, index: Index, base: str, visit: Visit) -> None:
        self.base = base
        self.visit = visit
        self.asked: list[Predicate] = []
        self.sent = 0
        """How many resources it has been given."""
        self._settings = settings
        self._index = index

    def search(self, kind: str, pairs: Pairs, position: Position, token: str = "") -> Resource:
        """The Bundle of a page of a search."""
        wanted = asked.read(self._settings, kind, pairs)
        with self._index.read() as snapshot:
            looked_for = searching.predicate(snapshot, wanted)
            self.asked.append(looked_for)
            self.visit.asks(looked_for)
            answer = searching.search(snapshot, wanted, position, self._settings.search_time_limit_s)
            entries = self._entries(snapshot, wanted, answer)
            committed_at = snapshot.state.committed_at
            return {
                "resourceType": "Bundle",
                "id": str(uuid.uuid4()),
                "meta": {"lastUpdated": resources.instant_of(committed_at)} if committed_at else {},
                "type": "searchset",
                **({"total": answer.total} if wanted[0].total else {}),
                "link": self._links(snapshot, kind, wanted[0].pairs, answer, token),
                **({"entry": entries} if entries else {}),
            }

    def page(self, pairs: Pairs) -> Resource:
        """The Bundle of a page that a next link leads to."""
        token = only(pairs, "id")
        if token is None:
            raise InvalidInput("_page wants the id of a next link", fr="_page veut l'id d'un lien next")
        with self._index.read() as snapshot:
            kind, query_pairs, position = pages.read(snapshot.state, token)
        if position.seen >= _FREELY:
            self.visit.needs(Scope.EXPORT)
        shape = [(name, value) for name, value in pairs if name in asked.FORMAT]
        return self.search(kind, [*query_pairs, *shape], position, token)

    def read(self, kind: str, id_: str, pairs: Pairs) -> tuple[Resource, str]:
        """One resource, and its version as HTTP writes it."""
        asked.known(kind)
        self.visit.asks_by_name()
        unknown = [name for name, _ in pairs if name not in (*asked.FORMAT, "_elements")]
        if unknown:
            shown = unknown[0][:60]
            raise InvalidInput(f"Parameter {shown!r} not found", fr=f"paramètre inconnu : {shown!r}")
        with self._index.read() as snapshot:
            found = _by_id(snapshot, kind, id_)
            if found is None:
                shown = f"{kind}/{id_[:64]}"
                raise NotFound(f"{shown} is not known", fr=f"{shown} est inconnue")
            self._sends([found])
            resource = self._rendering(snapshot).resource(found)
        elements = frozenset((only(pairs, "_elements") or "").split(",")) - {""}
        return subset(resource, elements), f'W/"{resource["meta"]["versionId"]}"'

    def _entries(self, snapshot: Snapshot, wanted: Sequence[Asked], answer: Answer) -> list[dict[str, Any]]:
        rendering, room = self._rendering(snapshot), self._settings.fhir_included_max + 1
        more: list[Found] = []
        for one in wanted:
            of_kind = [found for found in answer.found if found.kind == one.kind]
            more += rendering.included(of_kind, one.include)
            more += islice(rendering.referring(of_kind, one.revinclude), room)
        matches = set(answer.found)
        added = [one for one in dict.fromkeys(more) if one not in matches]
        self._sends([*answer.found, *added])
        entries = [
            *self._shown(rendering, answer.found, wanted[0], "match"),
            *self._shown(rendering, added[: room - 1], wanted[0], "include"),
        ]
        if len(more) >= room:
            entries.append(_cut_short(room - 1))
        return entries

    def _shown(self, rendering: Rendering, found: Iterable[Found], wanted: Asked, mode: str) -> Iterable[Resource]:
        for one in found:
            resource = subset(rendering.resource(one), wanted.elements)
            url = f"{self.base}/{resource['resourceType']}/{resource['id']}"
            yield {"fullUrl": url, "resource": resource, "search": {"mode": mode}}

    def _links(self, snapshot: Snapshot, kind: str, pairs: Pairs, answer: Answer, token: str) -> list[dict[str, str]]:
        asked_at = f"{self.base}/{kind}" if kind else self.base
        own = f"{self.base}/_page?id={token}" if token else asked_at + query(pairs)
        links = [{"relation": "self", "url": own}]
        if answer.following is not None:
            following = pages.write(snapshot.state, kind, pairs, answer.following)
            links.append({"relation": "next", "url": f"{self.base}/_page?id={following}"})
        return links

    def _sends(self, found: Sequence[Found]) -> None:
        self.sent += len(found)
        self.visit.sends([one.document for one in found if one.departed is None])

    def _rendering(self, snapshot: Snapshot) -> Rendering:
        repeated = self._settings.fhir_repeat_mailboxes
        return Rendering(snapshot, repeated=repeated, deadline_s=self._settings.search_time_limit_s)


def _entered(request: Request, path: str) -> Pairs:
    """The parameters of a request that asks for a format we serve."""
    request.scope["route"] = _Named(path)
    pairs = read_pairs(request.scope["query_string"])
    wanted = only(pairs, "_format")
    accepted = [one.partition(";")[0].strip().lower() for one in request.headers.get("accept", "*/*").split(",")]
    if wanted is None and not any(one.endswith("*") or one in _FORMATS for one in accepted):
        wanted = accepted[0]
    if wanted is not None and wanted.lower() not in _FORMATS:
        shown = wanted[:40]
        raise NotAcceptable(f"format {shown!r} is not served: JSON is", fr=f"format {shown!r} non servi : JSON l'est")
    return pairs


async def _body(request: Request, most: int) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise InvalidInput(f"the body is larger than {most} bytes", fr=f"le corps dépasse {most} octets")
    return body


def _sent(request: Request) -> str:
    """The format of a request's body."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _answer(body: Resource, pairs: Pairs, headers: dict[str, str] | None = None) -> Response:
    option = orjson.OPT_INDENT_2 if only(pairs, "_pretty") == "true" else 0
    return Response(orjson.dumps(body, option=option), 200, headers, outcomes.JSON)


def _cut_short(most: int) -> dict[str, Any]:
    told = f"more than {most} resources refer to those of this page: the others are left out; search for them"
    return {"resource": outcomes.outcome("warning", "incomplete", told), "search": {"mode": "outcome"}}


def _by_id(snapshot: Snapshot, kind: str, id_: str) -> Found | None:
    found = roles.place_of(snapshot, id_) if kind == "PractitionerRole" else (key_of(id_), None)
    document = snapshot.get(KIND_OF[kind], found[0]) if found and found[0] else None
    if document is not None and found is not None:
        return Found(kind, document.number, found[1])
    gone = departed.by_id(snapshot, kind, id_)
    return Found(kind, -1, departed=gone) if gone is not None else None
