"""The shape of a filter, as it may be logged: which attributes are asked about and how, never with what values."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from itertools import groupby
from operator import ne
from typing import Final

from directory.query import And, AtLeast, AtMost, Has, Is, Like, Near, Not, Or, Predicate, Resolves

_LONGEST: Final = 1000
_CUT: Final = "…"


def shape(predicate: Predicate) -> str:
    """`(|(cn=*?*)(mail=?))`; what is asked several times in a row stands once, as `(mail=?)x3`."""
    found = _shape(predicate)
    return found if len(found) <= _LONGEST else found[:_LONGEST] + _CUT


def _shape(predicate: Predicate) -> str:
    match predicate:
        case Is(field=field):
            return f"({field}=?)"
        case Like(field=field, initial=initial, middle=middle, final=final):
            return _substrings(field, initial is not None, len(middle), final is not None)
        case And(parts=parts):
            return f"(&{_together(parts)})"
        case Or(parts=parts):
            return f"(|{_together(parts)})"
        case Not(part=part):
            return f"(!{_shape(part)})"
        case Has(field=field):
            return f"({field}=*)"
        case Near(field=field):
            return f"({field}~=?)"
        case AtLeast(field=field):
            return f"({field}>=?)"
        case AtMost(field=field):
            return f"({field}<=?)"
        case Resolves():
            return "(anr=?)"
        case _:
            return "(?)"  # an attribute that is not known, or one that the server computes


@functools.lru_cache(maxsize=1024)
def _substrings(field: str, initial: bool, middle: int, final: bool) -> str:
    return f"({field}={'?' if initial else ''}*{'?*' * middle}{'?' if final else ''})"


def _together(parts: Iterable[Predicate]) -> str:
    found = [_shape(part) for part in parts]
    if all(map(ne, found, found[1:])):
        return "".join(found)
    runs = ((one, sum(1 for _ in same)) for one, same in groupby(found))
    return "".join(one if times == 1 else f"{one}x{times}" for one, times in runs)
