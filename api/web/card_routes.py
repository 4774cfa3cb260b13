"""The cards of records, at addresses to share: `/p/` professionals, `/s/` structures, `/m/` mailboxes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import vcard
from api.access import Asking, Visit
from api.web import cards
from api.web.rendering import READABLE, render
from api.web.results import PATHS, url
from directory.index.reader import Index, Snapshot
from directory.model import Kind

_TEMPLATES: Final = {
    Kind.PRACTITIONER: "person.html",
    Kind.ORGANIZATION: "structure.html",
    Kind.MAILBOX: "mailbox.html",
}
_AS_CONTACT: Final = ".vcf"


def router(index: Index) -> APIRouter:
    routes = APIRouter()
    for kind, path in PATHS.items():
        routes.add_api_route(path + "{identifier:path}", _card(index, kind), methods=READABLE)
    return routes


def _card(index: Index, kind: Kind) -> Callable[[Request, Asking, str], Awaitable[Response]]:
    async def card(request: Request, asking: Asking, identifier: str) -> Response:
        asking.asks_by_name()
        with index.read() as snapshot:
            document = cards.look_up(snapshot, kind, identifier.removesuffix(_AS_CONTACT))
            asking.sends((document.number,))
            record = cards.read(document)
            if identifier.endswith(_AS_CONTACT):
                return _contact(vcard.vcard(kind, record, snapshot.state), document.key)
            beside = _beside(request, asking, snapshot, kind, record)
            own = url(kind, document.key)
            return render(request, _TEMPLATES[kind], snapshot.state, record=record, key=document.key, own=own, **beside)

    return card


def _beside(request: Request, asking: Visit, snapshot: Snapshot, kind: Kind, record: cards.Record) -> dict[str, Any]:
    """What the card shows beside the record."""
    if kind is Kind.PRACTITIONER:
        return {"elsewhere": () if record["mailboxes"] else cards.elsewhere(snapshot, record)}
    if kind is Kind.ORGANIZATION:
        asked = request.query_params.get("people", "")
        people = cards.people_of(
            snapshot, asking, record["key"], int(asked) if re.fullmatch(r"[0-9]{1,6}", asked) else 0
        )
        return {"people": people, "services": cards.by_service(record["mailboxes"])}
    modified = dt.datetime.fromisoformat(record["modified_at"])
    return {"holders": cards.holders(snapshot, record), "modified": modified}


def _contact(text: str, key: str) -> Response:
    name = re.sub(r"[^\w.@-]", "_", key, flags=re.ASCII)
    headers = {"Content-Disposition": f'attachment; filename="{name}.vcf"', "X-Robots-Tag": "noindex"}
    return Response(text, headers=headers, media_type=vcard.MEDIA_TYPE)
