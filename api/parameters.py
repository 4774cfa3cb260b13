"""Query parameters: those a route does not know are refused, because a filter that is silently ignored misleads."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from fastapi import Request

from directory.errors import InvalidInput
from directory.settings import Settings

_MOST: Final = Settings.model_fields["http_limit_max"].default
LIMITED: Final = f"A node gives no more than `ANNUAIRE_HTTP_LIMIT_MAX` at once: {_MOST} unless set otherwise."


def check_readable(query: bytes) -> None:
    """Refuse a query string that is no UTF-8: Latin-1 would be searched for with its accents lost.

    Raises:
        InvalidInput: it is not.
    """
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError as error:
        raise unreadable() from error


def unreadable() -> InvalidInput:
    """Parameters that are no UTF-8."""
    return InvalidInput("parameters must be UTF-8", fr="les paramètres doivent être en UTF-8")


def known_only(request: Request, endpoint: Callable[..., Any] | None = None) -> None:
    """Refuse query parameters that the endpoint does not declare.

    Raises:
        InvalidInput: names the first unknown one.
    """
    known = set(inspect.signature(endpoint).parameters) - {"request"} if endpoint else set()
    for name in request.query_params:
        if name not in known:
            shown = name[:40]
            raise InvalidInput(f"unknown parameter {shown!r}", fr=f"paramètre inconnu : {shown!r}")


def most_of(settings: Settings, asked: int | None) -> int:
    """How many records an answer may hold, where so many were asked for, or nothing was said.

    Raises:
        InvalidInput: more than this node gives at once.
    """
    most = settings.http_limit_max
    if asked is not None and asked > most:
        raise InvalidInput(f"limit: at most {most}", fr=f"limit : au plus {most}")
    return asked or settings.http_limit
