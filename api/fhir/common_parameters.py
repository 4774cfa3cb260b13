"""Search parameters that all three types of resource have: activity, moments, mailboxes, who the data come from."""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import Final

from api.fhir import systems
from api.fhir.criteria import Criterion, Token, token
from api.fhir.meanings import (
    TEXTUAL,
    About,
    Meaning,
    Parameter,
    always,
    any_of,
    everything,
    facet,
    facet_beginning,
    nothing,
    tokens,
)
from api.fhir.resources import PARIS, instant_of
from directory.errors import InvalidInput
from directory.index.facets import AUTHORITY, MAIL, tag
from directory.index.reader import Snapshot
from directory.index.values import generalized_time
from directory.model import LEFT_DAYS, RegisterState
from directory.query import And, AtLeast, AtMost, Field, Has, Is, Like, Not, Or, Predicate
from directory.text import fold

_MAILBOX_TYPES: Final = {systems.TERMINOLOGIES["r256"], systems.TERMINOLOGIES["r257"], None}


def _active(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    # What the index holds is active; records that are gone are searched for by themselves.
    return tokens(criterion, lambda asked: everything if asked.code == "true" else nothing)


def asks_for_inactive(criterion: Criterion) -> bool:
    """Whether a criterion on activity lets pass what is active no longer."""
    return any(token(value).code == "false" for value in criterion.values) is (criterion.modifier != "not")


def _mailbox(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    return Meaning(lambda bearer: any_of(_address(criterion.modifier, bearer, fold(one)) for one in criterion.texts))


def _address(modifier: str, bearer: str, asked: str) -> Predicate:
    """A mailbox's address begins so, contains it or is it; an `@` alone says that there is one, in constant time."""
    behind = tag(bearer, "")
    if modifier == "exact":
        return Is(Field.BORNE, behind + asked)
    if modifier != "contains":
        return Like(Field.BORNE, initial=behind + asked)
    local, at, domain = asked.rpartition("@")
    if at and not local:
        return Like(Field.FACET, initial=behind + asked) if domain else Is(Field.FACET, tag(bearer, MAIL))
    if at:
        return Like(Field.BORNE, initial=behind, middle=(asked,))
    # It lies in the domain, or before it: there are few domains, and many addresses in some of them.
    in_domain = Like(Field.FACET, initial=behind + "@", middle=(asked,))
    return any_of((in_domain, Like(Field.BORNE, initial=behind, middle=(asked, "@"))))


def _mailbox_type(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    def meaning(asked: Token) -> About:
        return facet(MAIL, asked.code) if asked.system in _MAILBOX_TYPES else nothing

    return tokens(criterion, meaning)


def _authority(_snapshot: Snapshot, criterion: Criterion) -> Meaning:
    return tokens(criterion, lambda asked: facet(AUTHORITY, asked.code) if asked.code else facet_beginning(AUTHORITY))


# -- moments -----------------------------------------------------------------------------------------------------------

_MOMENT: Final = re.compile(
    r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?)?)?"
    r"(Z|[+-]\d\d:\d\d)?"
)
_UNITS: Final = (("days", 366), ("days", 31), ("days", 1), ("hours", 1), ("minutes", 1), ("seconds", 1))


def _last_updated(snapshot: Snapshot, criterion: Criterion) -> Meaning:
    return always(any_of(moment(snapshot.state, value) for value in criterion.texts))


def moment(state: RegisterState, value: str) -> Predicate:
    """When a record changed, by a date of any precision behind a comparison (R4 section 3.1.1.5.4).

    Raises:
        InvalidInput: it is no date.
    """
    comparison, begin, end = period(value)
    if comparison not in ("lt", "le", "eb", "ne"):
        _check_known(state, end if comparison in ("gt", "sa") else begin)
    dated = _dated(comparison, begin, end)
    # What has not changed since that is known does not say when it did.
    unchanged = state.known_since or state.committed_at
    if unchanged is None or not holds(value, unchanged.replace(microsecond=0)):
        return dated
    return Or((dated, Not(Has(Field.MODIFIED))))


def _dated(comparison: str, begin: dt.datetime, end: dt.datetime) -> Predicate:
    field, second = Field.MODIFIED, dt.timedelta(seconds=1)
    match comparison:
        case "ge":
            return AtLeast(field, generalized_time(begin))
        case "gt" | "sa":
            return AtLeast(field, generalized_time(end))
        case "le":
            return AtMost(field, generalized_time(end - second))
        case "lt" | "eb":
            return AtMost(field, generalized_time(begin - second))
    within = And((AtLeast(field, generalized_time(begin)), AtMost(field, generalized_time(end - second))))
    return And((Has(field), Not(within))) if comparison == "ne" else within


def _check_known(state: RegisterState, since: dt.datetime) -> None:
    """Refuse to tell of changes, when those before a moment are no longer known.

    Raises:
        InvalidInput: names the oldest moment.
    """
    oldest = dt.datetime.now(dt.UTC) - dt.timedelta(days=LEFT_DAYS)
    if state.known_since is not None and state.known_since > oldest:
        oldest = state.known_since.replace(microsecond=0)
    if since < oldest:
        told = instant_of(oldest)
        raise InvalidInput(
            f"changes before {told} are not known any more: make a full copy, then follow from there",
            fr=f"les changements antérieurs à {told} ne sont plus connus : refaites une copie complète",
        )


def holds(value: str, changed: dt.datetime) -> bool:
    """Whether a moment is as a date with its comparison says."""
    comparison, begin, end = period(value)
    told = {
        "ge": changed >= begin,
        "gt": changed >= end,
        "sa": changed >= end,
        "le": changed < end,
        "lt": changed < begin,
        "eb": changed < begin,
        "ne": not begin <= changed < end,
    }
    return told.get(comparison, begin <= changed < end)


def told_at(criterion: Criterion, generalized: str) -> bool:
    """Whether a criterion on moments lets pass what is of a moment that the index tells of."""
    changed = _instant(generalized)
    return any(holds(value, changed) for value in criterion.texts)


@functools.lru_cache(maxsize=4096)
def _instant(generalized: str) -> dt.datetime:
    return dt.datetime.strptime(generalized + "+0000", "%Y%m%d%H%M%SZ%z")


@functools.lru_cache(maxsize=256)
def period(value: str) -> tuple[str, dt.datetime, dt.datetime]:
    """The comparison, and the first moment of what is said and the first one after it; in Paris where no zone is."""
    # A "+" that was not escaped has become a blank.
    found = _MOMENT.fullmatch(value.strip().replace(" ", "+"))
    if found is None:
        raise _no_date(value)
    comparison, year, *rest, zone = found.groups()
    parts = [int(year), *(int(part) for part in rest if part is not None)]
    try:
        begin = dt.datetime(*(parts + [1] * (3 - len(parts))), tzinfo=_zone(zone))  # type: ignore[misc, arg-type]
    except ValueError as error:
        raise _no_date(value) from error
    return comparison or "eq", begin, _following(begin, len(parts))


def _following(begin: dt.datetime, precision: int) -> dt.datetime:
    unit, number = _UNITS[precision - 1]
    after = begin + dt.timedelta(**{unit: number})
    if precision == 1:
        return after.replace(year=begin.year + 1, month=1, day=1)
    return after.replace(day=1) if precision == 2 else after


def _zone(written: str | None) -> dt.tzinfo:
    return PARIS if written is None else dt.datetime.fromisoformat(f"2000-01-01T00:00:00{written}").tzinfo or dt.UTC


def _no_date(value: str) -> InvalidInput:
    shown = value[:40]
    return InvalidInput(f"{shown!r} is no date", fr=f"{shown!r} n'est pas une date")


COMMON: Final = (
    Parameter(
        "_lastUpdated", "date", "When the record's own content last changed; at most 30 days back.", _last_updated
    ),
    Parameter(
        "active",
        "token",
        "false: what left the register, or ended, less than 30 days ago.",
        _active,
        ("not",),
    ),
    Parameter("mailbox-mss", "string", "Address of an MSSanté mailbox; `:contains=@`: has one.", _mailbox, TEXTUAL),
    Parameter("mailbox-mss-type", "token", "Type of mailbox: PER, CAB, ORG, APP.", _mailbox_type, ("not",)),
    Parameter("data-registration-authority", "token", "Who registered it: CNOM, ARS …", _authority, ("not",)),
)
