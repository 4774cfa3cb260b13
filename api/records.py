"""Record reads: a practitioner, a structure or a mailbox by any identifier it bears.

They are what is asked most: a route calls `visit_of` itself, because resolving a dependency costs as much as the rest.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api import answers, evidence, examples
from api.access import Visit, visit_of
from api.parameters import known_only
from api.problems import Ambiguous, declared
from directory.errors import NotFound
from directory.index.reader import Index, Snapshot, StoredDocument
from directory.model import Kind
from directory.query import Field, Is, Or, Query


def _named(description: str, *shown: str) -> Any:
    """What a record is asked for by."""
    return Path(max_length=300, description=description, examples=list(shown))


def router(index: Index, past: evidence.Past) -> APIRouter:
    routes = APIRouter(tags=["records"], responses={**answers.UNCHANGED, **declared(404, 409)})

    def answer(request: Request, asking: Visit, snapshot: Snapshot, document: StoredDocument) -> Response:
        known_only(request)
        asking.sends((document.number,))
        if (same := answers.unchanged(request, snapshot.state)) is not None:
            return same
        return answers.record(str(document.kind), document.json, snapshot.state)

    @routes.get("/v1/practitioners/{identifier}", summary="A professional by RPPS, ADELI or national identifier")
    @routes.head("/v1/practitioners/{identifier}", include_in_schema=False)
    async def practitioner(
        request: Request,
        identifier: Annotated[str, _named("RPPS, ADELI or national identifier.", examples.RPPS, examples.NATIONAL_ID)],
        as_of: evidence.AsOf = None,
    ) -> Response:
        if as_of is not None:
            return await evidence.as_it_was(visit_of(request), index, past, Kind.PRACTITIONER, identifier, as_of)
        asking = visit_of(request)
        asking.asks_by_name()
        with index.read() as snapshot:
            document = snapshot.get(Kind.PRACTITIONER, identifier)
            if document is None:
                document = _only(snapshot, Kind.PRACTITIONER, identifier, (Field.IDENTIFIER, Field.NATIONAL_ID))
            return answer(request, asking, snapshot, document)

    @routes.get("/v1/organizations/{identifier}", summary="A structure by key, FINESS or SIRET")
    @routes.head("/v1/organizations/{identifier}", include_in_schema=False)
    async def organization(
        request: Request,
        identifier: Annotated[str, _named("Key, FINESS or SIRET.", examples.STRUCTURE, examples.FINESS)],
        as_of: evidence.AsOf = None,
    ) -> Response:
        if as_of is not None:
            return await evidence.as_it_was(visit_of(request), index, past, Kind.ORGANIZATION, identifier, as_of)
        asking = visit_of(request)
        asking.asks_by_name()
        with index.read() as snapshot:
            document = snapshot.get(Kind.ORGANIZATION, identifier)
            if document is None:
                document = _only(snapshot, Kind.ORGANIZATION, identifier, (Field.FINESS, Field.SIRET))
            return answer(request, asking, snapshot, document)

    @routes.get("/v1/mailboxes/{address}", summary="A mailbox by its address, case aside")
    @routes.head("/v1/mailboxes/{address}", include_in_schema=False)
    async def mailbox(
        request: Request,
        address: Annotated[str, _named("In any case.", examples.ADDRESS)],
        as_of: evidence.AsOf = None,
    ) -> Response:
        if as_of is not None:
            return await evidence.as_it_was(visit_of(request), index, past, Kind.MAILBOX, address, as_of)
        asking = visit_of(request)
        asking.asks_by_name()
        with index.read() as snapshot:
            document = snapshot.get(Kind.MAILBOX, address.lower())
            if document is None:
                raise _missing(address)
            return answer(request, asking, snapshot, document)

    return routes


def _only(snapshot: Snapshot, kind: Kind, identifier: str, fields: tuple[Field, ...]) -> StoredDocument:
    """The one record that bears an identifier.

    Raises:
        NotFound: none does.
        Ambiguous: several do.
    """
    predicate = Or(tuple(Is(field, identifier) for field in fields))
    found = snapshot.find(Query(predicate=predicate, kinds=(kind,), limit=20)).matches
    if not found:
        raise _missing(identifier)
    if len(found) > 1:
        keys = [match.document.key for match in found]
        message = f"{len(keys)} records bear {identifier}: ask for one of them by its key"
        raise Ambiguous(message, keys, fr=f"{len(keys)} fiches portent {identifier} : demandez-en une par sa clé")
    return found[0].document


def _missing(identifier: str) -> NotFound:
    shown = identifier[:80]
    return NotFound(f"no record bears {shown}", fr=f"aucune fiche ne porte {shown}")
