"""`python -m bench.retrieval`: how well and how fast people are found, beside a plain Postgres on the same data."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.retrieval import corrupt, measure, report
from bench.retrieval.engines import Engine, InProcess, OverHttp
from bench.retrieval.judge import Figures
from bench.retrieval.people import People, read_people


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the options ask for."""
    options = _options().parse_args(arguments)
    console = Console()
    people = read_people(options.extract)
    engines: list[Engine] = []
    if options.index:
        engines.append(InProcess(options.index))
    if options.url:
        engines.append(OverHttp(options.url))
    results: dict[str, Any] = {"people": len(people.everybody), "seeds": options.seeds}
    results["retrieval"] = {
        name: {kind: asdict(one) for kind, one in figures.items()}
        for name, figures in _retrieval(console, people, engines, options).items()
    }
    if options.json:
        options.json.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _retrieval(
    console: Console, people: People, engines: Sequence[Engine], options: argparse.Namespace
) -> dict[str, dict[str, Figures]]:
    seen: dict[str, list[dict[str, Figures]]] = {engine.name: [] for engine in engines}
    for seed in options.seeds:
        asked = corrupt.queries(people, seed, options.per_class, options.classes)
        for engine in engines:
            answered = measure.ask(engine, asked, people)
            seen[engine.name].append(measure.by_class(answered))
            if options.misses:
                report.write_misses(options.misses, engine.name, answered)
    found = {name: measure.worst_by_class(seeds) for name, seeds in seen.items()}
    which = ", ".join(map(str, options.seeds))
    report.print_retrieval(console, found, f"{len(people.everybody):,} people, worst of seeds {which}")
    return found


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.retrieval", description=__doc__)
    add = parser.add_argument
    add("--extract", type=Path, required=True, help="folder of the extracts that the index was made of")
    add("--url", help="of a running server, such as http://127.0.0.1:8080")
    add("--index", type=Path, help="folder of an index, to be asked in this process")
    add("--seeds", type=_numbers, default=[11, 12, 13], help="list; the worst of each figure is shown (11,12,13)")
    add("--seed", type=_three, dest="seeds", metavar="N", help="short for N,N+1,N+2")
    add("--per-class", type=int, default=200, help="queries of each class and seed (200)")
    add("--classes", type=_classes, default=list(corrupt.CLASSES), help="only these, separated by commas")
    add("--json", type=Path, help="file for the figures")
    add("--misses", type=Path, help="file for every query whose first answer was not right")
    return parser


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
    main()
