"""`python -m bench.resolve`: recipients resolved over HTTP, a thousand a call: how many rightly, and how fast.

Recipients by name are the queries of two classes of the retrieval benchmark, name and town apart. An answer is *right*
when it resolves to somebody of that name in that place, or says *ambiguous* where the extract has several of them, or
*wrong* when it resolves to anybody else. The rest asks again without need: *ambiguous* or *unresolved* where there is
one only.

Of "name + city", as an address book gives them, the share that resolves rightly is held against the bar. Of "family
name + city" several in the place may bear the name, and then no answer but *ambiguous* is honest: there the bar is for
what is resolved rightly or is rightly ambiguous, and for what is resolved rightly of those recipients whom the extract
has once (`resolved_right_of_one`).
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from bench.node import Address, serving
from bench.people import Holder, read_holders
from bench.provenance import provenance, write_result
from bench.retrieval.corrupt import FAMILY_CITY, NAME_CITY, name_and_city
from bench.retrieval.judge import Asked
from bench.retrieval.people import People, Person, read_people

_CALL: Final = 1000
_LEAST_RIGHT: Final = 0.97
_MOST_WRONG: Final = 0.005
_MOST_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Named:
    """A recipient given by name and town, what makes an answer right, and how many persons of the extract fit."""

    name: str
    town: str
    asked: Asked
    fitting: int

    def recipient(self) -> dict[str, str]:
        return {"name": self.name, "place": self.town}


def draw(people: People, kind: str, count: int, seed: int) -> list[Named]:
    """Recipients of one class of queries: the same for the same people and seed."""
    families: dict[tuple[str, ...], list[Person]] = defaultdict(list)
    for person in people.everybody:
        families[person.family_words].append(person)
    return list(islice(_drawn(people, families, Random(f"{seed}/resolve/{kind}"), kind), count))


def _drawn(
    people: People, families: Mapping[tuple[str, ...], list[Person]], dice: Random, kind: str
) -> Iterator[Named]:
    while True:
        person = dice.choice(people.everybody)
        if not person.family_words or not person.given_words:
            continue
        drawn = name_and_city(dice, person, family_only=kind == FAMILY_CITY)
        if drawn is not None:
            name, town, asked = drawn
            yield Named(name, town, asked, sum(map(asked.right, families[person.family_words])))


def judged(named: Named, result: Mapping[str, Any], people: People) -> str:
    """What an answer is worth: `resolved right`, `rightly ambiguous`, `wrong`, `ambiguous`, `unresolved`."""
    if result["status"] == "resolved":
        found = people.by_id.get(result["practitioner"]["national_id"])
        return "resolved right" if found is not None and named.asked.right(found) else "wrong"
    if result["status"] == "ambiguous" and named.fitting > 1:
        return "rightly ambiguous"
    return str(result["status"])


def mixed(holders: Sequence[Holder], count: int, seed: int) -> list[dict[str, str]]:
    """Recipients as a gateway has them: three in ten by number, three by address, four by name."""
    dice = Random(f"{seed}/mixed")
    made = []
    for number in range(count):
        holder = dice.choice(holders)
        by_name = {"name": f"{holder.given_name} {holder.family_name}"}
        made.append({"rpps": holder.identifier} if number % 10 < 3 else
                    {"address": holder.address} if number % 10 < 6 else by_name)  # fmt: skip
    return made


def ask(server: Address, recipients: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, Any]], float]:
    """The answers to all recipients in calls of a thousand, one after the other, and the seconds they took."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=120)
    found: list[dict[str, Any]] = []
    seconds = 0.0
    for first in range(0, len(recipients), _CALL):
        body = json.dumps({"recipients": recipients[first : first + _CALL]})
        began = time.perf_counter()
        connection.request("POST", "/v1/resolve", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        seconds += time.perf_counter() - began
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {data[:300]!r}")
        found += json.loads(data)["results"]
    return found, seconds


def _quality(server: Address, named: Sequence[Named], people: People) -> dict[str, Any]:
    """What the answers to recipients of one class are worth, in numbers and shares, and the seconds they took."""
    results, seconds = ask(server, [one.recipient() for one in named])
    verdicts = [judged(one, result, people) for one, result in zip(named, results, strict=True)]
    counts = Counter(verdicts)
    of_one = [verdict == "resolved right" for one, verdict in zip(named, verdicts, strict=True) if one.fitting == 1]
    return {
        "recipients": len(named),
        "seconds": round(seconds, 2),
        **counts,
        "right": round((counts["resolved right"] + counts["rightly ambiguous"]) / len(named), 4),
        "resolved_right": round(counts["resolved right"] / len(named), 4),
        "resolved_right_of_one": round(sum(of_one) / max(len(of_one), 1), 4),
        "wrong_share": round(counts["wrong"] / len(named), 4),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the options ask for; 1 where a bar is missed."""
    options = _options(arguments)
    people = None if options.speed_only else read_people(options.extract)
    recipients = mixed(read_holders(options.extract), options.recipients, options.seed)
    found: dict[str, Any] = {}
    with serving(options.data, ldap_workers=0, http_workers=1) as node:
        assert node.http is not None
        ask(node.http, recipients[:100])
        results, seconds = ask(node.http, recipients)
        statuses = Counter(result["status"] for result in results)
        found["mixed"] = {"recipients": len(recipients), "seconds": round(seconds, 2), **statuses}
        if people is not None:
            for kind in (NAME_CITY, FAMILY_CITY):
                named = draw(people, kind, options.recipients, options.seed)
                found[kind] = _quality(node.http, named, people)
    met = found["mixed"]["seconds"] < _MOST_S * len(recipients) / 10_000
    if people is not None:
        whole, family = found[NAME_CITY], found[FAMILY_CITY]
        least = min(whole["resolved_right"], family["right"], family["resolved_right_of_one"])
        met = met and least >= _LEAST_RIGHT and max(whole["wrong_share"], family["wrong_share"]) < _MOST_WRONG
    print(json.dumps({**found, "met": met}, indent=1))
    write_result(options.json, {"benchmark": "resolve", **provenance("bench.resolve", options), **found, "met": met})
    return 0 if met else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.resolve", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="data folder whose index is built")
    add("--extract", type=Path, required=True, help="folder of the extract that it was built from")
    add("--recipients", type=int, default=10_000, help="of each kind")
    add("--seed", type=int, default=1)
    add("--speed-only", action="store_true", help="without judging names: that reads the whole extract first")
    add("--json", type=Path, help="where the result is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
