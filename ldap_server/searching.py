"""One search: from base, scope and filter to encoded entries and a result code."""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

import directory
from directory.errors import DirectoryError
from directory.index.choice import Choice
from directory.index.reader import Index, Snapshot
from directory.query import And, Field, Is, Predicate, Query
from directory.settings import Settings
from ldap_server import dit, messages
from ldap_server.answers import Answer, Course, failed, refused
from ldap_server.ber import Malformed
from ldap_server.dit import BASE, Name, Tree
from ldap_server.entries import Selection, cutter, framed
from ldap_server.messages import Control, Search
from ldap_server.schema import SUBSCHEMA_DN, attribute_type, subschema_attributes

SUPPORTED_CONTROLS: Final = (messages.PAGED_RESULTS, messages.SORT_REQUEST, messages.MANAGE_DSA_IT)
SUPPORTED_EXTENSIONS: Final = (messages.WHO_AM_I,)
# All operational attributes, absolute true and false filters (RFC 3673, RFC 4526).
SUPPORTED_FEATURES: Final = ("1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3")
TURN_S: Final = 0.005
"""How long a search may keep the others waiting at a time."""
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


class Wishes(NamedTuple):
    """What the controls of a search ask for."""

    page: tuple[int, bytes] | None = None
    sort: tuple[tuple[str, bool], ...] = ()


_NO_WISHES: Final = Wishes()


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


class Window(NamedTuple):
    """Which of the matches a search sends: `size` of them after the first `start`. Nothing may follow a `last` one:
    the size limit is that of the whole walk (RFC 2696 section 3)."""

    start: int
    size: int
    last: bool = True


