"""`GET /v1/autocomplete`: who may be meant by what is typed so far."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Parameter
from starlette.responses import Response

from api.access import Asking
from api.answers import answer, register
from directory.index.reader import Index, Snapshot, StoredDocument
from directory.model import Kind
from directory.query import Resolves, TextQuery
from directory.settings import Settings

_KEPT: Final = 10_000  # suggestions, of some 200 bytes

EXAMPLE: Final = {
    "register": {"revision": 3, "as_of": "2026-01-15T03:15:00Z", "source": "RPPS, Annuaire Santé (ANS)"},
    "query": "lefe",
    "suggestions": [
        {
            "text": "LEFEBVRE Philippe",
            "kind": "practitioner",
            "key": "810990000001",
            "profession": "Médecin",
            "city": "LYON",
            "reachable": True,
        }
    ],
}


class AutocompleteParameters(BaseModel):
    """What may be asked; an unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid")

    q: str = Parameter(min_length=1, max_length=200, description="What is typed so far.", examples=["lefe"])
    limit: int = Parameter(8, ge=1, le=20, description="Most suggestions.")


def router(settings: Settings, index: Index) -> APIRouter:
    routes = APIRouter(tags=["search"])

    @routes.get(
        "/v1/autocomplete",
        summary="Suggest professionals and structures while a name is being typed",
        description="The last word may be unfinished, unless a space follows it. A suggestion's `text` is what to "
        "show; its `kind` and `key` lead to the whole record.",
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}},
    )
    @routes.head("/v1/autocomplete", include_in_schema=False)
    async def autocomplete(asking: Asking, asked: Annotated[AutocompleteParameters, Query()]) -> Response:
        asking.asks(Resolves(asked.q))
        query = TextQuery(text=asked.q, limit=asked.limit, typing=True, deadline_s=settings.search_time_limit_s)
        with index.read() as snapshot:
            page = snapshot.search(query)
            asking.sends([match.document.number for match in page.matches])
            body = {
                "register": register(page.state),
                "query": asked.q,
                "suggestions": [_suggestion(snapshot, match.document) for match in page.matches],
            }
            return answer(body)

    return routes


def _suggestion(snapshot: Snapshot, document: StoredDocument) -> orjson.Fragment:
    """How a document is shown, kept for as long as the revision is the same: the next letter mostly leaves the same
    ones, and records are long."""
    kept: dict[int, orjson.Fragment] = snapshot.kept.setdefault("suggestions", {})
    found = kept.get(document.number)
    if found is None:
        if len(kept) >= _KEPT:
            kept.clear()
        shown = {
            "kind": str(document.kind),
            "key": document.key,
            **_SHOWN[document.kind](orjson.loads(document.json)),
        }
        found = kept[document.number] = orjson.Fragment(orjson.dumps(shown))
    return found


def _practitioner(record: dict[str, Any]) -> dict[str, Any]:
    exercises = record["professions"]
    activities = [activity for exercise in exercises for activity in exercise["activities"]]
    return {
        "text": _name(record),
        "profession": next((exercise["profession"]["label"] for exercise in exercises), None),
        "city": next((activity["address"]["city"] for activity in activities if activity["address"]), None),
        "reachable": bool(record["mailboxes"]),
    }


def _organization(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": record["name"] or record["trade_name"] or record["key"],
        "profession": (record["sector"] or {}).get("label"),
        "city": (record["address"] or {}).get("city"),
        "reachable": bool(record["mailboxes"]),
    }


def _mailbox(record: dict[str, Any]) -> dict[str, Any]:
    holder: dict[str, Any] = next(iter(record["holders"]), {})
    organization = holder.get("organization") or {}
    return {
        "text": _name(holder) or organization.get("name") or record["address"],
        "profession": (holder.get("profession") or {}).get("label"),
        "city": (holder.get("address") or {}).get("city"),
        "reachable": True,
    }


def _name(person: dict[str, Any]) -> str:
    return " ".join(part for part in (person.get("family_name"), person.get("given_name")) if part)


_SHOWN: Final = {Kind.PRACTITIONER: _practitioner, Kind.ORGANIZATION: _organization, Kind.MAILBOX: _mailbox}
