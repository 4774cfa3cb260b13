"""Sorting on the server: whether the keys can be sorted by, and the sorted documents (RFC 2891)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from directory.index.reader import Snapshot
from directory.query import Field
from ldap_server import messages
from ldap_server.controls import SortKey
from ldap_server.definitions import AttributeType
from ldap_server.schema import described, rule_name

_MOST_KEYS: Final = 8
_CHECK_EVERY: Final = 64  # documents read between two looks at the clock
_LAST: Final = (True, "")  # the place of a document without a value: behind all others (RFC 2891 section 2.2)

Place = tuple[bool, str]
"""Where a document stands by one key."""


class Trouble(NamedTuple):
    """Why some keys cannot be sorted by: a result code, and the attribute at fault."""

    code: int
    attribute: bytes = b""


class Key(NamedTuple):
    """A key to sort by; nothing holds a value of a field that is None."""

    field: Field | None
    descending: bool


def understood(keys: Sequence[SortKey]) -> tuple[Key, ...] | Trouble:
    """The keys as fields of the index."""
    if len(keys) > _MOST_KEYS:
        return Trouble(messages.UNWILLING)
    found: dict[str, Key] = {}
    for key in keys:
        attribute = described(key.attribute)
        if attribute is None:
            return Trouble(messages.NO_SUCH_ATTRIBUTE, key.attribute)
        if attribute.name in found:
            return Trouble(messages.UNWILLING, key.attribute)
        if not _suits(attribute, key.rule):
            return Trouble(messages.INAPPROPRIATE_MATCHING, key.attribute)
        found[attribute.name] = Key(attribute.field, key.descending)
    return tuple(found.values())


def _suits(attribute: AttributeType, rule: str | None) -> bool:
    """Whether a rule orders an attribute; without one, its own rule does."""
    return bool(attribute.ordering) and (rule is None or rule_name(rule) == attribute.ordering)


def ordered(
    snapshot: Snapshot, numbers: Sequence[int], keys: Sequence[Key], turn_s: float
) -> Iterator[list[int] | None]:
    """Documents in the order of some keys, worked on in turns; what is equal stands in the static order, so that every
    repeat and every node agree."""
    places: dict[int, list[Place]] = {}
    orders: dict[int, bytes] = {}
    until = time.monotonic() + turn_s
    for at, number in enumerate(numbers, 1):
        places[number] = [place(snapshot, number, key) for key in keys]
        orders[number] = snapshot.order(number)
        if not at % _CHECK_EVERY and time.monotonic() > until:
            yield None
            until = time.monotonic() + turn_s
    found = sorted(numbers, key=orders.__getitem__)
    for at in reversed(range(len(keys))):
        yield None
        found.sort(key=lambda number, at=at: places[number][at], reverse=keys[at].descending)  # type: ignore[misc]
    yield found


def place(snapshot: Snapshot, number: int, key: Key) -> Place:
    """Where a document stands by a key: by its least value (RFC 2891 section 2.2)."""
    values = snapshot.document(number).field(key.field) if key.field is not None else ()
    return (False, min(values)) if values else _LAST