class Searcher:
    """Answers searches of one server process."""

    def __init__(self, settings: Settings, index: Index) -> None:
        self._index = index
        self._size_limit = settings.ldap_size_limit
        self._time_limit_s = settings.ldap_time_limit_s
        self.tree = Tree(settings.ldap_base_dn)

    def search(self, message_id: bytes, search: Search, controls: Sequence[Control]) -> Course:
        """Carry out a search in turns. Expected errors are part of the answer."""
        try:
            wanted = wishes(controls) if controls else _NO_WISHES
            base = dit.parse(search.base)
            if not self.tree.holds_mailboxes(base, search.scope):
                answer = self._elsewhere(message_id, search, base)
            else:
                with self._index.read() as snapshot:
                    window = self._window(snapshot, search, wanted)
                    if isinstance(window, Answer):
                        answer = window
                    else:
                        choice = Choice(snapshot, self._query(search, window))
                        while not choice.go_on(TURN_S):
                            yield None
                        answer = self._answer(snapshot, message_id, search, wanted, window, choice)
        except dit.BadName as error:
            answer = refused(messages.INVALID_DN, str(error))
        except Malformed as error:
            answer = refused(messages.PROTOCOL_ERROR, str(error))
        except DirectoryError as error:
            answer = failed(error)
        yield answer

    # -- mailboxes ---------------------------------------------------------------------------------------------------

    def _query(self, search: Search, window: Window) -> Query:
        return Query(
            predicate=search.filter,
            limit=window.size,
            offset=window.start,
            deadline_s=min(search.time_limit or self._time_limit_s, self._time_limit_s),
        )

    def _window(self, snapshot: Snapshot, search: Search, wanted: Wishes) -> Window | Answer:
        """What to send; an answer when that is settled without looking anything up."""
        limit = min(search.size_limit or self._size_limit, self._size_limit)
        if wanted.page is None:
            return Window(0, limit)
        size, cookie = wanted.page
        start = 0
        if cookie:
            if len(cookie) != _COOKIE.size or _COOKIE.unpack(cookie)[1] != _stamp(search, snapshot):
                return refused(messages.UNWILLING, "this cookie is not of this search")
            start = _COOKIE.unpack(cookie)[0]
        if size < 0:
            return refused(messages.PROTOCOL_ERROR, "a negative page size")
        if size == 0 and cookie:
            # The client gives the walk up.
            return Answer([], messages.SUCCESS, controls=[(messages.PAGED_RESULTS, messages.paged_value(0, b""))])
        count = max(0, min(size or limit, limit - start))
        return Window(start, count, last=start + count >= limit)

    def _answer(
        self,
        snapshot: Snapshot,
        message_id: bytes,
        search: Search,
        wanted: Wishes,
        window: Window,
        choice: Choice,
    ) -> Answer:
        numbers = _sorted(snapshot, choice.numbers, wanted.sort) if wanted.sort else choice.numbers
        cut, below = cutter(search.attributes, search.types_only).framed, self.tree.below_base
        entries = [cut(message_id, below, snapshot.entry(number)) for number in numbers]
        code = messages.SUCCESS if choice.complete or not window.last else messages.SIZE_LIMIT
        if wanted is _NO_WISHES:
            return Answer(entries, code)
        controls: list[tuple[str, bytes]] = []
        if wanted.page is not None:
            more = not choice.complete and not window.last
            following = _COOKIE.pack(window.start + window.size, _stamp(search, snapshot)) if more else b""
            controls.append((messages.PAGED_RESULTS, messages.paged_value(0, following)))
        if wanted.sort:
            controls.append((messages.SORT_RESPONSE, messages.sort_result(messages.SUCCESS)))
        return Answer(entries, code, controls=controls)

    def compare(self, name: Name, predicate: Predicate, present: Predicate) -> int:
        """The result code of a compare of one entry."""
        address = self.tree.address(name)
        if address is None:
            return messages.NO_SUCH_OBJECT if self.tree.container(name) is None else messages.NO_SUCH_ATTRIBUTE
        with self._index.read() as snapshot:
            if not _mailbox(snapshot, address):
                return messages.NO_SUCH_OBJECT
            for asked, code in ((predicate, messages.COMPARE_TRUE), (present, messages.COMPARE_FALSE)):
                if _mailbox(snapshot, address, asked):
                    return code
        return messages.NO_SUCH_ATTRIBUTE

    # -- one mailbox, and entries of our own -------------------------------------------------------------------------

    def _elsewhere(self, message_id: bytes, search: Search, base: Name) -> Answer:
        """A search that is not over the mailboxes."""
        selection = Selection.of(search.attributes, types_only=search.types_only)
        if not base:
            return self._above(message_id, search, selection)
        if base == dit.parse(SUBSCHEMA_DN):
            return self._subschema(message_id, search, selection)
        address = self.tree.address(base)
        if address is not None:
            return self._one_mailbox(message_id, search, address)
        container = self.tree.container(base)
        if container is None:
            return refused(messages.NO_SUCH_OBJECT, matched=self.tree.nearest(base))
        meant = [container] if search.scope == BASE else self.tree.children(base)
        return Answer(_containers(message_id, search, selection, meant), messages.SUCCESS)

    def _one_mailbox(self, message_id: bytes, search: Search, address: str) -> Answer:
        with self._index.read() as snapshot:
            if not _mailbox(snapshot, address):
                return refused(messages.NO_SUCH_OBJECT, matched=self.tree.base)
            numbers = [] if search.scope == dit.ONE else _mailbox(snapshot, address, search.filter)
            cut = cutter(search.attributes, search.types_only).framed
            entries = [cut(message_id, self.tree.below_base, snapshot.entry(number)) for number in numbers]
        return Answer(entries, messages.SUCCESS)

    def _above(self, message_id: bytes, search: Search, selection: Selection) -> Answer:
        """The root DSE, or what lies directly below it."""
        if search.scope != BASE:
            found = _containers(message_id, search, selection, self.tree.containers[:1])
            return Answer(found, messages.SUCCESS)
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
            return Answer()
        # Asked for nothing by name, a root DSE shows all it has: what browsers of directories expect.
        shown = Selection(True, True, frozenset(), search.types_only) if not search.attributes else selection
        encoded = shown.encode(attributes.items(), _EVERYTHING_OPERATIONAL)
        return Answer([framed(message_id, b"", b"", encoded)], messages.SUCCESS)

    @staticmethod
    def _subschema(message_id: bytes, search: Search, selection: Selection) -> Answer:
        attributes = subschema_attributes()
        if search.scope == dit.ONE or not dit.satisfied(search.filter, {**attributes, "objectClass": ["subschema"]}):
            return Answer()
        encoded = selection.encode(attributes.items(), _EVERYTHING_OPERATIONAL)
        return Answer([framed(message_id, SUBSCHEMA_DN.encode(), b"", encoded)], messages.SUCCESS)


def _containers(
    message_id: bytes, search: Search, selection: Selection, containers: Sequence[dit.Container]
) -> list[bytes]:
    return [
        framed(
            message_id,
            container.dn.encode(),
            b"",
            selection.encode(container.attributes.items(), _EVERYTHING_OPERATIONAL),
        )
        for container in containers
        if dit.satisfied(search.filter, container.attributes)
    ]


def _mailbox(snapshot: Snapshot, address: str, asked: Predicate | None = None) -> list[int]:
    """The mailbox of an address, if it is there and as asked."""
    named = Is(Field.MAIL, address)
    page = snapshot.find(Query(predicate=named if asked is None else And((named, asked)), limit=1))
    return [match.document.number for match in page.matches]


def _stamp(search: Search, snapshot: Snapshot) -> bytes:
    """Ties a cookie to its search and to the register's epoch."""
    text = repr((snapshot.state.epoch, search.base, search.scope, search.filter))
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _sorted(snapshot: Snapshot, numbers: Sequence[int], sort: Sequence[tuple[str, bool]]) -> list[int]:
    """Documents in the order that a sort control asks for; which ones are sent is decided by rank before."""
    found = list(numbers)
    for attribute, descending in reversed(sort):
        known = attribute_type(attribute)
        if known is not None and known.field is not None:
            found.sort(key=functools.partial(_sort_key, snapshot, known.field), reverse=descending)
    return found


def _sort_key(snapshot: Snapshot, field: Field, number: int) -> tuple[bool, str]:
    values = snapshot.document(number).field(field)
    return not values, values[0] if values else ""
