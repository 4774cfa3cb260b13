"""Pages from templates: their language, their addresses, the headers that keep them closed to everybody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import jinja2
from fastapi import Request
from starlette.responses import Response

from api.problems import language
from api.web.assets import ASSETS, packed
from api.web.texts import TEXTS, telephone
from directory.errors import DirectoryError
from directory.index.reader import Index
from directory.model import RegisterState

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline."""
READABLE: Final = ["GET", "HEAD"]
_CLOSED: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), interest-cohort=()",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Language, Accept-Encoding",
}

TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("api", "web/templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
TEMPLATES.filters["telephone"] = telephone
TEMPLATES.globals["asset"] = {name: asset.url for name, asset in ASSETS.items()}


def render(
    request: Request,
    template: str,
    state: RegisterState | None,
    *,
    status: int = 200,
    listed: bool = False,
    **values: Any,
) -> Response:
    """A page, or a part of one, of the register's state. Only `listed` ones are for search engines: those about people
    are not."""
    tongue = language(request)
    chosen = request.query_params.get("lang") == tongue
    other = "en" if tongue == "fr" else "fr"
    body = TEMPLATES.get_template(template).render(
        t=TEXTS[tongue],
        state=state,
        lang=tongue if chosen else "",
        path=request.url.path,
        link=_links({"lang": tongue} if chosen else {}),
        switch=_switch(request, other),
        other=other,
        **values,
    )
    headers = {**_CLOSED, "Content-Language": tongue, **({} if listed else {"X-Robots-Tag": "noindex"})}
    return packed(request, Response(body, status, headers, "text/html; charset=utf-8"))


def _links(always: Mapping[str, str]) -> Any:
    """Addresses of pages, which keep the language that was chosen."""

    def link(path: str, asked: Mapping[str, str | Sequence[str]] | None = None, /, **more: str | int) -> str:
        given = {**(asked or {}), **more, **always}
        query = urlencode({name: value for name, value in given.items() if value}, doseq=True)
        return f"{path}?{query}" if query else path

    return link


def _switch(request: Request, other: str) -> str:
    """This page in the other language."""
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "lang" and value]
    return f"{request.url.path}?{urlencode([*given, ('lang', other)])}"


def state_of(index: Index) -> RegisterState | None:
    """The state that is served now; None while there is none."""
    try:
        with index.read() as snapshot:
            return snapshot.state
    except DirectoryError:
        return None
