"""What a filter makes its matches contain: how few letters of a name would do, which is how an alphabet is walked."""

from __future__ import annotations

from typing import Final

from directory import text
from directory.query import And, Anything, Field, Has, Is, Like, Near, Or, Predicate, Resolves, Starts, Undefined

SHORT: Final = 3
"""Letters up to which a pattern says little about who is looked for."""
_WHOLE: Final = "\x00"  # asks for a whole value: stands for more letters than any pattern
_VAGUE: Final = frozenset(
    {
        Field.OBJECT_CLASS,
        Field.MAILBOX_TYPE,
        Field.IDENTIFIER_TYPE,
        Field.ORGANIZATION_IDENTIFIER_TYPE,
        Field.PAPERLESS,
        Field.FACET,
    }
)
"""Fields whose whole values say nothing about who is looked for."""
_NAMING: Final = frozenset({Field.MAIL, Field.IDENTIFIER, Field.NATIONAL_ID, Field.ENTRY_UUID, Field.BORNE})
"""Fields whose whole values name one entry, or the few of one holder."""
_BEHIND_THE_BEARER: Final = frozenset({Field.BORNE, Field.FACET})
"""Fields whose values begin with who bears them: a pattern says nothing before its middle."""


def short_pattern(predicate: Predicate) -> str | None:
    """The letters, at most `SHORT`, that all matches of a filter are asked to contain; "" when it asks for none, None
    when it asks for more. Of alternatives the shortest counts, of conditions the longest."""
    found = _letters(predicate)
    if found is _WHOLE:
        return None
    letters = text.fold(found)
    return letters if len(letters) <= SHORT else None


def names_entries(predicate: Predicate) -> bool:
    """Whether a filter asks for named entries only: every match has a whole address or identifier given in it, and
    nothing is asked by a part of a value, by likeness or by what is not."""
    match predicate:
        case Is(field=field):
            return field in _NAMING
        case And(parts=parts):
            return any(map(names_entries, parts)) and all(map(_by_whole_values, parts))
        case Or(parts=parts):
            return all(map(names_entries, parts))
        case _:
            return False


def _by_whole_values(predicate: Predicate) -> bool:
    match predicate:
        case Is() | Has() | Anything():
            return True
        case And(parts=parts) | Or(parts=parts):
            return all(map(_by_whole_values, parts))
        case _:
            return False


# Loops, and a branch for the one piece that nearly all patterns have: every search comes by here.


def _letters(predicate: Predicate) -> str:
    match predicate:
        case Like():
            return _pieces(predicate)
        case Starts(value=value):
            return value
        case Is(field=field):
            return "" if field in _VAGUE else _WHOLE
        case Near() | Undefined():
            return _WHOLE
        case Resolves(text=typed):
            return typed
        case Or(parts=parts):
            least = _WHOLE
            for part in parts:
                letters = _letters(part)
                if letters is not _WHOLE and (least is _WHOLE or len(letters) < len(least)):
                    least = letters
            return least
        case And(parts=parts):
            most = ""
            for part in parts:
                letters = _letters(part)
                if letters is _WHOLE:
                    return _WHOLE
                if len(letters) > len(most):
                    most = letters
            return most
        case _:
            return ""


def _pieces(like: Like) -> str:
    """What a pattern says of a value: all its pieces; of who bears it nothing before the middle."""
    if like.field in _BEHIND_THE_BEARER:
        return "".join(like.middle).strip("@")
    if not like.middle and like.final is None:
        return like.initial or ""
    if like.initial is None and like.final is None and len(like.middle) == 1:
        return like.middle[0]
    return "".join((like.initial or "", *like.middle, like.final or ""))
