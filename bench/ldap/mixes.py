"""What mail clients and gateways send: each mix is some thousands of distinct filters drawn from the data, and a bar.

Values are lower-cased, as people type them. People are drawn at random, so that frequent names come as often as they
are borne until all are distinct; the order of the requests is then shuffled, so that a slow server which answers only
some of them in the time of a run meets a fair sample.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.ldap.filters import escape
from bench.people import Holder

REQUESTS: Final = 5000
ATTRIBUTES: Final = ("cn", "mail", "sn", "givenName", "o", "l")
SIZE_LIMIT: Final = 100
P99_BAR_MS: Final = 20.0
_INITIALS: Final = 3  # letters of the given name behind a surname


@dataclass(frozen=True, slots=True)
class Bar:
    """What our rate has to be: so many times the peer's or, where given, this many a second, whichever is lower."""

    times: float
    or_per_second: float | None = None

    def needed(self, peer_per_second: float) -> float:
        wanted = self.times * peer_per_second
        return wanted if self.or_per_second is None else min(wanted, self.or_per_second)

    def __str__(self) -> str:
        times = f"{self.times:g}×"
        return times if self.or_per_second is None else f"{times} or {self.or_per_second:,.0f}/s"


@dataclass(frozen=True, slots=True)
class Mix:
    """A kind of search: a person is turned into the filter somebody would send about them, or into none."""

    name: str
    label: str
    filter_of: Callable[[Holder], str | None]
    bar: Bar | None = None
    one_result: bool = False

    def draw(self, people: Sequence[Holder], *, seed: int, count: int = REQUESTS) -> list[str]:
        """Distinct filters, at most `count`; fewer when the data does not give as many."""
        dice = random.Random(f"{self.name} {seed}")
        found: dict[str, None] = {}
        for who in _shuffled(people, dice):
            filter_ = self.filter_of(who)
            if filter_ is not None:
                found[filter_] = None
                if len(found) == count:
                    break
        filters = list(found)
        dice.shuffle(filters)
        return filters


def _shuffled(people: Sequence[Holder], dice: random.Random) -> Iterator[Holder]:
    numbers = list(range(len(people)))
    dice.shuffle(numbers)
    return (people[number] for number in numbers)


def _typed(value: str) -> str:
    return escape(value.lower())


def _letters(who: Holder, count: int) -> str | None:
    """The first letters of the family name; none where a space or a sign is among them."""
    first = who.family_name[:count]
    return first.lower() if len(first) == count and first.isalpha() else None


def mail(who: Holder) -> str | None:
    return f"(mail={_typed(who.address)})"


def identifier(who: Holder) -> str | None:
    return f"(IdentifiantPP={_typed(who.identifier)})" if who.identifier else None


def surname_and_initials(who: Holder) -> str | None:
    initials = who.given_name[:_INITIALS]
    if not who.family_name or len(initials) < _INITIALS or not initials.isalpha():
        return None
    return f"(&(sn={_typed(who.family_name)})(givenName={initials.lower()}*))"


def outlook(who: Holder) -> str | None:
    v = _letters(who, 4)
    return f"(&(mail=*)(|(mail={v}*)(|(cn={v}*)(|(sn={v}*)(givenName={v}*)))))" if v else None


def thunderbird(count: int) -> Callable[[Holder], str | None]:
    """Its autocompletion after this many letters."""

    def filter_of(who: Holder) -> str | None:
        v = _letters(who, count)
        return f"(|(cn=*{v}*)(mail=*{v}*)(givenName=*{v}*)(sn=*{v}*))" if v else None

    return filter_of


def thunderbird_whole(who: Holder) -> str | None:
    """Its autocompletion after a whole "given family": `%v` is all of it, `%v1` the first word, `%v2-` the others."""
    if not who.given_name or not who.family_name:
        return None
    whole = _typed(f"{who.given_name} {who.family_name}")
    first, _, others = whole.partition(" ")
    return f"(|(cn=*{first}*{others}*)(mail=*{whole}*)(givenName=*{first}*)(sn=*{whole}*))"


def roundcube(who: Holder) -> str | None:
    v = _letters(who, 4)
    return f"(&(objectClass=inetOrgPerson)(|(mail=*{v}*)(cn=*{v}*)))" if v else None


MIXES: Final = (
    Mix("mail", "address, `(mail=…)`", mail, Bar(1.0), one_result=True),
    Mix("identifier", "number, `(IdentifiantPP=…)`", identifier, Bar(1.0), one_result=True),
    Mix("surname", "surname and 3 letters of the given name", surname_and_initials, Bar(1.5)),
    Mix("outlook", "Outlook, 4 letters", outlook, Bar(2.0)),
    Mix("thunderbird-3", "Thunderbird, 3 letters", thunderbird(3), Bar(150.0, 1400.0)),
    Mix("thunderbird-4", "Thunderbird, 4 letters", thunderbird(4), Bar(8.0, 2000.0)),
    Mix("thunderbird-5", "Thunderbird, 5 letters", thunderbird(5), Bar(8.0, 2000.0)),
    Mix("thunderbird-whole", 'Thunderbird, "given family"', thunderbird_whole, Bar(5.0)),
    Mix("roundcube", "Roundcube, 4 letters", roundcube),
)
