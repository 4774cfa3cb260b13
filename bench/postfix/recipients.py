"""Recipients of a gateway's day, mixed: mailboxes, addresses that have been withdrawn, and such as never existed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.people import read_addresses


@dataclass(frozen=True, slots=True)
class Recipients:
    """What Postfix is asked about, and what it must answer."""

    asked: Sequence[str]
    reachable: frozenset[str]  # in small letters
    withdrawn: int
    unknown: int

    @classmethod
    def draw(cls, count: int, extract: Path, earlier: Path | None, seed: int) -> Self:
        """Half of them mailboxes of an extract, up to a quarter of them only of an earlier one, the others unknown.

        An address that enters the red list leaves the extract as one that is withdrawn does: nothing tells them apart.

        Raises:
            FileNotFoundError: a folder holds no file of mailboxes.
        """
        dice = random.Random(seed)
        published = read_addresses(extract)
        known = {address.lower() for address in published}
        gone = [one for one in read_addresses(earlier) if one.lower() not in known] if earlier is not None else []
        reachable = dice.sample(published, min(count // 2, len(published)))
        withdrawn = dice.sample(gone, min(count // 4, len(gone)))
        unknown: set[str] = set()
        while len(unknown) < count - len(reachable) - len(withdrawn):
            made = _unlike(dice.choice(published), dice)
            if made.lower() not in known:
                unknown.add(made)
        asked = [*reachable, *withdrawn, *sorted(unknown)]
        dice.shuffle(asked)
        return cls(asked, frozenset(one.lower() for one in reachable), len(withdrawn), len(unknown))


def _unlike(address: str, dice: random.Random) -> str:
    """An address that is nearly this one: a letter dropped, doubled or exchanged, or another domain."""
    local, _, domain = address.partition("@")
    at = dice.randrange(len(local))
    return dice.choice([
        f"{local[:at]}{local[at + 1 :]}x@{domain}",
        f"{local[:at]}{local[at]}{local[at:]}@{domain}",
        f"{local}@x{domain}",
        f"{local}@{domain}x",
    ])  # fmt: skip
