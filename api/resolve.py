"""`POST /v1/resolve`: which mailbox to write to, for up to a thousand recipients a call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from pydantic import Field as Parameter
from starlette.responses import Response

from api import answers, examples
from api.access import Asking, Visit
from api.mailboxes import Choice, alternatives, choose
from api.problems import declared
from api.refusals import refused
from directory.accounts import Scope
from directory.index.reader import Index, Snapshot, StoredDocument
from directory.index.resolve import Recipient, resolve
from directory.model import Kind
from directory.query import Field, Is, Query

MOST: Final = 1000
WITHOUT_ACCOUNT: Final = 20
"""Recipients of one call of somebody who has no account with the scope `resolve`, in profile `public`."""
_TURN_S: Final = 0.005  # work, until others have their turn
_HOLDERS: Final = 5

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]

EXAMPLE: Final[dict[str, Any]] = {
    "recipients": [
        {"id": "1", "rpps": examples.RPPS},
        {"id": "2", "name": "Karen Didelet", "place": examples.CITY},
        {"id": "3", "address": examples.ADDRESS},
    ]
}
ANSWER: Final = {
    "register": {"revision": 3, "as_of": "2026-01-15T03:15:00Z", "source": "RPPS, Annuaire Santé (ANS)"},
    "results": [
        {
            "id": "2",
            "status": "resolved",
            "why": ["name", "place"],
            "practitioner": {
                "national_id": examples.NATIONAL_ID,
                "family_name": examples.FAMILY_NAME,
                "given_name": examples.GIVEN_NAME,
            },
            "preferred": {"address": examples.ADDRESS, "kind": "PER", "why": "own"},
            "alternatives": [{"address": "urgences@ch-valmorin.mssante.fr", "kind": "ORG", "why": "service"}],
        }
    ],
    "counts": {"resolved": 1, "ambiguous": 0, "unresolved": 0},
}


class Asked(BaseModel):
    """One recipient: an RPPS number or national identifier, else an address, else a name and what tells it apart."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, StringConstraints(max_length=100)] | None = Parameter(None, description="Yours: it comes back.")
    rpps: Text | None = Parameter(None, description="RPPS number, ADELI number or national identifier.")
    address: Text | None = Parameter(None, description="An MSSanté address.")
    name: Text | None = Parameter(None, description="Family and given name, in any order.")
    place: Text | None = Parameter(None, description="Town, postal code or département.")
    profession: Text | None = Parameter(None, description="Profession or specialty, by code or in everyday words.")
    structure: Text | None = Parameter(None, description="Structure, by FINESS, SIRET or name.")

    @model_validator(mode="after")
    def _given(self) -> Asked:
        if not (self.rpps or self.address or self.name):
            raise refused("give rpps, address or name", fr="indiquez rpps, address ou name")
        return self


