"""How answers are put together: prepared record bytes are embedded as they are, never parsed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
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


def record(kind: str, json: bytes, state: RegisterState, etag: str) -> Response:
    """One record."""
    return answer({"register": register(state), kind: orjson.Fragment(json)}, {"ETag": etag})


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
