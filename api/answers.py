"""How answers are put together: prepared record bytes are embedded as they are, never parsed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from directory.index.answers import Match
from directory.model import RegisterState


def register(state: RegisterState) -> dict[str, Any]:
    """Which state an answer comes from: it stands in every answer, with the source's name as its re-use asks."""
    return {"revision": state.revision, "as_of": state.as_of, "source": "RPPS, Annuaire Santé (ANS)"}


def answer(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(body, option=orjson.OPT_UTC_Z), headers=dict(headers or {}), media_type="application/json"
    )


UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "The same as what `If-None-Match` names."}}
"""The response of operations whose answers have an ETag, for their OpenAPI."""


def etag(state: RegisterState) -> str:
    """The tag of an answer that only another revision changes."""
    return f'"{state.epoch[:8]}-{state.revision}"'


def unchanged(request: Request, state: RegisterState) -> Response | None:
    """304 for who has this revision's answer already (RFC 9110 section 13.1.2); None for the others."""
    tag = etag(state)
    held = request.headers.get("if-none-match")
    if held is None or not (held.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in held.split(",")]):
        return None
    return Response(status_code=304, headers={"ETag": tag})


def record(kind: str, json: bytes, state: RegisterState) -> Response:
    """One record."""
    return answer({"register": register(state), kind: orjson.Fragment(json)}, {"ETag": etag(state)})


def past_record(kind: str, json: bytes, state: RegisterState, as_of: str) -> Response:
    """One record as it was: `record_as_of` says when."""
    return answer({"register": register(state), "record_as_of": as_of, kind: orjson.Fragment(json)})


def matches(found: Sequence[Match], *, explain: bool) -> list[dict[str, Any]]:
    return [
        {
            "score": round(match.score, 4),
            "kind": str(match.document.kind),
            str(match.document.kind): orjson.Fragment(match.document.json),
            **({"why": dict(match.why)} if explain and match.why is not None else {}),
        }
        for match in found
    ]
