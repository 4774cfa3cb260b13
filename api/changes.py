"""`GET /v1/changes`: what has changed since a revision, for who keeps a copy."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Parameter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import answers
from api.access import Asking
from api.cursors import Gone
from api.evidence import Past
from api.problems import declared
from directory.accounts import Scope
from directory.errors import InvalidInput
from directory.index.reader import Index, Snapshot
from directory.model import Kind

EXAMPLE: Final = {
    "register": {"revision": 4, "as_of": "2026-01-16T03:15:00Z", "source": "RPPS, Annuaire Santé (ANS)"},
    "epoch": "2f1c8d0e-5a41-4d0c-9d7e-0d6c0e6f7a10",
    "since": 3,
    "until": 4,
    "changes": [
        {"kind": "mailbox", "key": "a@medecin.mssante.fr", "change": "removed"},
        {"kind": "practitioner", "key": "810990001017", "change": "changed", "practitioner": {"rpps": "10990001017"}},
    ],
    "complete": True,
}


class ChangeParameters(BaseModel):
    """What may be asked; an unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid")

    since: int = Parameter(ge=0, le=2**62, description="The revision that your copy is of.", examples=[3])
    epoch: str | None = Parameter(
        None,
        max_length=36,
        description="The epoch that came with it: what is of another register is 410.",
    )
    records: bool = Parameter(True, description="With the records as they are now, or their keys alone.")
    limit: int = Parameter(1000, ge=1, le=5000, description="Most changes of one answer.")
    cursor: str | None = Parameter(None, max_length=600, description="Where to go on: from `next`, as it stands.")


def router(index: Index, past: Past) -> APIRouter:
    routes = APIRouter(tags=["changes"])

    @routes.get(
        "/v1/changes",
        summary="What has changed between a revision and now",
        description="Each record that another revision touched since, once: `changed` comes with the record as it is "
        "now, put it in the place of yours; `removed` is there no more. With all pages applied, a copy of `since` is "
        "one of `until`: ask from there next time. 410 when it is no longer known (after 30 days, a first load, a "
        "change of a third of everything, another register): begin again with `/v1/exports`. 422 for a revision that "
        "this node has not come to: another one was ahead of it, ask again later. Needs the scope `export` in profile "
        "`public`; 503 while the database cannot be reached.",
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}, **declared(410)},
    )
    async def changes(asking: Asking, asked: Annotated[ChangeParameters, Query()]) -> Response:
        asking.needs(Scope.EXPORT)
        asking.asks_by_name()
        with index.read() as snapshot:
            epoch, until = snapshot.state.epoch, snapshot.state.revision
        if asked.epoch is not None and asked.epoch != epoch:
            raise _gone()
        after = None
        if asked.cursor:
            until, after = _place(asked.cursor)
        found = await run_in_threadpool(past.evidence.changes, epoch, asked.since, until, after, asked.limit)
        if asked.since > until:
            raise InvalidInput(
                f"since: this node is at revision {until}", fr=f"since : ce nœud en est à la révision {until}"
            )
        if found is None:
            raise _gone()
        keys, last = found
        with index.read() as snapshot:
            told, sent = _told(snapshot, keys, records=asked.records)
            asking.sends(sent)
            body = {
                "register": answers.register(snapshot.state),
                "epoch": epoch,
                "since": asked.since,
                "until": until,
                "changes": told,
                "complete": last is None,
            }
            if last is not None:
                given = asked.model_dump(exclude={"cursor"}, exclude_defaults=True)
                body["next"] = f"/v1/changes?{urlencode({**given, 'cursor': _cursor(until, last)})}"
            return answers.answer(body)

    return routes


def _told(
    snapshot: Snapshot, keys: Sequence[tuple[Kind, str]], *, records: bool
) -> tuple[list[dict[str, Any]], list[int]]:
    """What is said of each record, and the documents that are sent."""
    told, sent = [], []
    for kind, key in keys:
        document = snapshot.get(kind, key)
        one: dict[str, Any] = {"kind": kind, "key": key, "change": "changed" if document else "removed"}
        if document is not None and records:
            one[str(kind)] = orjson.Fragment(document.json)
            sent.append(document.number)
        told.append(one)
    return told, sent


def _cursor(until: int, last: tuple[Kind, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([until, *last])).decode().rstrip("=")


def _place(cursor: str) -> tuple[int, tuple[Kind, str]]:
    """Up to which revision a walk goes, and the record after which it goes on.

    Raises:
        InvalidInput: it is no cursor of ours.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        until, kind, key = orjson.loads(text)
        if isinstance(until, int) and 0 <= until < 2**62 and isinstance(key, str) and "\0" not in key:
            return until, (Kind(kind), key)
    except (binascii.Error, ValueError, TypeError):
        pass
    raise InvalidInput("cursor: it is none of these changes", fr="cursor : ce n'en est pas un de ces changements")


def _gone() -> Gone:
    return Gone(
        "what has changed since then is not known any more: begin again with /v1/exports",
        fr="ce qui a changé depuis n'est plus connu : recommencez par /v1/exports",
    )
