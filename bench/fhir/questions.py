"""The complaints as questions: what is asked, and who has to be found."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from bench.fhir.people import Person, Test, begins, contains, doubled, every

ASKED: Final = 100  # questions of one kind


@dataclass(frozen=True, slots=True)
class Question:
    """A search, and the test that tells of every person whether it has to be found; None where totals are not
    checked by names."""

    path: str
    finds: Test | None = None


def questions(people: Sequence[Person], addresses: Sequence[str], seed: int) -> dict[str, list[Question]]:
    """Questions of each kind, those of the complaints first; no two alike, so that no answer has been prepared."""
    dice = random.Random(seed)
    some = dice.sample(people, min(len(people), 40 * ASKED))
    beginnings = {size: _beginnings(some, size) for size in (3, 4, 5)}
    double = dice.sample(list(doubled(list(people))), ASKED)
    return {
        "family= 3 letters (#381)": [_family(one) for one in ("fra", *beginnings[3])][:ASKED],
        "family= 4 letters (#381)": [_family(one) for one in ("fras", *beginnings[4])][:ASKED],
        "family= 5 letters (#381)": [_family(one) for one in ("frasl", *beginnings[5])][:ASKED],
        "name:contains= twice (#331)": [_both(one) for one in some if len(one.given) > 3 and len(one.family) > 3][
            :ASKED
        ],
        "family= and given= (#404)": [_named(one) for one in some if one.given][:ASKED],
        "given= with accents (#239)": _accents(some),
        "family= second half (#403)": [_family(re.split("[ -]", one.family)[1]) for one in double],
        "mailbox-mss:exact=": [Question(f"mailbox-mss:exact={quote(one)}") for one in dice.sample(addresses, ASKED)],
        "identifier=": [Question(f"identifier={one.national_id}", _is(one)) for one in some[:ASKED]],
    }


def _beginnings(people: Sequence[Person], size: int) -> list[str]:
    return list(dict.fromkeys(one.family[:size] for one in people if re.match(rf"[a-z]{{{size}}}", one.family)))


def _family(value: str) -> Question:
    return Question(f"family={quote(value)}", begins("family", value))


def _both(person: Person) -> Question:
    parts = person.given[:4], person.family[1:5]
    path = "&".join(f"name:contains={quote(part)}" for part in parts)
    return Question(path, every(*map(contains, parts)))


def _named(person: Person) -> Question:
    path = f"family={quote(person.family_name)}&given={quote(person.given_name)}"
    return Question(path, every(begins("family", person.family_name), begins("given", person.given_name)))


def _accents(people: Sequence[Person]) -> list[Question]:
    """The same names with and without accents, in turn: both have to find the same people."""
    names = ["bénédicte", *dict.fromkeys(one.given_name.lower() for one in people if len(one.given) > 4)]
    return [
        Question(f"given={quote(written)}", begins("given", name))
        for name in names[: ASKED // 2]
        for written in (name, _bare(name))
    ]


def _bare(name: str) -> str:
    plain = name.translate(str.maketrans("éèêëàâîïôöûüç", "eeeeaaiioouuc"))
    return plain if plain != name else name.replace("e", "é", 1)


def _is(person: Person) -> Test:
    return lambda one: one.national_id == person.national_id
