"""Whether both servers return the same entries wherever no size limit cuts, accents apart.

We compare names without accents, slapd with them. So everything that slapd returns has to be among what we return, and
an entry that only we return has to be one that slapd would have to return as well if accents, ligatures and
typographic signs were plain letters: it satisfies the filter when both are folded, and does not when they are not. The
folding used here is this module's own.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bench.ldap import filters
from bench.ldap.client import SUCCESS, Answer, Client
from bench.ldap.mixes import SIZE_LIMIT

_PLAIN: Final = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ł": "l", "’": "'", "‘": "'", "´": "'", "`": "'", "–": "-", "‐": "-"}
)
_SHOWN: Final = 20  # differences kept with the result


@dataclass(slots=True)
class Agreement:
    """What the comparison of many filters found."""

    filters: int = 0
    entries: int = 0
    limited: int = 0  # filters left out because one of the servers cut its answer
    by_accents: int = 0  # entries that only we return, as they should be
    missing: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)  # the same entry, other values
    mixes: Counter[str] = field(default_factory=Counter)

    @property
    def agreed(self) -> bool:
        return self.filters > 0 and not (self.missing or self.unexplained or self.differing)

    def as_json(self) -> dict[str, Any]:
        return {
            "filters": self.filters,
            "filters_by_mix": dict(self.mixes),
            "entries": self.entries,
            "left_out_at_size_limit": self.limited,
            "more_of_ours_by_accents": self.by_accents,
            "missing": self.missing[:_SHOWN],
            "unexplained": self.unexplained[:_SHOWN],
            "differing": self.differing[:_SHOWN],
            "agreed": self.agreed,
        }


def agree(ours: Client, peer: Client, base: str, drawn: dict[str, Sequence[str]], wanted: int) -> Agreement:
    """Ask both servers filters of every mix in turn until `wanted` of them were not cut."""
    found = Agreement()
    for mix, text in _in_turn(drawn):
        mine, theirs = (client.search(base, text, size_limit=SIZE_LIMIT) for client in (ours, peer))
        if mine.code != SUCCESS or theirs.code != SUCCESS:
            found.limited += 1
            continue
        _compare(found, text, mine, theirs)
        found.mixes[mix] += 1
        if found.filters == wanted:
            break
    return found


def _in_turn(drawn: dict[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    rows: Iterable[tuple[str | None, ...]] = itertools.zip_longest(*drawn.values())
    for row in rows:
        yield from ((mix, text) for mix, text in zip(drawn, row, strict=True) if text is not None)


def _compare(found: Agreement, text: str, mine: Answer, theirs: Answer) -> None:
    found.filters += 1
    entries = [{_name(entry.dn): _values(entry.attributes) for entry in answer.entries} for answer in (mine, theirs)]
    ours, peers = entries
    found.entries += len(peers)
    wanted = filters.parse(text)
    for name in sorted(peers.keys() - ours.keys()):
        found.missing.append(f"{text}: {name}")
    for name in sorted(ours.keys() - peers.keys()):
        if filters.holds(wanted, ours[name], folded) and not filters.holds(wanted, ours[name], caseless):
            found.by_accents += 1
        else:
            found.unexplained.append(f"{text}: {name}")
    for name in sorted(ours.keys() & peers.keys()):
        if ours[name] != peers[name]:
            found.differing.append(name)


def _name(dn: str) -> str:
    return caseless(dn)


def _values(attributes: Any) -> dict[str, list[str]]:
    return {name.lower(): sorted(values) for name, values in attributes.items()}


def caseless(value: str) -> str:
    """How slapd compares: case and the number of blanks do not count."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def folded(value: str) -> str:
    """How we compare: accents, ligatures and typographic signs do not count either."""
    plain = unicodedata.normalize("NFKD", caseless(value).translate(_PLAIN))
    return "".join(char for char in plain if not unicodedata.combining(char))
