"""Controls of a search or compare: which are known, and what their values ask for (RFC 4511 section 4.1.11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from directory.index.encoding import octets
from directory.query import Predicate
from ldap_server import messages
from ldap_server.ber import ENUMERATED, SEQUENCE, Malformed, Reader
from ldap_server.filters import AND, NOT, OR, FilterDecoder
from ldap_server.messages import Control, Search, integer, tlv

PAGED_RESULTS: Final = "1.2.840.113556.1.4.319"  # RFC 2696
SORT_REQUEST: Final = "1.2.840.113556.1.4.473"  # RFC 2891
SORT_RESPONSE: Final = "1.2.840.113556.1.4.474"
WINDOW_REQUEST: Final = "2.16.840.1.113730.3.4.9"  # draft-ietf-ldapext-ldapv3-vlv-09
WINDOW_RESPONSE: Final = "2.16.840.1.113730.3.4.10"
MATCHED_VALUES: Final = "1.2.826.0.1.3344810.2.3"  # RFC 3876
ASSERTION: Final = "1.3.6.1.1.12"  # RFC 4528
DONT_USE_COPY: Final = "1.3.6.1.1.22"  # RFC 6171
MANAGE_DSA_IT: Final = messages.MANAGE_DSA_IT  # RFC 3296: accepted, as there is nothing that it would show

ON_SEARCH: Final = frozenset(
    {PAGED_RESULTS, SORT_REQUEST, WINDOW_REQUEST, MATCHED_VALUES, ASSERTION, DONT_USE_COPY, MANAGE_DSA_IT}
)
ON_COMPARE: Final = frozenset({ASSERTION, DONT_USE_COPY, MANAGE_DSA_IT})
SUPPORTED: Final = tuple(sorted(ON_SEARCH))


class PageWish(NamedTuple):
    """The next `size` entries of a walk; the cookie is empty at its beginning (RFC 2696)."""

    size: int
    cookie: bytes


class SortKey(NamedTuple):
    """One key of a sort, as it was sent (RFC 2891 section 1.1)."""

    attribute: bytes
    rule: str | None
    descending: bool


class SortWish(NamedTuple):
    keys: tuple[SortKey, ...]
    critical: bool


class WindowWish(NamedTuple):
    """A part of the sorted list around a target, given by its place or by a value (VLV draft section 6.1)."""

    before: int
    after: int
    offset: int
    length: int  # the client's idea of the length of the list
    value: bytes | None
    context: bytes | None


class Wishes(NamedTuple):
    """What the controls of an operation ask for."""

    page: PageWish | None = None
    sort: SortWish | None = None
    window: WindowWish | None = None
    matched: tuple[Predicate, ...] | None = None
    assertion: Predicate | None = None
    no_copy: bool = False


NONE: Final = Wishes()


def wishes(controls: Sequence[Control], max_depth: int, max_terms: int) -> Wishes:
    """Read the controls we know; of several with one purpose the last one counts.

    Raises:
        Malformed: a control's value is not what its specification says.
        QueryTooComplex: a filter in one is over the limits.
    """
    found: dict[str, object] = {}
    for control in controls:
        if control.oid == PAGED_RESULTS:
            found["page"] = _page(control)
        elif control.oid == SORT_REQUEST:
            found["sort"] = _sort(control)
        elif control.oid == WINDOW_REQUEST:
            found["window"] = _window(control)
        elif control.oid == MATCHED_VALUES:
            found["matched"] = _matched(control, FilterDecoder(max_depth, max_terms))
        elif control.oid == ASSERTION:
            found["assertion"] = _assertion(control, FilterDecoder(max_depth, max_terms))
        elif control.oid == DONT_USE_COPY:
            found["no_copy"] = True
    return Wishes(**found)  # type: ignore[arg-type]


def _body(control: Control, tag: int = SEQUENCE) -> Reader:
    return Reader(control.value or b"").inside(tag)


def _page(control: Control) -> PageWish:
    body = _body(control)
    size, cookie = body.integer(), body.octets()
    if size < 0:
        raise Malformed("a negative page size")
    return PageWish(size, cookie)


def _sort(control: Control) -> SortWish:
    body, keys = _body(control), []
    while body.more:
        keys.append(_key(body.inside(SEQUENCE)))
    if not keys:
        raise Malformed("a sort without keys")
    return SortWish(tuple(keys), control.critical)


def _key(body: Reader) -> SortKey:
    attribute, rule, descending = body.octets(), None, False
    if body.more and body.peek() == 0x80:
        rule = body.octets(0x80).decode("ascii", "replace")
    if body.more:
        descending = body.octets(0x81) not in (b"", b"\x00")
    return SortKey(attribute, rule, descending)


def _window(control: Control) -> WindowWish:
    body = _body(control)
    before, after = body.integer(), body.integer()
    offset = count = 0
    value: bytes | None = None
    if body.peek() == 0xA0:
        target = body.inside(0xA0)
        offset, count = target.integer(), target.integer()
    else:
        value = body.octets(0x81)
    if before < 0 or after < 0:
        raise Malformed("a negative count in a window")
    return WindowWish(before, after, offset, count, value, body.octets() if body.more else None)


def _matched(control: Control, decoder: FilterDecoder) -> tuple[Predicate, ...]:
    body, items = _body(control), []
    while body.more:
        if body.peek() in (AND, OR, NOT):
            raise Malformed("only simple assertions choose values")
        predicate, body.at = decoder.decode(body.data, body.at, body.end)
        items.append(predicate)
    return tuple(items)


def _assertion(control: Control, decoder: FilterDecoder) -> Predicate:
    value = control.value or b""
    predicate, end = decoder.decode(value, 0, len(value))
    if end != len(value):
        raise Malformed("more than one filter in an assertion")
    return predicate


def chooses_values(search: Search) -> bool:
    """Whether a search sends values that could be chosen among (RFC 3876 section 2)."""
    return not search.types_only and search.attributes != ("1.1",)


def paged(cookie: bytes) -> tuple[str, bytes]:
    """What says where a walk goes on; how long it is stays unsaid (RFC 2696 section 3)."""
    return PAGED_RESULTS, tlv(SEQUENCE, integer(0) + octets(cookie))


def sort_result(code: int, attribute: bytes = b"") -> tuple[str, bytes]:
    """What says how the sorting went, and which attribute was at fault."""
    fault = tlv(0x80, attribute) if attribute else b""
    return SORT_RESPONSE, tlv(SEQUENCE, integer(code, ENUMERATED) + fault)


def window_result(code: int, position: int = 0, count: int = 0) -> tuple[str, bytes]:
    """What says where in the list the target is, and how long the list is."""
    return WINDOW_RESPONSE, tlv(SEQUENCE, integer(position) + integer(count) + integer(code, ENUMERATED))
