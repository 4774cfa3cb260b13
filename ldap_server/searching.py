"""One search: from base, scope and filter to encoded entries and a result code."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import directory
from directory.errors import DirectoryError, InvalidInput, QueryTooComplex, TimeLimitExceeded, Unavailable
from directory.index.answers import Match, Page
from directory.index.reader import StoredDocument
from directory.index.reader import Index, Snapshot
from directory.query import And, Field, Is, Predicate, Query
from directory.settings import Settings
from ldap_server import dit, messages
from ldap_server.ber import Malformed
from ldap_server.dit import BASE, Name, Tree
from ldap_server.entries import Selection
from ldap_server.messages import Control, Search
from ldap_server.schema import SUBSCHEMA_DN, attribute_type, subschema_attributes

SUPPORTED_CONTROLS: Final = (messages.PAGED_RESULTS, messages.SORT_REQUEST, messages.MANAGE_DSA_IT)
SUPPORTED_EXTENSIONS: Final = (messages.WHO_AM_I,)
# All operational attributes, absolute true and false filters (RFC 3673, RFC 4526).
SUPPORTED_FEATURES: Final = ("1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3")
_COOKIE: Final = struct.Struct(">I8s")
_EVERYTHING_OPERATIONAL: Final = frozenset(
    {
        "namingContexts",
        "supportedControl",
        "supportedExtension",
        "supportedFeatures",
        "supportedLDAPVersion",
        "vendorName",
        "vendorVersion",
        "subschemaSubentry",
        "attributeTypes",
        "objectClasses",
        "matchingRules",
        "ldapSyntaxes",
        "hasSubordinates",
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Encoded entries, then the result."""

    entries: list[bytes]
    code: int
    message: str = ""
    matched: str = ""
    controls: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the controls of a search ask for."""

    page: tuple[int, bytes] | None = None
    sort: tuple[tuple[str, bool], ...] = ()


def wishes(controls: Sequence[Control]) -> Wishes:
    """Read the controls we know.

    Raises:
        Malformed: a control's value is not what its specification says.
    """
    page = None
    sort: tuple[tuple[str, bool], ...] = ()
    for control in controls:
        if control.oid == messages.PAGED_RESULTS:
            page = messages.read_paged(control.value)
        elif control.oid == messages.SORT_REQUEST:
            sort = tuple(messages.read_sort_keys(control.value))
    return Wishes(page, sort)


def unknown_critical(controls: Sequence[Control]) -> Control | None:
    return next((control for control in controls if control.critical and control.oid not in SUPPORTED_CONTROLS), None)


class Searcher:
    """Answers searches of one server process."""

    def __init__(self, settings: Settings, index: Index) -> None:
        self._index = index
        self._size_limit = settings.ldap_size_limit
        self._time_limit_s = settings.ldap_time_limit_s
        self.tree = Tree(settings.ldap_base_dn)

    def search(self, message_id: int, search: Search, controls: Sequence[Control]) -> Answer:
        """Carry out a search; expected errors are part of the answer."""
        try:
            wanted = wishes(controls)
            base = dit.parse(search.base)
            return self._search(messages.integer(message_id), search, base, wanted)
        except dit.BadName as error:
            return Answer([], messages.INVALID_DN, str(error))
        except Malformed as error:
            return Answer([], messages.PROTOCOL_ERROR, str(error))
        except DirectoryError as error:
            return Answer([], result_code(error), error.message)

    def _search(self, message_id: bytes, search: Search, base: Name, wanted: Wishes) -> Answer:
        selection = Selection.of(search.attributes, types_only=search.types_only)
        if not base:
            return self._above(message_id, search, selection, wanted)
        if base == dit.parse(SUBSCHEMA_DN):
            return self._subschema(message_id, search, selection)
        container = self.tree.container(base)
        address = self.tree.address(base)
        if container is None and address is None:
            return Answer([], messages.NO_SUCH_OBJECT, matched=self.tree.nearest(base))
        if address is not None:
            return self._one_mailbox(message_id, search, selection, address)
        assert container is not None
        found: list[bytes] = []
        if search.scope == BASE:
            found = self._containers(message_id, search, selection, [container])
        elif search.scope == dit.ONE:
            found = self._containers(message_id, search, selection, self.tree.children(base))
        if not self.tree.holds_mailboxes(base, search.scope):
            return Answer(found, messages.SUCCESS)
        return self._mailboxes(message_id, search, selection, search.filter, wanted)

    # -- entries of our own ------------------------------------------------------------------------------------------

    def _above(self, message_id: bytes, search: Search, selection: Selection, wanted: Wishes) -> Answer:
        """Base "": the root DSE itself, or, for clients that have no base configured, everything below."""
        if search.scope == BASE:
            attributes = {
                "objectClass": ["top"],
                "namingContexts": [self.tree.suffix],
                "supportedControl": list(SUPPORTED_CONTROLS),
                "supportedExtension": list(SUPPORTED_EXTENSIONS),
                "supportedFeatures": list(SUPPORTED_FEATURES),
                "supportedLDAPVersion": ["2", "3"],
                "vendorName": ["annuaire"],
                "vendorVersion": [directory.__version__],
                "subschemaSubentry": [SUBSCHEMA_DN],
            }
            if not dit.satisfied(search.filter, attributes):
                return Answer([], messages.SUCCESS)
            # Asked for nothing by name, a root DSE shows all it has: what browsers of directories expect.
            shown = Selection(True, True, frozenset(), search.types_only) if not search.attributes else selection
            encoded = shown.encode(attributes.items(), _EVERYTHING_OPERATIONAL)
            return Answer([messages.entry(message_id, b"", encoded)], messages.SUCCESS)
        if search.scope == dit.ONE:
            return Answer(self._containers(message_id, search, selection, self.tree.containers[:1]), messages.SUCCESS)
        return self._mailboxes(message_id, search, selection, search.filter, wanted)

    def _subschema(self, message_id: bytes, search: Search, selection: Selection) -> Answer:
        attributes = subschema_attributes()
        if search.scope == dit.ONE or not dit.satisfied(search.filter, {**attributes, "objectClass": ["subschema"]}):
            return Answer([], messages.SUCCESS)
        encoded = selection.encode(attributes.items(), _EVERYTHING_OPERATIONAL)
        return Answer([messages.entry(message_id, SUBSCHEMA_DN.encode(), encoded)], messages.SUCCESS)

    def _containers(
        self, message_id: bytes, search: Search, selection: Selection, containers: Sequence[dit.Container]
    ) -> list[bytes]:
        return [
            messages.entry(
                message_id,
                container.dn.encode(),
                selection.encode(container.attributes.items(), _EVERYTHING_OPERATIONAL),
            )
            for container in containers
            if dit.satisfied(search.filter, container.attributes)
        ]

    # -- mailboxes ---------------------------------------------------------------------------------------------------

    def _one_mailbox(self, message_id: bytes, search: Search, selection: Selection, address: str) -> Answer:
        with self._index.read() as snapshot:
            document = self._document(snapshot, address)
            if document is None:
                return Answer([], messages.NO_SUCH_OBJECT, matched=self.tree.base)
            if search.scope == dit.ONE:
                return Answer([], messages.SUCCESS)
            asked = And((Is(Field.MAIL, address), search.filter))
            page = snapshot.find(Query(predicate=asked, limit=1, deadline_s=self._time_limit_s))
            return Answer(self._entries(message_id, selection, page.matches), messages.SUCCESS)

    @staticmethod
    def _document(snapshot: Snapshot, address: str) -> StoredDocument | None:
        page = snapshot.find(Query(predicate=Is(Field.MAIL, address), limit=1))
        return page.matches[0].document if page.matches else None

    def compare(self, name: Name, predicate: Predicate, present: Predicate) -> int:
        """The result code of a compare of one entry."""
        address = self.tree.address(name)
        if address is None:
            return messages.NO_SUCH_OBJECT if self.tree.container(name) is None else messages.NO_SUCH_ATTRIBUTE
        with self._index.read() as snapshot:
            if self._document(snapshot, address) is None:
                return messages.NO_SUCH_OBJECT
            for asked, code in ((predicate, messages.COMPARE_TRUE), (present, messages.COMPARE_FALSE)):
                if snapshot.find(Query(predicate=And((Is(Field.MAIL, address), asked)), limit=1)).matches:
                    return code
        return messages.NO_SUCH_ATTRIBUTE

    def _mailboxes(
        self, message_id: bytes, search: Search, selection: Selection, predicate: Predicate, wanted: Wishes
    ) -> Answer:
        limit = min(search.size_limit or self._size_limit, self._size_limit)
        deadline_s = min(search.time_limit or self._time_limit_s, self._time_limit_s)
        with self._index.read() as snapshot:
            if wanted.page is None:
                page = snapshot.find(Query(predicate=predicate, limit=limit, deadline_s=deadline_s))
                entries = self._entries(message_id, selection, _sorted(page, wanted))
                code = messages.SUCCESS if page.complete else messages.SIZE_LIMIT
                return Answer(entries, code, controls=_sort_control(wanted))
            return self._page(snapshot, message_id, search, selection, predicate, wanted, limit, deadline_s)

    def _page(
        self,
        snapshot: Snapshot,
        message_id: bytes,
        search: Search,
        selection: Selection,
        predicate: Predicate,
        wanted: Wishes,
        limit: int,
        deadline_s: float,
    ) -> Answer:
        """A page of simple paged results; the size limit is that of the whole walk (RFC 2696 section 3)."""
        assert wanted.page is not None
        size, cookie = wanted.page
        stamp = _stamp(search, snapshot)
        start = 0
        if cookie:
            if len(cookie) != _COOKIE.size or _COOKIE.unpack(cookie)[1] != stamp:
                return Answer([], messages.UNWILLING, "this cookie is not of this search")
            start = _COOKIE.unpack(cookie)[0]
        if size < 0:
            return Answer([], messages.PROTOCOL_ERROR, "a negative page size")
        if size == 0 and cookie:
            # The client gives the walk up.
            return Answer([], messages.SUCCESS, controls=[(messages.PAGED_RESULTS, messages.paged_value(0, b""))])
        count = max(0, min(size or limit, limit - start))
        page = snapshot.find(Query(predicate=predicate, limit=count, offset=start, deadline_s=deadline_s))
        entries = self._entries(message_id, selection, _sorted(page, wanted))
        at_limit = start + count >= limit
        more = not page.complete and not at_limit
        code = messages.SIZE_LIMIT if at_limit and not page.complete else messages.SUCCESS
        following = _COOKIE.pack(start + count, stamp) if more else b""
        control = (messages.PAGED_RESULTS, messages.paged_value(0, following))
        return Answer(entries, code, controls=[control, *_sort_control(wanted)])

    def _entries(self, message_id: bytes, selection: Selection, matches: Sequence[Match]) -> list[bytes]:
        found = []
        for match in matches:
            document = match.document
            dn = self.tree.mailbox_dn(document.key)
            found.append(messages.entry(message_id, dn, selection.of_document(document, dn)))
        return found


def result_code(error: DirectoryError) -> int:
    """The result code of an error of the tree (DESIGN section 6)."""
    if isinstance(error, InvalidInput):
        return messages.PROTOCOL_ERROR
    if isinstance(error, QueryTooComplex):
        return messages.ADMIN_LIMIT
    if isinstance(error, TimeLimitExceeded):
        return messages.TIME_LIMIT
    return messages.UNAVAILABLE if isinstance(error, Unavailable) else messages.OTHER


def _stamp(search: Search, snapshot: Snapshot) -> bytes:
    """Ties a cookie to its search and to the register's epoch."""
    text = repr((snapshot.state.epoch, search.base, search.scope, search.filter))
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _sorted(page: Page, wanted: Wishes) -> Sequence[Match]:
    """The page in the order that a sort control asks for; which entries are on it is decided by rank before."""
    found = list(page.matches)
    for attribute, descending in reversed(wanted.sort):
        known = attribute_type(attribute)
        if known is None or known.field is None:
            continue
        field = known.field

        def key(match: Match, field: Field = field) -> tuple[bool, str]:
            values = match.document.values((field,)).get(field, [])
            return (not values, values[0] if values else "")

        found.sort(key=key, reverse=descending)
    return found


def _sort_control(wanted: Wishes) -> list[tuple[str, bytes]]:
    return [(messages.SORT_RESPONSE, messages.sort_result(messages.SUCCESS))] if wanted.sort else []
