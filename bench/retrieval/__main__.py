"""`python -m bench.retrieval`: how well and how fast people are found, beside a plain Postgres on the same data."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.provenance import provenance, write_result
from bench.retrieval import bars, compare, corrupt, kept, measure, peers, postgres, report
from bench.retrieval.engines import Engine, InProcess, OverHttp
from bench.retrieval.judge import Asked, Figures
from bench.retrieval.measure import Answered
from bench.retrieval.people import People, read_people

ByEngine = Mapping[str, Mapping[str, Figures]]

_OURS = (OverHttp.name, InProcess.name)
_PEERS_AT_ONCE = 2  # connections that ask the slow peers


@dataclass(frozen=True, slots=True)
class Contestant:
    """An engine by name, how to make one, and how many queries of each class and seed it gets."""

    name: str
    make: Callable[[], Engine]
    per_class: int
    clients: int = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the options ask for; 1 where a bar is missed."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the peer's server ends with us
    console = Console(width=None if sys.stdout.isatty() else 160)
    people = read_people(options.extract)
    drawn = {
        seed: corrupt.queries(people, seed, options.per_class, options.classes or corrupt.CLASSES)
        for seed in options.seeds
    }
    with contextlib.ExitStack() as stack:
        dsn = None if options.no_peer else options.peer or stack.enter_context(_peer(people, console))
        retrieval, same = _retrieval(people, drawn, _contestants(options, dsn), options.misses)
        seeds = ", ".join(map(str, drawn))
        report.print_retrieval(console, retrieval, f"{len(people.everybody):,} people, worst of the seeds {seeds}")
        speed = _speed(people, drawn, options, dsn) if options.url and not options.no_speed else None
        version = postgres.version(dsn) if dsn else None
    reached = [*_bars(retrieval, same)]
    if speed:
        report.print_speed(console, speed)
        reached += bars.speed(speed["search"], speed["autocomplete"])
    report.print_bars(console, reached)
    found = {
        "benchmark": "retrieval",
        **provenance("bench.retrieval", options),
        "people": len(people.everybody),
        "seeds": options.seeds,
        "peer": version and f"PostgreSQL {version}",
        "retrieval": _as_json(retrieval),
        "same_queries": _as_json(same),
        "bars": bars.by_class(),
        "speed": speed,
        "reached": [{**asdict(bar), "met": bar.met} for bar in reached],
    }
    write_result(options.json, found)
    return 0 if all(bar.met for bar in reached) else 1


def _as_json(engines: ByEngine) -> dict[str, dict[str, Any]]:
    return {name: {kind: asdict(one) for kind, one in figures.items()} for name, figures in engines.items()}


@contextlib.contextmanager
def _peer(people: People, console: Console) -> Iterator[str]:
    programs = postgres.installed()
    if programs is None:
        sys.exit("no PostgreSQL with its extensions is installed (apt-get install postgresql); or give --no-peer")
    console.print("loading and indexing the peer …")
    with postgres.throwaway(programs) as dsn:
        postgres.load(dsn, people.everybody)
        peers.index(dsn)
        yield dsn


def _contestants(options: argparse.Namespace, dsn: str | None) -> list[Contestant]:
    found = []
    if options.index:
        found.append(Contestant(InProcess.name, partial(InProcess, options.index), options.per_class))
    if options.url:
        found.append(Contestant(OverHttp.name, partial(OverHttp, options.url), options.per_class))
    if dsn:
        makes: tuple[tuple[str, Callable[[], Engine]], ...] = (
            (peers.ExactPrefix.name, partial(peers.ExactPrefix, dsn)),
            *((form.name, partial(peers.Trigram, dsn, form)) for form in peers.FORMS),
        )
        count = min(options.per_class, options.peer_per_class)
        known = kept.read(options.peer_answers) if options.peer_answers else {}
        found += [
            Contestant(name, partial(kept.Kept, make, known.get(name, {})), count, _PEERS_AT_ONCE)
            for name, make in makes
        ]
    return found


def _retrieval(
    people: People, drawn: Mapping[int, Sequence[Asked]], contestants: Sequence[Contestant], misses: Path | None
) -> tuple[ByEngine, ByEngine]:
    """Of each engine the worst of all seeds, on all queries that it got; and all seeds together, on those queries that
    all engines got."""
    fewest = min((one.per_class for one in contestants), default=0)
    all_of_them: dict[str, list[dict[str, Figures]]] = defaultdict(list)
    same: dict[str, list[Answered]] = defaultdict(list)
    for contestant in contestants:
        for asked in drawn.values():
            share = measure.first_of_each_class(asked, contestant.per_class)
            answered = measure.ask(contestant.make, share, people, contestant.clients)
            all_of_them[contestant.name].append(measure.by_class(answered))
            same[contestant.name] += measure.first_of_each_class(answered, fewest)
            if misses and contestant.name in _OURS:
                report.write_misses(misses, contestant.name, answered)
    worst = {name: measure.worst_by_class(several) for name, several in all_of_them.items()}
    return worst, {name: measure.by_class(answered) for name, answered in same.items()}


def _speed(
    people: People, drawn: Mapping[int, Sequence[Asked]], options: argparse.Namespace, dsn: str | None
) -> dict[str, Any]:
    seed, asked = next(iter(drawn.items()))
    sides = {"peer": peers.TOWNS, "peer, names only": peers.NAMES}
    makes = {name: partial(peers.Trigram, dsn, form) for name, form in sides.items()} if dsn else {}
    rhythm = compare.Rhythm(options.pairs, options.seconds)
    return {
        "search": compare.searches(options.url, makes, asked, seed, rhythm),
        "autocomplete": compare.autocompletion(options.url, people, seed, rhythm),
    }


def _bars(retrieval: ByEngine, same: ByEngine) -> Iterator[bars.Bar]:
    ours = next((name for name in _OURS if name in retrieval), None)
    if ours is None:
        return
    yield from bars.goals(retrieval[ours])
    for form in peers.FORMS:
        if form.name in same:
            yield from bars.not_below(same[ours], same[form.name], form.name)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.retrieval", description=__doc__)
    add = parser.add_argument
    add("--extract", type=Path, required=True, help="folder of the extracts that the index was made of")
    add("--url", help="of a running server, such as http://127.0.0.1:8080")
    add("--index", type=Path, help="folder of an index, to be asked in this process")
    add("--seeds", type=_numbers, default=[11, 12, 13], help="list; the worst of each figure is shown (11,12,13)")
    add("--seed", type=_three, dest="seeds", metavar="N", help="short for --seeds N,N+1,N+2")
    add("--per-class", type=int, default=200, help="queries of each class and seed (200)")
    add("--peer-per-class", type=int, default=50, help="the first so many of them are put to the slow peers (50)")
    add("--classes", type=_classes, help="only these, separated by commas")
    add("--no-peer", action="store_true", help="without PostgreSQL")
    add("--peer", metavar="DSN", help="a PostgreSQL that holds the people already (`bench.retrieval.postgres.load`)")
    add("--peer-answers", type=Path, help="file of the peers' answers to the same queries of the same people")
    add("--no-speed", action="store_true", help="answers only")
    add("--pairs", type=int, default=3, help="counted runs of each side, in turn (3)")
    add("--seconds", type=float, default=6.0, help="length of a run; the peer's are three times as long (6)")
    add("--json", type=Path, help="where the result is kept for the report")
    add("--misses", type=Path, help="file for every query whose first answer was not right")
    options = parser.parse_args(arguments)
    if options.no_peer and not (options.url or options.index):
        parser.error("nothing to measure: give --url or --index, or leave --no-peer out")
    return options


def _numbers(value: str) -> list[int]:
    return [int(one) for one in value.split(",")]


def _three(value: str) -> list[int]:
    return [int(value) + more for more in range(3)]


def _classes(value: str) -> list[str]:
    wanted = [one.strip() for one in value.split(",")]
    unknown = sorted(set(wanted) - set(corrupt.CLASSES))
    if unknown:
        raise argparse.ArgumentTypeError(f"no such class: {', '.join(unknown)}")
    return wanted


if __name__ == "__main__":
    sys.exit(main())
