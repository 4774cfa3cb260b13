"""`python -m bench.fhir`: the complaints about the national API replayed through `/fhir/v2`, right and fast or not.

Each kind is a hundred different questions over a kept connection to one worker, each asked once: the time of the first
answer is what counts. Totals and first pages of some of each kind are compared with a list of all people. Then the list
of all practitioners is walked through by its next links.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psutil

from bench.fhir.people import Person, open_index, read_people
from bench.fhir.questions import Question, questions
from bench.latency import Latencies
from bench.node import serving
from bench.people import read_holders
from bench.provenance import provenance

_BAR_MS: Final = 50.0
_KEPT_S: Final = 1.0  # without a request; the server waits five seconds for one
_CHECKED: Final = 12  # answers of each kind that are compared with the list of all people
_PAGE: Final = 1000
_EDGE: Final = 100  # pages at either end of the walk that are compared

Json = dict[str, Any]


class Client:
    """One kept connection; another one after answers were judged for long, as the server closes what is idle."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=60)
        self._answered = time.perf_counter()

    def get(self, path: str) -> tuple[Json, float]:
        if time.perf_counter() - self._answered > _KEPT_S:
            self._connection.close()
        began = time.perf_counter()
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        self._answered = time.perf_counter()
        took = self._answered - began
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        found: Json = json.loads(body)
        return found, took

    def search(self, kind: str, query: str) -> tuple[Json, float]:
        return self.get(f"/fhir/v2/{kind}?{query}")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    index = open_index(options.data)
    people = read_people(index)
    index.close()
    known = {one.national_id for one in people}
    # Those whose holder has no record have no resource to hang on.
    addresses = [one.address for one in read_holders(options.extract) if one.national_id in known]
    asked = questions(people, addresses, options.seed)
    with serving(options.data, ldap_workers=0, http_workers=1, profile="open") as node:
        assert node.http is not None
        client = Client(node.http.host, node.http.port)
        for word in ("family=zz", "given=zz", "name:contains=zz", "mailbox-mss:contains=zz"):
            client.search("Practitioner", word)  # the worker reads its dictionaries once per revision
        found = {kind: _measured(client, several, people) for kind, several in asked.items()}
        found |= {"next link (#59)": _next_links(client, people, options.seed)}
        walk = None if options.no_walk else _walk(client, node.pid, len(people))
    result = {**provenance("bench.fhir", options), "people": len(people), "searches": found, "walk": walk}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    return _report(result)


def _measured(client: Client, several: list[Question], people: list[Person]) -> Json:
    answers = [_anywhere(client, question) if question.finds is None else client.search("Practitioner", question.path)
               for question in several]  # fmt: skip
    checked = [(one, bundle) for one, (bundle, _) in zip(several, answers, strict=True)]
    if several[0].finds is not None:
        checked = checked[:_CHECKED]
    wrong = [question.path for question, bundle in checked if not _right(question, bundle, people)]
    return {**Latencies.of(took for _, took in answers).as_json(), "wrong": wrong, "checked": len(checked)}


def _anywhere(client: Client, question: Question) -> tuple[Json, float]:
    """A mailbox is looked for wherever it may hang; the slowest of the answers counts."""
    kinds = ("Practitioner", "PractitionerRole", "Organization")
    answers = [client.search(kind, question.path) for kind in kinds]
    total = sum(bundle["total"] for bundle, _ in answers)
    return {"total": total}, max(took for _, took in answers)


def _right(question: Question, bundle: Json, people: list[Person]) -> bool:
    if question.finds is None:
        return bool(bundle["total"] >= 1)
    expected = {one.national_id for one in people if question.finds(one)}
    shown = {entry["resource"]["id"] for entry in bundle.get("entry", [])}
    return bool(bundle["total"] == len(expected) and shown <= expected and len(shown) == min(50, len(expected)))


def _next_links(client: Client, people: list[Person], seed: int) -> Json:
    """The second pages of searches with several."""
    dice = random.Random(seed + 1)
    took: list[float] = []
    wrong: list[str] = []
    for one in dice.sample(people, 400):
        if len(took) == 100:
            break
        first, _ = client.search("Practitioner", f"family={quote(one.family[:2])}")
        following = _next(first)
        if following:
            second, seconds = client.get(following)
            took.append(seconds)
            ids = [{entry["resource"]["id"] for entry in page["entry"]} for page in (first, second)]
            if ids[0] & ids[1] or second["total"] != first["total"]:
                wrong.append(one.family[:2])
    return {**Latencies.of(took).as_json(), "wrong": wrong, "checked": len(took)}


def _walk(client: Client, pid: int, number: int) -> Json:
    """All practitioners, a thousand a page: is the last page as quick as the first, and memory as small? Those who left
    lately come too, as inactive ones: the list of people has them no more."""
    took: list[float] = []
    seen = left = 0
    path: str | None = f"/fhir/v2/Practitioner?_count={_PAGE}"
    memory = []
    while path is not None:
        page, seconds = client.get(path)
        took.append(seconds)
        seen += len(page["entry"])
        left += sum(entry["resource"]["active"] is False for entry in page["entry"])
        if len(took) % 100 == 1:
            memory.append(_memory(pid))
        path = _next(page)
    return {
        "resources": seen,
        "left": left,
        "complete": seen - left == number and seen == page["total"],
        "pages": len(took),
        "first_pages": Latencies.of(took[:_EDGE]).as_json(),
        "last_pages": Latencies.of(took[-_EDGE:]).as_json(),
        "seconds": round(sum(took), 1),
        "private_mib": [memory[min(1, len(memory) - 1)], memory[-1]],
    }


def _next(bundle: Json) -> str | None:
    found = [one["url"] for one in bundle["link"] if one["relation"] == "next"]
    return "/" + found[0].split("/", 3)[3] if found else None


def _memory(pid: int) -> int:
    """Private memory of the processes of the node that serve HTTP, in MiB: the index is mapped, and shared."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    serving = [one for one in processes if "postgres" not in one.name()]
    return round(max(one.memory_full_info().uss for one in serving) / 2**20)


def _report(result: Json) -> int:
    print(f"{result['people']:,} practitioners")
    slow = []
    for kind, found in result["searches"].items():
        holds = found["p95_ms"] < _BAR_MS and not found["wrong"]
        if not holds:
            slow.append(kind)
        told = f"p50 {found['p50_ms']:7.1f} ms  p95 {found['p95_ms']:7.1f} ms  max {found['max_ms']:7.1f} ms"
        print(f"{kind:32} {told}  wrong {len(found['wrong'])}/{found['checked']} {' '.join(found['wrong'][:2])}")
    if result["walk"]:
        print(json.dumps(result["walk"]))
    print(f"below the bar: {', '.join(slow)}" if slow else "every bar holds")
    return 1 if slow or (result["walk"] and not result["walk"]["complete"]) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fhir", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="data folder with register and index")
    add("--extract", type=Path, required=True, help="folder of the extract that it was loaded from")
    add("--seed", type=int, default=101, help="other questions")
    add("--no-walk", action="store_true", help="leave the walk through everybody out")
    add("--json", type=Path, help="where to write the figures")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
