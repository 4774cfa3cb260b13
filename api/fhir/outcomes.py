"""Errors as OperationOutcome: the one renderer of the FHIR facade."""

from __future__ import annotations

import logging
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.fhir.pages import PageGone
from directory import errors
from directory.errors import BudgetExceeded, DirectoryError
from directory.logs import pairs, reference

log = logging.getLogger("annuaire.http")

JSON: Final = "application/fhir+json"


class NotAcceptable(DirectoryError):
    """None of the formats asked for is served: HTTP 406."""


# Error kind → HTTP status, code of the issue (R4 value set issue-type).
_KINDS: Final[dict[type[DirectoryError], tuple[int, str]]] = {
    errors.InvalidInput: (400, "invalid"),
    errors.QueryTooComplex: (422, "too-costly"),
    errors.NotFound: (404, "not-found"),
    errors.NotAuthenticated: (401, "login"),
    errors.NotAllowed: (403, "forbidden"),
    errors.NotSupported: (405, "not-supported"),
    errors.BudgetExceeded: (429, "throttled"),
    errors.TimeLimitExceeded: (503, "timeout"),
    errors.Unavailable: (503, "transient"),
    PageGone: (410, "expired"),
    NotAcceptable: (406, "not-supported"),
}
_STATUSES: Final = {404: "not-found", 405: "not-supported", 406: "not-supported", 415: "not-supported"}


def language(request: Request) -> str:
    """`fr` or `en`: the first of the two that Accept-Language names; English when neither, as the national API."""
    tags = (part.strip().lower()[:2] for part in request.headers.get("accept-language", "").split(","))
    return next((tag for tag in tags if tag in ("fr", "en")), "en")


def outcome(severity: str, code: str, diagnostics: str) -> dict[str, Any]:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "diagnostics": diagnostics}],
    }


def answer(status: int, code: str, diagnostics: str, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(outcome("error", code, diagnostics)), status, headers, JSON)


async def expected(request: Request, error: Exception) -> Response:
    """An error of the directory."""
    assert isinstance(error, DirectoryError)
    status, code = status_of(error)
    headers = {"Retry-After": "5"} if status == 503 else {}
    if isinstance(error, BudgetExceeded):
        headers["Retry-After"] = str(error.retry_after_s)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return answer(status, code, wording(request, error), headers)


def status_of(error: DirectoryError) -> tuple[int, str]:
    """The HTTP status of an error, and the code of its issue."""
    return _KINDS[next((found for found in type(error).__mro__ if found in _KINDS), errors.Unavailable)]


async def http(request: Request, error: Exception) -> Response:
    """An error of the framework: no such path, or method."""
    assert isinstance(error, HTTPException)
    french = language(request) == "fr"
    told = {
        404: ("il n'y a rien à cette adresse", "there is nothing at this address"),
        405: ("cette interface ne sert que la lecture", "this interface only serves reading"),
    }
    fr, en = told.get(error.status_code, (str(error.detail), str(error.detail)))
    code = _STATUSES.get(error.status_code, "processing")
    return answer(error.status_code, code, fr if french else en, dict(error.headers or {}))


async def unexpected(request: Request, error: Exception) -> Response:
    ticket = reference()
    log.error("internal error %s", pairs(reference=ticket), exc_info=error)
    shown = (
        f"erreur interne, référence {ticket}" if language(request) == "fr" else f"internal error, reference {ticket}"
    )
    return answer(500, "exception", shown)


def wording(request: Request, error: DirectoryError) -> str:
    return error.fr if language(request) == "fr" else error.message
