"""`/v1/trusted-domains`: whether an address lies in the trust space, and who operates its domain."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Request
from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Parameter
from starlette.responses import Response

from api import answers
from api.parameters import known_only
from api.problems import declared
from directory.errors import InvalidInput
from directory.index.reader import Index
from directory.index.trust import WhiteListCopy
from directory.trust import domain_of

MOST: Final = 1000
_REGISTER: Final = {"revision": 3, "as_of": "2026-01-15T03:15:00Z", "source": "RPPS, Annuaire Santé (ANS)"}
_LIST: Final = {"as_of": "2026-01-14T22:00:00Z"}
_OPERATORS: Final = [{"name": "GCS EXEMPLE", "identifier_type": "SIRET", "identifier": "13000000000016"}]
EXAMPLE: Final[dict[str, Any]] = {
    "register": _REGISTER,
    "white_list": _LIST,
    "domain": "medecin.mssante.fr",
    "trusted": True,
    "operators": _OPERATORS,
}
ASKED: Final[dict[str, Any]] = {"names": ["maelle.darvillers-quesnoy@medecin.mssante.fr", "example.org"]}
ANSWER: Final[dict[str, Any]] = {
    "register": _REGISTER,
    "white_list": _LIST,
    "results": [
        {
            "asked": "maelle.darvillers-quesnoy@medecin.mssante.fr",
            "domain": "medecin.mssante.fr",
            "trusted": True,
            "operators": _OPERATORS,
        },
        {"asked": "example.org", "domain": "example.org", "trusted": False, "operators": []},
    ],
    "counts": {"trusted": 1, "not_trusted": 1},
}

Name = Annotated[str, StringConstraints(min_length=1, max_length=320)]


class Names(BaseModel):
    """A call: addresses, domains, or both."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ASKED})

    names: list[Name] = Parameter(min_length=1, max_length=MOST)


def router(index: Index) -> APIRouter:
    routes = APIRouter(tags=["trust"])

    @routes.get(
        "/v1/trusted-domains/{domain}",
        summary="Is a domain, or that of an address, on the national white list, and who operates it?",
        description="The list is the signed one that the register holds; `white_list.as_of` is when it was made. A "
        "domain counts as it stands there: what lies below a trusted domain is not trusted for it. What is not on "
        "the list is `trusted: false`, no error.",
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}, **answers.UNCHANGED},
    )
    @routes.head("/v1/trusted-domains/{domain}", include_in_schema=False)
    async def domain(
        request: Request,
        domain: Annotated[str, Path(max_length=320, description="Or an address.", examples=["medecin.mssante.fr"])],
    ) -> Response:
        known_only(request)
        if domain_of(domain) is None:
            shown = domain[:80]
            raise InvalidInput(
                f"{shown!r} is neither a domain nor an address", fr=f"{shown!r} n'est ni un domaine ni une adresse"
            )
        with index.read() as snapshot:
            listed = snapshot.white_list
            if (same := answers.unchanged(request, snapshot.state)) is not None:
                return same
            body = {
                "register": answers.register(snapshot.state),
                "white_list": {"as_of": listed.as_of},
                **_told(listed, domain),
            }
            return answers.answer(body, {"ETag": answers.etag(snapshot.state)})

    @routes.post(
        "/v1/trusted-domains/check",
        summary="Which of many addresses or domains lie in the trust space, and who operates them",
        description=f"At most {MOST} of them a call. `domain` is null for what is neither an address nor a domain.",
        responses={200: {"content": {"application/json": {"example": ANSWER}}}, **declared(400)},
    )
    async def check(asked: Annotated[Names, Body()]) -> Response:
        with index.read() as snapshot:
            listed = snapshot.white_list
            results = [{"asked": name, **_told(listed, name)} for name in asked.names]
            trusted = sum(result["trusted"] for result in results)
            body = {
                "register": answers.register(snapshot.state),
                "white_list": {"as_of": listed.as_of},
                "results": results,
                "counts": {"trusted": trusted, "not_trusted": len(results) - trusted},
            }
            return answers.answer(body)

    return routes


def _told(listed: WhiteListCopy, name: str) -> dict[str, Any]:
    domain = domain_of(name)
    operators = listed.operators(domain) if domain is not None else None
    shown = [
        {"name": one.name, "identifier_type": one.identifier_type or None, "identifier": one.identifier or None}
        for one in operators or ()
    ]
    return {"domain": domain, "trusted": operators is not None, "operators": shown}
