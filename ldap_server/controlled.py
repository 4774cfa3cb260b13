"""A search of the mailboxes with controls: sorted, in pages, or a window on the sorted list."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

from directory.index.choice import Choice
from directory.index.reader import Snapshot
from directory.model import Kind
from directory.query import Query
from ldap_server import controls, messages, windows
from ldap_server.answers import Answer, refused
from ldap_server.controls import PageWish, WindowWish, Wishes
from ldap_server.dit import Tree
from ldap_server.entries import cutter
from ldap_server.messages import Search
from ldap_server.sorting import Key, Trouble, ordered, place, understood
from ldap_server.walks import Kept, Walks

_STAMP_BYTES: Final = 16
_NO_PLACE: Final = refused(messages.UNWILLING, "this cookie is not of this search, or too old")


class Terms(NamedTuple):
    """What holds for a search: how many entries it may send, how many may be sorted for it, and its time."""

    limit: int
    sortable: int
    deadline_s: float
    turn_s: float


class House(Protocol):
    """What such a search needs of the server."""

    tree: Tree
    walks: Walks


class Controlled:
    """One search with what its controls ask for; `owner` is who its walks belong to."""

    def __init__(self, house: House, search: Search, wishes: Wishes, owner: str, terms: Terms) -> None:
        self._tree, self._walks = house.tree, house.walks
        self._search = search
        self._wishes = wishes
        self._owner = owner
        self._terms = terms
        self._cut = cutter(search.attributes, search.types_only).framed

    def course(self, snapshot: Snapshot, message_id: bytes) -> Iterator[Answer | None]:
        """None after each turn, then the answer."""
        keys = understood(self._wishes.sort.keys) if self._wishes.sort is not None else ()
        answer = self._settled(snapshot, message_id, keys)
        if answer is not None:
            yield answer
            return
        by = () if isinstance(keys, Trouble) else keys
        numbers, complete = yield from self._found(snapshot, by)
        if self._wishes.window is None:
            answer = self._listed(snapshot, message_id, numbers, complete=complete)
        elif complete:
            answer = self._windowed(snapshot, message_id, numbers, by, self._wishes.window)
        else:
            yield _no_window(messages.ADMIN_LIMIT, "too many entries match for a window on them")
            return
        done = messages.SUCCESS if complete else messages.ADMIN_LIMIT  # RFC 2891 section 1.2
        yield self._with_sort_result(answer, keys, done)

    def _found(self, snapshot: Snapshot, by: Sequence[Key]) -> Generator[None, None, tuple[Sequence[int], bool]]:
        """The matches in the order asked for, and whether they are all. Of too many to put in order, these are the best
        that may be sent."""
        choice = Choice(snapshot, self._query(most=self._terms.sortable if by else self._terms.limit))
        while not choice.go_on(self._terms.turn_s):
            yield None
        numbers = choice.numbers if choice.complete else choice.numbers[: self._terms.limit]
        if by:
            for turn in ordered(snapshot, numbers, by, self._terms.turn_s):
                if turn is None:
                    yield None
                else:
                    numbers = turn
        return numbers, choice.complete

    def _settled(self, snapshot: Snapshot, message_id: bytes, keys: tuple[Key, ...] | Trouble) -> Answer | None:
        """The answer where that needs no search."""
        sort, window, page = self._wishes.sort, self._wishes.window, self._wishes.page
        if isinstance(keys, Trouble) and sort is not None and sort.critical:
            trouble = controls.sort_result(keys.code, keys.attribute)
            return refused(messages.UNAVAILABLE_CRITICAL_EXTENSION, "these keys cannot be sorted by")._replace(
                controls=[trouble]
            )
        if window is not None:
            if sort is None:
                return _no_window(messages.SORT_CONTROL_MISSING, "a window needs a sort")
            if isinstance(keys, Trouble):
                return _no_window(messages.INAPPROPRIATE_MATCHING, "these keys cannot be sorted by")
            if window.context is not None:
                return _no_window(messages.PROTOCOL_ERROR, "no context was given out here")
        if page is not None and page.cookie:
            answer = self._next_page(snapshot, message_id, page)
            return self._with_sort_result(answer, keys) if answer.controls else answer
        return None

    def _query(self, most: int) -> Query:
        asked = self._tree.placed(self._search.filter)
        return Query(predicate=asked, limit=most, deadline_s=self._terms.deadline_s)

    def _with_sort_result(
        self, answer: Answer, keys: tuple[Key, ...] | Trouble, done: int = messages.SUCCESS
    ) -> Answer:
        """How the sorting went; left out where nothing was there to sort (RFC 2891 section 2)."""
        if self._wishes.sort is None or not (answer.entries or self._wishes.page or self._wishes.window):
            return answer
        said = controls.sort_result(*keys) if isinstance(keys, Trouble) else controls.sort_result(done)
        return answer._replace(controls=[*answer.controls, said])

    # -- lists and pages ---------------------------------------------------------------------------------------------

    def _listed(self, snapshot: Snapshot, message_id: bytes, numbers: Sequence[int], *, complete: bool) -> Answer:
        limit, page = self._terms.limit, self._wishes.page
        complete = complete and len(numbers) <= limit
        numbers = numbers[:limit]
        code = messages.SUCCESS if complete else messages.SIZE_LIMIT
        if page is None:
            return self._answer(snapshot, message_id, numbers, code)
        shown, rest = (numbers[: page.size], numbers[page.size :]) if page.size else (numbers, [])
        cookie = b""
        if rest:
            kept = [Kept(snapshot.document(number).key, bytes(snapshot.entry(number))) for number in rest]
            cookie = self._walks.begin(self._owner, self._stamp(snapshot), kept, complete=complete)
            code = messages.SUCCESS
        return self._answer(snapshot, message_id, shown, code, [controls.paged(cookie)])

    def _next_page(self, snapshot: Snapshot, message_id: bytes, wish: PageWish) -> Answer:
        if wish.size == 0:
            self._walks.give_up(self._owner, wish.cookie)
            return Answer(controls=[controls.paged(b"")])
        page = self._walks.page(self._owner, self._stamp(snapshot), wish.cookie, wish.size)
        if page is None:
            return _NO_PLACE
        found = [(kept.entry, snapshot.get(Kind.MAILBOX, kept.key)) for kept in page.entries]
        there = [(entry, now.number) for entry, now in found if now is not None]  # what was withdrawn since is not sent
        entries = [self._cut(message_id, self._tree.below_base, memoryview(entry)) for entry, _ in there]
        code = messages.SUCCESS if page.complete or page.cookie else messages.SIZE_LIMIT
        said = [controls.paged(page.cookie)]
        return Answer(entries, code, controls=said, documents=[number for _, number in there])

    def _answer(
        self,
        snapshot: Snapshot,
        message_id: bytes,
        numbers: Sequence[int],
        code: int,
        said: Sequence[tuple[str, bytes]] = (),
    ) -> Answer:
        cut, below = self._cut, self._tree.below_base
        entries = [cut(message_id, below, snapshot.entry(number)) for number in numbers]
        return Answer(entries, code, controls=said, documents=numbers)

    def _stamp(self, snapshot: Snapshot) -> bytes:
        """Ties a walk to its search, which has to stay the same (RFC 2696 section 3), and to the register's epoch."""
        search = replace(self._search, size_limit=0, time_limit=0)
        text = repr((snapshot.state.epoch, search, self._wishes.sort, self._wishes.matched))
        return hashlib.blake2b(text.encode(), digest_size=_STAMP_BYTES).digest()

    # -- windows -----------------------------------------------------------------------------------------------------

    def _windowed(
        self, snapshot: Snapshot, message_id: bytes, numbers: Sequence[int], keys: Sequence[Key], wish: WindowWish
    ) -> Answer:
        if wish.value is None:
            window = windows.by_offset(wish, len(numbers))
        else:
            window = windows.by_value(
                wish,
                len(numbers),
                lambda at: place(snapshot, numbers[at], keys[0]),
                descending=keys[0].descending,
            )
        if window is None:
            return _no_window(messages.OFFSET_RANGE_ERROR, "there is no such place in the list")
        shown = numbers[window.start : window.end]
        code = messages.SUCCESS if len(shown) <= self._terms.limit else messages.SIZE_LIMIT
        said = controls.window_result(messages.SUCCESS, window.position, len(numbers))
        return self._answer(snapshot, message_id, shown[: self._terms.limit], code, [said])


def _no_window(why: int, message: str) -> Answer:
    """A search that fails for its window (VLV draft section 6.2.1)."""
    return refused(messages.WINDOW_ERROR, message)._replace(controls=[controls.window_result(why)])
