"""What is asked at every scale: LDAP searches and REST requests, and what makes their growth comparable.

A lookup of one record must cost the same at every scale, and so must a search that returns as many entries as it may
at both ends. For the latter the same requests are asked everywhere: those drawn from the smallest scale that are cut
there already. All other mixes are drawn from each scale's own people; they return more at a larger scale, and their
growth is told without a bar.
"""

from __future__ import annotations

import random
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bench.ldap.mixes import MIXES, Mix
from bench.people import Holder

RATIO_BAR: Final = 1.5


class Answers(StrEnum):
    """How much a mix returns."""

    ONE = "one result"
    FULL = "as many as may be"
    OWN = "grows with the data"


@dataclass(frozen=True, slots=True)
class Searches:
    """An LDAP mix in one of its roles."""

    mix: Mix
    answers: Answers

    @property
    def name(self) -> str:
        return f"{self.mix.name}-full" if self.answers is Answers.FULL else self.mix.name

    @property
    def label(self) -> str:
        return f"LDAP: {self.mix.label}{', cut at 100' if self.answers is Answers.FULL else ''}"


@dataclass(frozen=True, slots=True)
class Requests:
    """A REST mix: a person is turned into a path, or into none."""

    name: str
    label: str
    path_of: Callable[[Holder, random.Random], str | None]
    answers: Answers

    def draw(self, people: Sequence[Holder], *, seed: int, count: int) -> list[str]:
        """Distinct paths in random order, at most `count`."""
        dice = random.Random(f"{self.name} {seed}")
        found: dict[str, None] = {}
        for who in dice.sample(people, len(people)):
            path = self.path_of(who, dice)
            if path is not None:
                found[path] = None
                if len(found) == count:
                    break
        return list(found)


def _query(endpoint: str, text: str) -> str:
    return f"/v1/{endpoint}?{urllib.parse.urlencode({'q': text.lower()})}"


def mailbox_record(who: Holder, _: random.Random) -> str | None:
    return f"/v1/mailboxes/{urllib.parse.quote(who.address.lower())}"


def by_address(who: Holder, _: random.Random) -> str | None:
    return _query("search", who.address)


def by_number(who: Holder, _: random.Random) -> str | None:
    return _query("search", who.identifier) if who.identifier else None


def by_family_name(who: Holder, _: random.Random) -> str | None:
    return _query("search", who.family_name) if who.family_name else None


def by_whole_name(who: Holder, _: random.Random) -> str | None:
    return _query("search", f"{who.given_name} {who.family_name}") if who.given_name and who.family_name else None


def by_misspelt_name(who: Holder, dice: random.Random) -> str | None:
    """One letter of the family name, not its first, is left out."""
    if len(who.family_name) < 6:
        return None
    at = dice.randrange(1, len(who.family_name))
    return _query("search", f"{who.given_name} {who.family_name[:at]}{who.family_name[at + 1 :]}")


def by_first_letters(who: Holder, _: random.Random) -> str | None:
    first = who.family_name[:3]
    return _query("autocomplete", first) if len(first) == 3 and first.isalpha() else None


_FILLING: Final = ("outlook", "thunderbird-3", "thunderbird-4", "thunderbird-5", "roundcube")

SEARCHES: Final = (
    *(Searches(mix, Answers.ONE if mix.one_result else Answers.OWN) for mix in MIXES),
    *(Searches(mix, Answers.FULL) for mix in MIXES if mix.name in _FILLING),
)
REQUESTS: Final = (
    Requests("rest-mailbox", "REST: record of a mailbox", mailbox_record, Answers.ONE),
    Requests("rest-address", "REST: search for an address", by_address, Answers.ONE),
    Requests("rest-number", "REST: search for a number", by_number, Answers.ONE),
    Requests("rest-family", "REST: search for a family name", by_family_name, Answers.FULL),
    Requests("rest-letters", "REST: completion of 3 letters", by_first_letters, Answers.FULL),
    Requests("rest-name", "REST: search for a whole name", by_whole_name, Answers.OWN),
    Requests("rest-misspelt", "REST: search for a misspelt name", by_misspelt_name, Answers.OWN),
)
