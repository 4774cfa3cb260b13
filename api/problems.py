"""Errors as RFC 9457 problems, in French or English; the one renderer of this front-end."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from api import refusals
from api.cursors import Gone
from directory import errors
from directory.errors import BudgetExceeded, DirectoryError, NotAuthenticated
from directory.logs import pairs, reference

log = logging.getLogger("annuaire.http")

# Error kind → HTTP status, stable type, title in French and English (DESIGN section 6).
_KINDS: Final[dict[type[DirectoryError], tuple[int, str, str, str]]] = {
    errors.InvalidInput: (422, "invalid-input", "Demande incorrecte", "Invalid request"),
    errors.QueryTooComplex: (422, "too-complex", "Recherche trop complexe", "Query too complex"),
    errors.NotFound: (404, "not-found", "Introuvable", "Not found"),
    Gone: (410, "gone", "Plus disponible", "Gone"),
    errors.NotAuthenticated: (401, "not-authenticated", "Authentification requise", "Authentication required"),
    errors.NotAllowed: (403, "not-allowed", "Accès refusé", "Not allowed"),
    errors.NotSupported: (405, "not-supported", "Opération non prise en charge", "Not supported"),
    errors.BudgetExceeded: (429, "budget-exceeded", "Quota dépassé", "Budget exceeded"),
    errors.TimeLimitExceeded: (503, "time-limit", "Temps de recherche dépassé", "Time limit exceeded"),
    errors.Unavailable: (503, "unavailable", "Service momentanément indisponible", "Temporarily unavailable"),
}
_TYPE: Final = "urn:annuaire:problem:"
MEDIA_TYPE: Final = "application/problem+json"
_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "A refusal or an error (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "What kind of problem: stable, for programs."},
        "title": {"type": "string", "description": "The same for people, in French or English."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong this time, in French or English."},
        "errors": {
            "type": "array",
            "description": "Which parameters are wrong.",
            "items": {
                "type": "object",
                "required": ["parameter", "reason"],
                "properties": {"parameter": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
        "candidates": {
            "type": "array",
            "description": "The keys of the records of which one has to be chosen (409).",
            "items": {"type": "string"},
        },
    },
}
_DESCRIBED: Final = {
    400: "The body is not JSON.",
    401: "A key is needed, or the one given is not known.",
    403: "The key's account has not the scope that this needs.",
    404: "There is no such record.",
    409: "Several records bear the identifier: `candidates` are their keys.",
    410: "The walk's revision has passed: begin it again.",
    422: "A parameter is unknown or wrong, or the query is too complex.",
    429: "The budget is spent: `Retry-After` tells for how long.",
    503: "Not just now: `Retry-After` tells when to try again.",
}
ASKED: Final = (401, 403, 422, 429, 503)
"""What every request about records may be answered with."""
Handler = Callable[[Request, Any], Awaitable[Response]]


class Ambiguous(DirectoryError):
    """Several records bear the identifier asked for (a SIRET is shared by sites): 409 with the candidates' keys."""

    def __init__(self, message: str, candidates: list[str], *, fr: str) -> None:
        super().__init__(message, fr=fr)
        self.candidates = candidates


def language(request: Request) -> str:
    """`fr` or `en`: the one that the address of a page asks for (`?lang=`), else the first of the two that
    Accept-Language names, French when neither."""
    if (asked := request.query_params.get("lang")) in ("fr", "en"):
        return str(asked)
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()[:2]
        if tag in ("fr", "en"):
            return tag
    return "fr"


def _methods(request: Request) -> set[str]:
    """All that a path may be asked with: each method has a route of its own, and a router tells of one of them."""
    fitting = [route for route in _routes(request.app.router) if route.matches(request.scope)[0] is not Match.NONE]
    paths = [getattr(route, "path", "") for route in fitting]
    named = request.url.path if request.url.path in paths else paths[0] if paths else ""
    return {method for route, path in zip(fitting, paths, strict=True) if path == named
            for method in getattr(route, "methods", None) or ()}  # fmt: skip


def _routes(router: Any) -> Iterator[BaseRoute]:
    """The routes of a router and of those that it includes."""
    for route in router.routes:
        included = getattr(route, "original_router", None)
        yield from _routes(included) if included is not None else (route,)


def problem(status: int, kind: str, title: str, detail: str, **more: Any) -> Response:
    """A problem answer. Retry-After goes with what passes by itself."""
    body = {"type": _TYPE + kind, "title": title, "status": status, "detail": detail, **more}
    headers = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These problems as the responses of an operation, for its OpenAPI."""
    content = {MEDIA_TYPE: {"schema": _SCHEMA}}
    return {status: {"description": _DESCRIBED[status], "content": content} for status in statuses}


def install(app: FastAPI, shown: Callable[[Request, Response], Response]) -> None:
    """Render every error of this application as a problem; `shown` may put a page in its place, for browsers."""

    def handles(kind: type[Exception]) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            async def answer(request: Request, error: Any) -> Response:
                return shown(request, await handler(request, error))

            app.add_exception_handler(kind, answer)
            return handler

        return register

    @handles(DirectoryError)
    async def expected(request: Request, error: DirectoryError) -> Response:
        french = language(request) == "fr"
        if isinstance(error, Ambiguous):
            title = "Plusieurs réponses possibles" if french else "Several records fit"
            detail = error.fr if french else error.message
            return problem(409, "ambiguous", title, detail, candidates=error.candidates)
        kind = next((found for found in type(error).__mro__ if found in _KINDS), errors.Unavailable)
        status, name, fr, en = _KINDS[kind]
        response = problem(status, name, fr if french else en, error.fr if french else error.message)
        if isinstance(error, BudgetExceeded):
            response.headers["Retry-After"] = str(error.retry_after_s)
        if isinstance(error, NotAuthenticated):
            response.headers["WWW-Authenticate"] = 'Bearer realm="annuaire"'
        return response

    @handles(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        french = language(request) == "fr"
        told = [one for one in error.errors() if one.get("loc")]
        wrong = [{"parameter": refusals.place(one), "reason": refusals.reason(one, french=french)} for one in told]
        detail = refusals.summed_up(told, french=french)
        title = "Demande incorrecte" if french else "Invalid request"
        return problem(422, "invalid-input", title, detail, errors=wrong)

    @handles(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        french = language(request) == "fr"
        known = {400: ("malformed", "Demande illisible", "Malformed request"),
                 404: ("not-found", "Introuvable", "Not found"),
                 405: ("not-supported", "Méthode non prise en charge", "Method not supported")}  # fmt: skip
        name, fr, en = known.get(error.status_code, ("http", "Erreur", "Error"))
        allowed = ", ".join(sorted(_methods(request))) if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else ""
        if error.status_code == HTTPStatus.NOT_FOUND:
            path = request.url.path
            detail = f"Il n'y a rien à {path}." if french else f"There is nothing at {path}."
        elif allowed:
            detail = f"Ici, seulement {allowed}." if french else f"Only {allowed} here."
        else:
            detail = str(error.detail)
        response = problem(error.status_code, name, fr if french else en, detail)
        for header, value in (error.headers or {}).items():
            response.headers[header] = value
        if allowed:
            response.headers["Allow"] = allowed
        return response

    @handles(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        ticket = reference()
        log.error("internal error %s", pairs(reference=ticket), exc_info=error)
        french = language(request) == "fr"
        title = "Erreur interne" if french else "Internal error"
        detail = f"référence {ticket}" if french else f"reference {ticket}"
        return problem(500, "internal", title, detail)
