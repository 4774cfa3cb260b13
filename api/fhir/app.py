"""The application below `/fhir/v2`: routes, formats, and answers put together."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.access import Visit, visit_of
from api.fhir import asked, capability, departed, outcomes, pages, resources, roles, searching
from api.fhir.addressing import PREFIX, base_of, query
from api.fhir.asked import Asked
from api.fhir.criteria import Pairs, only, read_pairs
from api.fhir.identity import key_of
from api.fhir.outcomes import NotAcceptable
from api.fhir.pages import Position
from api.fhir.rendering import Rendering, Resource, subset
from api.fhir.searching import KIND_OF, Answer, Found
from directory.accounts import Scope
from directory.errors import DirectoryError, InvalidInput, NotFound
from directory.index.reader import Index, Snapshot
from directory.settings import Settings

_FORMATS: Final = frozenset({"json", "application/json", "application/fhir+json", "application/fhir json", "text/json"})
_FORM: Final = "application/x-www-form-urlencoded"
_FREELY: Final = 1_000  # resources of one walk that anybody may have


class _Named:
    """What the access line and the metrics call a route: a pattern, never what a client wrote."""

    def __init__(self, path: str) -> None:
        self.path = PREFIX + path


def create(settings: Settings, index: Index) -> Starlette:
    """The facade over one index, to be mounted at its prefix."""
    facade = Facade(settings, index)
    return Starlette(
        routes=[
            Route("/metadata", facade.metadata, name="/metadata"),
            Route("/_page", facade.page, name="/_page"),
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
        with self._index.read() as snapshot:
            return _answer(
                capability.statement(self._settings, base_of(self._settings, request), snapshot.state), pairs
            )

    async def search(self, request: Request) -> Response:
        pairs = _entered(request, "/{type}")
        return self._found(request, visit_of(request), request.path_params["kind"], pairs, Position())

    async def search_by_form(self, request: Request) -> Response:
        pairs = _entered(request, "/{type}/_search")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise InvalidInput(f"_search wants a body of {_FORM}", fr=f"_search veut un corps {_FORM}")
        form = read_pairs(await _body(request, self._settings.fhir_form_bytes))
        return self._found(request, visit_of(request), request.path_params["kind"], [*pairs, *form], Position())

    async def page(self, request: Request) -> Response:
        pairs = _entered(request, "/_page")
        token = only(pairs, "id")
        if token is None:
            raise InvalidInput("_page wants the id of a next link", fr="_page veut l'id d'un lien next")
        with self._index.read() as snapshot:
            kind, query_pairs, position = pages.read(snapshot.state, token)
        visit = visit_of(request)
        if position.seen >= _FREELY:
            visit.needs(Scope.EXPORT)
        shape = [(name, value) for name, value in pairs if name in asked.FORMAT]
        return self._found(request, visit, kind, [*query_pairs, *shape], position, token)

    async def read(self, request: Request) -> Response:
        pairs = _entered(request, "/{type}/{id}")
        kind, id_ = request.path_params["kind"], request.path_params["id"]
        asked.known(kind)
        visit = visit_of(request)
        visit.asks_by_name()
        unknown = [name for name, _ in pairs if name not in (*asked.FORMAT, "_elements")]
        if unknown:
            shown = unknown[0][:60]
            raise InvalidInput(f"Parameter {shown!r} not found", fr=f"paramètre inconnu : {shown!r}")
        with self._index.read() as snapshot:
            found = _by_id(snapshot, kind, id_)
            gone = departed.by_id(snapshot, kind, id_) if found is None else None
            if gone is not None:
                return self._one(request, departed.resource(snapshot, kind, gone), pairs)
            if found is None:
                shown = f"{kind}/{id_[:64]}"
                raise NotFound(f"{shown} is not known", fr=f"{shown} est inconnue")
            visit.sends((found.document,))
            return self._one(request, self._rendering(snapshot).resource(kind, found), pairs)

    def _one(self, request: Request, resource: Resource, pairs: Pairs) -> Response:
        etag = f'W/"{resource["meta"]["versionId"]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        elements = frozenset((only(pairs, "_elements") or "").split(",")) - {""}
        return _answer(subset(resource, elements), pairs, {"ETag": etag})

    def _found(
        self, request: Request, visit: Visit, kind: str, pairs: Pairs, position: Position, token: str = ""
    ) -> Response:
        wanted = asked.read(self._settings, kind, pairs)
        deadline_s = self._settings.search_time_limit_s
        with self._index.read() as snapshot:
            visit.asks(searching.predicate(snapshot, wanted))
            answer = searching.search(snapshot, wanted, position, deadline_s)
            base = base_of(self._settings, request)
            entries = self._entries(snapshot, visit, wanted, answer, base)
            bundle: dict[str, Any] = {
                "resourceType": "Bundle",
                "id": str(uuid.uuid4()),
                "meta": {"lastUpdated": resources.instant_of(snapshot.state.committed_at)}
                if snapshot.state.committed_at
                else {},
                "type": "searchset",
                **({"total": answer.total} if wanted.total else {}),
                "link": _links(snapshot, wanted, answer, base, token),
                **({"entry": entries} if entries else {}),
            }
            return _answer(bundle, pairs)

    def _entries(
        self, snapshot: Snapshot, visit: Visit, wanted: Asked, answer: Answer, base: str
    ) -> list[dict[str, Any]]:
        rendering = self._rendering(snapshot)
        more = [*rendering.included(answer.found, wanted.include)]
        room = self._settings.fhir_included_max + 1
        more += islice(rendering.referring(answer.found, wanted.revinclude), room)
        matches = set(answer.found)
        added = [one for one in dict.fromkeys(more) if one not in matches]
        visit.sends([one.document for one in (*answer.found, *added) if one.departed is None])
        entries = [
            *_shown(rendering, answer.found, wanted, base, "match"),
            *_shown(rendering, added[: room - 1], wanted, base, "include"),
        ]
        if len(more) >= room:
            entries.append(_cut_short(room - 1))
        return entries

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


async def _body(request: Request, most: int) -> str:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise InvalidInput(f"the body is larger than {most} bytes", fr=f"le corps dépasse {most} octets")
    return body.decode("ascii", "replace")


def _answer(body: Resource, pairs: Pairs, headers: dict[str, str] | None = None) -> Response:
    option = orjson.OPT_INDENT_2 if only(pairs, "_pretty") == "true" else 0
    return Response(orjson.dumps(body, option=option), 200, headers, outcomes.JSON)


def _links(snapshot: Snapshot, wanted: Asked, answer: Answer, base: str, token: str) -> list[dict[str, str]]:
    own = f"{base}/_page?id={token}" if token else f"{base}/{wanted.kind}{query(wanted.pairs)}"
    links = [{"relation": "self", "url": own}]
    if answer.following is not None:
        following = pages.write(snapshot.state, wanted.kind, wanted.pairs, answer.following)
        links.append({"relation": "next", "url": f"{base}/_page?id={following}"})
    return links


def _shown(
    rendering: Rendering, found: Iterable[Found], wanted: Asked, base: str, mode: str
) -> Iterable[dict[str, Any]]:
    for one in found:
        resource = subset(rendering.resource(wanted.kind, one), wanted.elements)
        url = f"{base}/{resource['resourceType']}/{resource['id']}"
        yield {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


def _cut_short(most: int) -> dict[str, Any]:
    told = f"more than {most} resources refer to those of this page: the others are left out; search for them"
    return {"resource": outcomes.outcome("warning", "incomplete", told), "search": {"mode": "outcome"}}


def _by_id(snapshot: Snapshot, kind: str, id_: str) -> Found | None:
    if kind == "PractitionerRole":
        found = roles.place_of(snapshot, id_)
        document = snapshot.get(KIND_OF[kind], found[0]) if found else None
        return Found(document.number, found[1]) if document and found else None
    key = key_of(id_)
    document = snapshot.get(KIND_OF[kind], key) if key else None
    return Found(document.number) if document else None
