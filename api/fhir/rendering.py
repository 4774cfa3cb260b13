"""Resources of one snapshot, as an answer shows them: whole or in part, and those that are included with others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from api.fhir import departed, resources, roles, systems
from api.fhir.identity import activities, id_of
from api.fhir.searching import Found, places
from directory.index.facets import LEGAL, PART, STRUCTURE, tag
from directory.index.reader import Snapshot, StoredDocument
from directory.index.selection import select
from directory.model import Kind
from directory.query import Field, Is, Predicate

Resource = dict[str, Any]

_ALWAYS: Final = frozenset({"resourceType", "id", "meta", "identifier", "active"})
_SUBSETTED: Final = {"system": systems.SUBSETTED, "code": "SUBSETTED"}


class Rendering:
    """Makes resources of documents; `repeated`: persons show the mailboxes of their activities, too."""

    def __init__(self, snapshot: Snapshot, *, repeated: bool, deadline_s: float) -> None:
        self._snapshot = snapshot
        self._repeated = repeated
        self._deadline_s = deadline_s
        self._unchanged = snapshot.state.known_since or snapshot.state.committed_at

    def resource(self, found: Found) -> Resource:
        """One resource."""
        if found.departed is not None:
            return departed.resource(self._snapshot, found.kind, found.departed)
        document = self._snapshot.document(found.document)
        record, changed = resources.record_of(document), self._changed(document)
        if document.kind is Kind.ORGANIZATION:
            return resources.organization(record, changed, self._legal_entity(document))
        if found.place is None:
            return resources.practitioner(record, changed, repeated=self._repeated)
        return resources.role(record, found.place, changed)

    def included(self, found: Iterable[Found], wanted: frozenset[str]) -> Iterator[Found]:
        """What some resources refer to."""
        for one in found:
            if one.departed is not None:
                continue
            document = self._snapshot.document(one.document)
            if "PractitionerRole:practitioner" in wanted:
                yield Found("Practitioner", one.document)
            if "PractitionerRole:organization" in wanted and one.place is not None:
                yield from self._organization_of(document, one.place)
            if "Organization:partof" in wanted and (legal := self._legal_document(document)) is not None:
                yield Found("Organization", legal.number)

    def referring(self, found: Iterable[Found], wanted: frozenset[str]) -> Iterator[Found]:
        """What refers to some resources."""
        for one in found:
            if one.departed is not None:
                continue
            document = self._snapshot.document(one.document)
            if "PractitionerRole:practitioner" in wanted:
                yield from (Found("PractitionerRole", one.document, place) for place in range(_count(document)))
            if "PractitionerRole:organization" in wanted:
                yield from self._activities_at(document.key)
            if "Organization:partof" in wanted:
                for number in _numbers(document, LEGAL):
                    yield from self._all(Is(Field.FACET, tag(STRUCTURE, PART, number)), Kind.ORGANIZATION)

    def _changed(self, document: StoredDocument) -> str:
        return resources.changed_at(document, self._unchanged)

    def _organization_of(self, document: StoredDocument, place: int) -> Iterator[Found]:
        record = resources.record_of(document)
        _, activity = activities(record)[place]
        key = activity["organization"] and activity["organization"]["key"]
        held = self._snapshot.get(Kind.ORGANIZATION, key) if key else None
        if held is not None:
            yield Found("Organization", held.number)

    def _activities_at(self, key: str) -> Iterator[Found]:
        for place in places(self._snapshot, self._deadline_s):
            yield from self._all(roles.at(str(place), key), Kind.PRACTITIONER, place)

    def _all(self, predicate: Predicate, kind: Kind, place: int | None = None) -> Iterator[Found]:
        selection = select(self._snapshot, predicate, kind, self._deadline_s)
        named = "Organization" if place is None else "PractitionerRole"
        return (Found(named, number, place) for number in selection.after(self._snapshot, None, len(selection)))

    def _legal_entity(self, document: StoredDocument) -> str | None:
        held = self._legal_document(document)
        return id_of(held.key) if held is not None else None

    def _legal_document(self, document: StoredDocument) -> StoredDocument | None:
        """The legal entity that a structure is a site of, where the register has it."""
        for number in _numbers(document, PART):
            for one in self._all(Is(Field.FACET, tag(STRUCTURE, LEGAL, number)), Kind.ORGANIZATION):
                return self._snapshot.document(one.document)
        return None


def subset(resource: Resource, elements: frozenset[str]) -> Resource:
    """Only some elements of a resource, and those that are always there; and that it is not whole."""
    if not elements:
        return resource
    kept = {name: value for name, value in resource.items() if name.lstrip("_") in elements or name in _ALWAYS}
    return {**kept, "meta": {**resource["meta"], "tag": [_SUBSETTED]}}


def _numbers(document: StoredDocument, facet: str) -> list[str]:
    """The FINESS numbers of legal entities in the facets of a structure."""
    before = tag(STRUCTURE, facet, "")
    return [one.removeprefix(before) for one in document.field(Field.FACET) if one.startswith(before)]


def _count(document: StoredDocument) -> int:
    return sum(one.isdecimal() for one in document.field(Field.FACET))
