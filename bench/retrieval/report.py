"""Tables for the eye, and the list of what was missed for who tunes."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.retrieval.bars import Bar
from bench.retrieval.judge import Figures
from bench.retrieval.measure import Answered
from bench.retrieval.people import Person


def print_retrieval(console: Console, engines: Mapping[str, Mapping[str, Figures]], title: str) -> None:
    """Per class and engine: recall at 1, recall at 10, mean reciprocal rank."""
    table = Table(title=title, caption="R@1 · R@10 · MRR@10")
    table.add_column("class")
    table.add_column("queries", justify="right")
    for engine in engines:
        table.add_column(engine, justify="right")
    first = next(iter(engines.values()))
    for name, figures in first.items():
        cells = [_cell(of[name]) for of in engines.values()]
        table.add_row(name, str(figures.queries), *cells, end_section=name == list(first)[-2])
    console.print(table)


def print_speed(console: Console, speed: Mapping[str, Any]) -> None:
    """Answers a second and latencies, for each side and number of clients."""
    table = Table(title="speed, medians of alternated runs")
    for column in ("", "a second", "p50 ms", "p95 ms", "p99 ms"):
        table.add_column(column, justify="right" if column else "left")
    for clients, sides in speed["search"].items():
        for side, run in sides.items():
            if run:
                table.add_row(f"search, {clients}, {side}", *_run(run))
    if speed["autocomplete"]:
        table.add_row("autocomplete, 1 clients, ours", *_run(speed["autocomplete"]))
    console.print(table)


def _run(run: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{run[name]:,.1f}" for name in ("per_second", "p50_ms", "p95_ms", "p99_ms"))


def print_bars(console: Console, reached: Sequence[Bar]) -> None:
    """What was missed, or that nothing was."""
    for bar in reached:
        if not bar.met:
            console.print(
                f"short: {bar.what}: {bar.seen:.3f}, {'at most' if bar.most else 'at least'} {bar.needed:.3f}"
            )
    console.print(f"{sum(bar.met for bar in reached)} of {len(reached)} bars are met")


def _cell(figures: Figures) -> str:
    return f"{figures.recall_at_1:.3f} · {figures.recall_at_10:.3f} · {figures.mrr_at_10:.3f}"


def write_misses(path: Path, engine: str, answered: Sequence[Answered]) -> None:
    """One line for every query whose first answer was not right: what was typed, who was meant, what came instead."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, delimiter="\t", lineterminator="\n")
        if new:
            lines.writerow(("engine", "class", "query", "meant", "why", "answers"))
        for one in answered:
            if one.rank != 1:
                asked, names = one.asked, " | ".join(_described(person) for person in one.answers)
                lines.writerow((engine, asked.kind, asked.text, _described(asked.meant), _why(one), names))


def _why(one: Answered) -> str:
    if not one.answers:
        return "nothing came back"
    if one.rank:
        return f"right only at {one.rank}"
    named = [person for person in one.answers if person is not None]
    if any(reading.fits(person) for person in named for reading in one.asked.readings):
        return "the name, but neither place nor trade"
    return f"none of {len(one.answers)} is right"


def _described(person: Person | None) -> str:
    if person is None:
        return "(nobody of the extract)"
    details = [*dict.fromkeys((*person.towns, *person.reached_at)), *person.labels]
    return f"{person.national_id} {person.given} {person.family} [{', '.join(details[:6])}]"
