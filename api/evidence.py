"""What the register remembers: the history of a record, and a record as it was, for whom that is entitled to it."""

import datetime as dt
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import answers, examples
from api.access import Asking, Visit
from api.parameters import known_only
from api.problems import declared
from directory.accounts import Scope
from directory.errors import InvalidInput, NotFound
from directory.index.reader import Index
from directory.index.representations import record_json
from directory.model import Kind
from directory.settings import Settings

if TYPE_CHECKING:
    from directory.registry.evidence import Evidence
    from directory.registry.history import Version
    from directory.registry.runs import Run

AsOf = Annotated[
    str | None,
    Query(
        max_length=40,
        description="The record as it was shown then: a day (its end, in UTC) or an instant (RFC 3339). Needs the "
        "scope `history` in profile `public`.",
        examples=["2026-01-15"],
    ),
]
_PLACES: Final = {
    "practitioners": (Kind.PRACTITIONER, "a professional", examples.RPPS),
    "organizations": (Kind.ORGANIZATION, "a structure", examples.STRUCTURE),
    "mailboxes": (Kind.MAILBOX, "a mailbox", examples.ADDRESS),
}


class Past:
    """The way to what the register remembers; taken, and SQLAlchemy loaded, when somebody first asks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def evidence(self) -> "Evidence":
        from directory.registry.evidence import Evidence

        return Evidence(self._settings)


def router(index: Index, past: Past) -> APIRouter:
    routes = APIRouter(tags=["history"], responses=declared(404, 409))
    for place, (kind, called, example) in _PLACES.items():
        _add(routes, place, kind, called, example, index, past)
    return routes


def _add(routes: APIRouter, place: str, kind: Kind, called: str, example: str, index: Index, past: Past) -> None:
    # Annotations are not postponed in this module: the example is the place's own.
    identifier_of = Annotated[str, Path(max_length=300, description="Any that names it.", examples=[example])]

    @routes.get(
        f"/v1/{place}/{{identifier}}/history",
        summary=f"Every remembered version of {called}, with the runs and files that opened and closed it",
        description="Answers whether an address was published for somebody on some day, and from which file. Needs the "
        "scope `history` in profile `public`; 503 while the database cannot be reached.",
        name=f"{kind}_history",
    )
    async def history(request: Request, asking: Asking, identifier: identifier_of) -> Response:
        known_only(request)
        asking.needs(Scope.HISTORY)
        asking.asks_by_name()
        found, key, versions = await run_in_threadpool(past.evidence.versions, identifier)
        if found is not kind:
            raise _missing(identifier)
        mailboxes = await run_in_threadpool(past.evidence.mailboxes, found, key)
        with index.read() as snapshot:
            body: dict[str, Any] = {
                "register": answers.register(snapshot.state),
                "kind": kind,
                "key": key,
                "versions": [_version(one) for one in versions],
            }
        return answers.answer(body | ({"mailboxes": mailboxes} if kind is not Kind.MAILBOX else {}))


async def as_it_was(asking: Visit, index: Index, past: Past, kind: Kind, identifier: str, as_of: str) -> Response:
    """A record as it was shown at an instant.

    Raises:
        InvalidInput: not an instant, or no identifier.
        NotFound: it was not there then.
        Unavailable: the database cannot be reached.
    """
    asking.needs(Scope.HISTORY)
    asking.asks_by_name()
    found, record = await run_in_threadpool(past.evidence.record_on, identifier, _instant(as_of))
    if found is not kind:
        raise _missing(identifier)
    with index.read() as snapshot:
        return answers.past_record(str(kind), record_json(record), snapshot.state, as_of)


def _instant(text: str) -> dt.datetime:
    """The instant that is meant, of a day its end; what lies ahead is known of no record."""
    shown = text[:40]
    try:
        if len(text) == len("2026-01-15"):
            began = at = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC)
            at += dt.timedelta(days=1, microseconds=-1)
        else:
            # A plus sign that is not encoded reads as a space; no instant has one there.
            read = dt.datetime.fromisoformat(text[:11] + text[11:].replace(" ", "+"))
            began = at = read if read.tzinfo is not None else read.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError) as error:
        message = f"as_of: {shown!r} is neither a day (2026-01-15) nor an instant"
        raise InvalidInput(message, fr=f"as_of : {shown!r} n'est ni un jour (2026-01-15) ni un instant") from error
    if began > dt.datetime.now(dt.UTC):
        raise InvalidInput(f"as_of: {shown!r} lies ahead", fr=f"as_of : {shown!r} est à venir")
    return at


def _version(version: "Version") -> dict[str, Any]:
    return {"opened": _run(version.opened), "closed": _run(version.closed), "rows": version.rows}


def _run(run: "Run | None") -> dict[str, Any] | None:
    """A run without the paths of this server."""
    if run is None:
        return None
    files = [{name: source.get(name) for name in ("member", "as_of", "digest")} for source in run.sources]
    return {"run": run.run_id, "at": run.finished_at, "data_of": run.as_of, "files": files}


def _missing(identifier: str) -> NotFound:
    shown = identifier[:80]
    return NotFound(f"no such record bears {shown}", fr=f"aucune fiche de cette sorte ne porte {shown}")
