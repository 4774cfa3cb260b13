"""One search: from base, scope and filter to encoded entries and a result code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from directory.callers.caller import Caller
from directory.errors import DirectoryError
from directory.index.choice import Choice
from directory.index.reader import Index, Snapshot
from directory.query import And, Field, Is, Predicate, Query
from directory.settings import Settings
from ldap_server import controls, dit, messages
from ldap_server.answers import Answer, Course, failed, refused
from ldap_server.assertions import OfServer
from ldap_server.ber import Malformed
from ldap_server.controlled import Controlled, Terms
from ldap_server.controls import Wishes
from ldap_server.dit import Name, Tree
from ldap_server.dse import OwnEntries
from ldap_server.entries import cutter
from ldap_server.limits import limits_by_class
from ldap_server.matched import narrowed
from ldap_server.messages import Control, Search
from ldap_server.walks import Bounds, Walks

FIRST_TURN_S: Final = 0.001
TURN_S: Final = 0.003
"""How long a search may keep the others waiting at a time. Nearly all are done in the first turn."""
_NOBODY: Final = Caller("?")
_COPY: Final = "every answer comes from a copy of the register, which no directory server holds itself"


class Searcher:
    """Answers searches of one server process."""

    def __init__(self, settings: Settings, index: Index) -> None:
        self._index = index
        self._settings = settings
        self._limits = limits_by_class(settings)
        self._time_limit_s = settings.ldap_time_limit_s
        self.tree = Tree(settings.ldap_base_dn)
        self.own = OwnEntries(self.tree, index, settings)
        self.walks = Walks(
            settings.data_dir / "walks",
            Bounds(settings.ldap_walks, settings.ldap_walks_per_client, settings.ldap_walk_bytes, settings.ldap_walk_s),
        )

    def search(
        self, message_id: bytes, search: Search, asked: Sequence[Control] = (), caller: Caller = _NOBODY
    ) -> Course:
        """Carry out a search in turns. Expected errors are part of the answer."""
        try:
            base = dit.parse(search.base)
            if asked:
                yield from self._with_controls(message_id, search, base, asked, caller)
                return
            if not self.tree.holds_mailboxes(base, search.scope):
                answer = self._elsewhere(message_id, search, base)
            else:
                with self._index.read() as snapshot:
                    choice = Choice(snapshot, self._query(search, caller))
                    turn_s = FIRST_TURN_S
                    while not choice.go_on(turn_s):
                        turn_s = TURN_S
                        yield None
                    answer = self._answer(snapshot, message_id, search, choice)
        except (dit.BadName, Malformed, DirectoryError) as error:
            answer = _expected(error)
        yield answer if answer.asked is not None else answer._replace(asked=search.filter)

    # -- mailboxes ---------------------------------------------------------------------------------------------------

    def _query(self, search: Search, caller: Caller) -> Query:
        asked = self.tree.placed(search.filter)
        return Query(predicate=asked, limit=self._limit(search, caller), deadline_s=self._deadline_s(search))

    def _limit(self, search: Search, caller: Caller) -> int:
        most = self._limits[caller.caller_class].size
        return min(search.size_limit or most, most)

    def _deadline_s(self, search: Search) -> float:
        return min(search.time_limit or self._time_limit_s, self._time_limit_s)

    def _answer(self, snapshot: Snapshot, message_id: bytes, search: Search, choice: Choice) -> Answer:
        cut = cutter(search.attributes, search.types_only).all_framed
        numbers = choice.numbers
        entries = (cut(message_id, self.tree.below_base, snapshot.entries(numbers)),) if numbers else ()
        code = messages.SUCCESS if choice.complete else messages.SIZE_LIMIT
        return Answer(entries, code, documents=numbers, asked=search.filter)

    # -- with controls -----------------------------------------------------------------------------------------------

    def _with_controls(
        self, message_id: bytes, search: Search, base: Name, asked: Sequence[Control], caller: Caller
    ) -> Course:
        wishes = self.wishes(asked)
        of_mailboxes = self.tree.holds_mailboxes(base, search.scope)
        refusal = self.refusal(base, wishes)
        if refusal is not None:
            answer = refusal
        elif wishes.window is not None and wishes.page is not None:
            answer = refused(messages.UNWILLING, "pages and windows do not go together")
        elif not of_mailboxes:
            answer = self._elsewhere(message_id, search, base)
            if wishes.page is not None and answer.code == messages.SUCCESS:
                answer = answer._replace(controls=[controls.paged(b"")])  # always whole
        else:
            terms = Terms(
                self._limit(search, caller), self._settings.ldap_sortable_entries, self._deadline_s(search), TURN_S
            )
            controlled = Controlled(self, search, wishes, caller.counted_as or caller.address, terms)
            with self._index.read() as snapshot:
                for turn in controlled.course(snapshot, message_id):
                    if turn is None:
                        yield None
                    else:
                        answer = turn
        if wishes.matched is not None and controls.chooses_values(search):
            answer = answer._replace(entries=[narrowed(entry, wishes.matched) for entry in answer.entries])
        yield answer._replace(asked=search.filter)

    def wishes(self, asked: Sequence[Control]) -> Wishes:
        """What the controls of a search or a compare ask for.

        Raises:
            Malformed: a control's value is not what its specification says.
            QueryTooComplex: a filter in one is over the limits.
        """
        if not asked:
            return controls.NONE
        return controls.wishes(asked, self._settings.ldap_filter_depth, self._settings.ldap_filter_terms)

    def refusal(self, name: Name, wishes: Wishes) -> Answer | None:
        """Why an operation on an entry is not carried out, where a control makes that depend on something."""
        own = self.own.entry(name)
        if wishes.no_copy and own is None:
            return refused(messages.UNWILLING, _COPY)
        if wishes.assertion is None:
            return None
        if own is not None:
            holds = bool(dit.satisfied(wishes.assertion, own.attributes))
        else:
            address = self.tree.address(name)
            if address is None:
                return None  # there is no such entry, which is said further on
            with self._index.read() as snapshot:
                if not mailbox(snapshot, address):
                    return None
                holds = bool(mailbox(snapshot, address, self.tree.placed(wishes.assertion)))
        return None if holds else refused(messages.ASSERTION_FAILED)

    # -- one mailbox, and entries of our own -------------------------------------------------------------------------

    def _elsewhere(self, message_id: bytes, search: Search, base: Name) -> Answer:
        """A search that is not over the mailboxes."""
        address = self.tree.address(base)
        if address is not None:
            return self._one_mailbox(message_id, search, address)
        if self.own.entry(base) is None:
            return refused(messages.NO_SUCH_OBJECT, matched=self.tree.nearest(base))
        entries = [
            own.encoded(message_id, search)
            for own in self.own.selected(base, search.scope)
            if dit.satisfied(search.filter, own.attributes)
        ]
        return Answer(entries)

    def _one_mailbox(self, message_id: bytes, search: Search, address: str) -> Answer:
        with self._index.read() as snapshot:
            if not mailbox(snapshot, address):
                return refused(messages.NO_SUCH_OBJECT, matched=self.tree.base)
            asked = self.tree.placed(search.filter)
            numbers = [] if search.scope == dit.ONE else mailbox(snapshot, address, asked)
            cut = cutter(search.attributes, search.types_only).framed
            entries = [cut(message_id, self.tree.below_base, snapshot.entry(number)) for number in numbers]
            return Answer(entries, documents=numbers)

    # -- compare -----------------------------------------------------------------------------------------------------

    def compare(self, name: Name, predicate: Predicate, present: Predicate) -> Answer:
        """A compare: whether the entry is as a predicate says, and whether it has the attribute."""
        outcomes = ((predicate, messages.COMPARE_TRUE), (present, messages.COMPARE_FALSE))
        own, address = self.own.entry(name), self.tree.address(name)
        if own is not None:
            held = (code for asked, code in outcomes if dit.satisfied(asked, own.attributes))
            return Answer(code=next(held, messages.NO_SUCH_ATTRIBUTE))
        if address is None:
            return Answer(code=messages.NO_SUCH_OBJECT)
        with self._index.read() as snapshot:
            numbers = mailbox(snapshot, address)
            if not numbers:
                return Answer(code=messages.NO_SUCH_OBJECT)
            if isinstance(predicate, OfServer) and predicate.attribute == "entryDN":
                same = dit.same_name(predicate.value or "", name)
                return Answer(code=messages.COMPARE_TRUE if same else messages.COMPARE_FALSE, documents=numbers)
            met = (code for asked, code in outcomes if mailbox(snapshot, address, asked))
            return Answer(code=next(met, messages.NO_SUCH_ATTRIBUTE), documents=numbers)


def _expected(error: dit.BadName | Malformed | DirectoryError) -> Answer:
    if isinstance(error, DirectoryError):
        return failed(error)
    return refused(messages.INVALID_DN if isinstance(error, dit.BadName) else messages.PROTOCOL_ERROR, str(error))


def mailbox(snapshot: Snapshot, address: str, asked: Predicate | None = None) -> list[int]:
    """The mailbox of an address, if it is there and as asked."""
    named = Is(Field.MAIL, address)
    page = snapshot.find(Query(predicate=named if asked is None else And((named, asked)), limit=1))
    return [match.document.number for match in page.matches]
