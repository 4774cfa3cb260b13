"""Style, script and icon: each at an address that changes with its content, so that browsers keep it for ever."""

from __future__ import annotations

import gzip
import hashlib
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from directory.errors import NotFound

_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_WORTH_PACKING: Final = 500  # octets below which packing gains nothing


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of ours, as it is and packed."""

    url: str
    media_type: str
    content: bytes
    packed: bytes


def _read() -> Mapping[str, Asset]:
    found = {}
    for file in (importlib.resources.files("api") / "web" / "static").iterdir():
        stem, _, ending = file.name.rpartition(".")
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:12]
        url = f"/static/{stem}.{digest}.{ending}"
        found[file.name] = Asset(url, f"{_TYPES[ending]}; charset=utf-8", content, gzip.compress(content, 9, mtime=0))
    return MappingProxyType(found)


ASSETS: Final = _read()


def serve(request: Request, name: str) -> Response:
    """An asset by its address. That of another version of the program gets today's content, not to be kept: during an
    upgrade one node makes the page and another answers for its style.

    Raises:
        NotFound: there is no such asset.
    """
    stem, _, ending = name.rpartition(".")
    asset = ASSETS.get(f"{stem.rpartition('.')[0]}.{ending}")
    if asset is None:
        raise NotFound("no such file", fr="aucun fichier de ce nom")
    kept = _FOR_EVER if asset.url == f"/static/{name}" else "no-cache"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    return packed(request, Response(asset.content, headers=headers, media_type=asset.media_type), asset.packed)


def packed(request: Request, response: Response, content: bytes | None = None) -> Response:
    """The same answer, compressed where the client takes that: nothing in a page is secret, so its size may tell."""
    body = bytes(response.body)
    if len(body) < _WORTH_PACKING or "gzip" not in request.headers.get("accept-encoding", ""):
        return response
    response.body = gzip.compress(body, 6, mtime=0) if content is None else content
    response.headers["content-encoding"] = "gzip"
    response.headers["content-length"] = str(len(response.body))
    return response
