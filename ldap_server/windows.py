"""Windows on a sorted list, for clients that scroll (VLV, draft-ietf-ldapext-ldapv3-vlv-09)."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from typing import NamedTuple

from directory import text
from ldap_server.controls import WindowWish
from ldap_server.sorting import Place


class Window(NamedTuple):
    """A part of a list, from `start` until before `end`, around the target; positions count from 1."""

    start: int
    end: int
    position: int


def by_offset(wish: WindowWish, count: int) -> Window | None:
    """The window around a place; None for a place that is none (offsetRangeError)."""
    if wish.offset < 1 or wish.length < 0:
        return None
    if wish.offset == wish.length:
        position = count
    elif wish.offset == 1:
        position = 1
    elif wish.length == 0:
        position = wish.offset
    else:
        position = round(count * wish.offset / wish.length)
    if position > count > 0:
        return None
    return _around(wish, max(1, position), count)


def by_value(wish: WindowWish, count: int, place_at: Callable[[int], Place], *, descending: bool) -> Window:
    """The window around the first entry that is no less (or no more, where the list descends) than a value; `place_at`
    is asked for the places of a few entries."""
    asked = (False, text.fold((wish.value or b"").decode("utf-8", "replace")))
    if descending:
        # Lists that descend are searched from their end.
        position = count - bisect.bisect_right(range(count), asked, key=lambda at: place_at(count - 1 - at)) + 1
    else:
        position = bisect.bisect_left(range(count), asked, key=place_at) + 1
    return _around(wish, position, count)


def _around(wish: WindowWish, position: int, count: int) -> Window:
    """`count + 1` is the position of a target that there is none of: the entries before it are shown all the same."""
    return Window(max(0, position - 1 - wish.before), min(count, position + wish.after), position)