class Recipients(BaseModel):
    """A call."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    recipients: list[Asked] = Parameter(min_length=1, max_length=MOST)


def router(index: Index) -> APIRouter:
    routes = APIRouter(tags=["resolve"], responses=declared(400))

    @routes.post(
        "/v1/resolve",
        summary="Find the mailbox of each of many recipients",
        description="*resolved*: it is clear who is meant; `preferred` is the mailbox to write to, or null where there "
        "is none. *ambiguous*: it may be one of the `candidates`. *unresolved*: nobody fits. `why` says by what. "
        f"At most {MOST} recipients a call; in profile `public` at most {WITHOUT_ACCOUNT} without the scope `resolve`.",
        responses={200: {"content": {"application/json": {"example": ANSWER}}}},
    )
    async def resolve_all(asking: Asking, asked: Annotated[Recipients, Body()]) -> Response:
        if len(asked.recipients) > WITHOUT_ACCOUNT:
            asking.needs(Scope.RESOLVE)
        asking.asks_by_name()
        with index.read() as snapshot:
            results = await _results(snapshot, asking, asked.recipients)
            counts = dict.fromkeys(("resolved", "ambiguous", "unresolved"), 0)
            for result in results:
                counts[result["status"]] += 1
            body = {"register": answers.register(snapshot.state), "results": results, "counts": counts}
            return answers.answer(body)

    return routes


async def _results(snapshot: Snapshot, asking: Visit, recipients: Sequence[Asked]) -> list[dict[str, Any]]:
    """The answers in order; others have their turn in between."""
    results, until = [], time.monotonic() + _TURN_S
    for one in recipients:
        result, told = _resolved(snapshot, one)
        asking.sends(told)
        results.append({"id": one.id, **result} if one.id is not None else result)
        if time.monotonic() > until:
            await asyncio.sleep(0)
            until = time.monotonic() + _TURN_S
    return results


Answer = tuple[dict[str, Any], Sequence[int]]
"""What is told of a recipient, and the documents it is told from."""


def _resolved(snapshot: Snapshot, asked: Asked) -> Answer:
    if asked.rpps:
        return _by_identifier(snapshot, asked, asked.rpps.replace(" ", ""))
    if asked.address:
        return _by_address(snapshot, asked.address.lower())
    assert asked.name is not None
    recipient = Recipient(name=asked.name, place=asked.place, profession=asked.profession, structure=asked.structure)
    found = resolve(snapshot, recipient)
    documents = [snapshot.document(number) for number in found.documents]
    if found.resolved:
        return _person(snapshot, documents[0], found.why, asked)
    if documents:
        return _ambiguous(documents, found.why)
    return {"status": "unresolved", "why": found.why}, ()


def _by_identifier(snapshot: Snapshot, asked: Asked, identifier: str) -> Answer:
    # An RPPS number is its national identifier without the 8 before it.
    for key in (identifier, f"8{identifier}", f"0{identifier}"):
        document = snapshot.get(Kind.PRACTITIONER, key)
        if document is not None:
            return _person(snapshot, document, ("identifier",), asked)
    query = Query(predicate=Is(Field.IDENTIFIER, identifier), kinds=(Kind.PRACTITIONER,), limit=_HOLDERS)
    documents = [match.document for match in snapshot.find(query).matches]
    if len(documents) == 1:
        return _person(snapshot, documents[0], ("identifier",), asked)
    if documents:
        return _ambiguous(documents, ("identifier",))
    return {"status": "unresolved", "why": ("unknown-identifier",)}, ()


def _by_address(snapshot: Snapshot, address: str) -> Answer:
    document = snapshot.get(Kind.MAILBOX, address)
    if document is None:
        return {"status": "unresolved", "why": ("unknown-address",)}, ()
    mailbox = orjson.loads(document.json)
    preferred = {name: mailbox[name] for name in ("address", "kind", "paperless", "trusted")}
    holders = [holder["national_id"] for holder in mailbox["holders"] if holder["national_id"]]
    person = snapshot.get(Kind.PRACTITIONER, holders[0]) if holders else None
    result: dict[str, Any] = {
        "status": "resolved",
        "why": ("address",),
        "practitioner": _shown(person) if person is not None else None,
        "preferred": {**preferred, "why": "address"},
        "alternatives": [],
    }
    return result, (document.number,)


def _person(snapshot: Snapshot, document: StoredDocument, why: Sequence[str], asked: Asked) -> Answer:
    record = orjson.loads(document.json)
    preferred = choose(record, asked.structure)
    others = alternatives(snapshot, record, preferred)
    result = {
        "status": "resolved",
        "why": why if preferred is not None else (*why, "no-mailbox"),
        "practitioner": _short(record),
        "preferred": _mailbox(preferred) if preferred is not None else None,
        "alternatives": [_mailbox(other) for other in others],
    }
    return result, (document.number,)


def _ambiguous(documents: Sequence[StoredDocument], why: Sequence[str]) -> Answer:
    candidates = [_shown(document) for document in documents]
    result = {"status": "ambiguous", "why": why, "candidates": candidates}
    return result, [document.number for document in documents]


def _mailbox(choice: Choice) -> dict[str, Any]:
    return {**choice.mailbox, "why": choice.why}


def _shown(document: StoredDocument) -> dict[str, Any]:
    return _short(orjson.loads(document.json))


def _short(record: dict[str, Any]) -> dict[str, Any]:
    """What tells persons apart."""
    activities = [activity for exercise in record["professions"] for activity in exercise["activities"]]
    return {
        "national_id": record["national_id"],
        "rpps": record["rpps"],
        "family_name": record["family_name"],
        "given_name": record["given_name"],
        "professions": [exercise["profession"]["label"] for exercise in record["professions"]],
        "cities": list(dict.fromkeys(one["address"]["city"] for one in activities if one["address"])),
        "reachable": bool(record["mailboxes"]),
    }
