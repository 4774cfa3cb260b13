"""The tables of retrieval and of its speed: how often the right person is found, by class of queries, and how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.report.tables import Chart, Series, Table
from bench.report.wording import Result, number, origin, verdict

_SHOWN_SHORT: Final = 12  # bars that were missed, told by name
_FIGURES: Final = ("recall_at_1", "recall_at_10", "mrr_at_10")

Figures = Mapping[str, Any]


def retrieval(results: Sequence[Result]) -> Table:
    """Per class of queries: how often the right person comes first, or among the first ten, by each engine."""
    last = results[-1]
    ours: Mapping[str, Figures] = next(iter(last["retrieval"].values()))
    engines: Mapping[str, Mapping[str, Figures]] = last["same_queries"]
    asked: Mapping[str, Figures] = next(iter(engines.values()))
    bars: Mapping[str, float] = last.get("bars") or {}
    return Table(
        name="retrieval",
        title="Retrieval",
        columns=[
            "Class",
            "queries:",
            "worst seed:",
            "R@10 to reach:",
            "",
            "same queries:",
            *(f"{one}:" for one in engines),
        ],
        rows=[
            [
                name,
                f"{ours[name]['queries']:,}",
                _figures(ours[name]),
                f"{bars[name]:.3f}" if name in bars else "",
                verdict(ours[name]["recall_at_10"] >= bars[name] if name in bars else None),
                f"{asked[name]['queries']:,}",
                *(_figures(of.get(name)) for of in engines.values()),
            ]
            for name in ours
        ],
        notes=[
            f"{last['people']:,} people. R@1 · R@10 · MRR: how often a right person comes first, or among the first "
            "ten; and the mean of 1/rank. First ours, each figure the worst of the seeds "
            f"{', '.join(map(str, last['seeds']))}; then all engines side by side, on the same queries of all seeds.",
            *_reached(last.get("reached") or ()),
            *([origin(last)] if "machine" in last else []),
        ],
        chart=Chart(
            title="Retrieval: a right person among the first ten answers",
            axis="recall@10 (more is better)",
            categories=list(ours),
            series=[
                Series(engine, [of[name]["recall_at_10"] if name in of else None for name in ours])
                for engine, of in engines.items()
            ],
            bars=Series("to be reached", [bars.get(name) for name in ours]) if bars else None,
            from_zero=False,
        ),
    )


def _figures(found: Figures | None) -> str:
    return "" if found is None else " · ".join(f"{found[name]:.3f}" for name in _FIGURES)


def _reached(bars: Sequence[Figures]) -> list[str]:
    """How many of all bars are met, and which are not."""
    if not bars:
        return []
    short = [f"{bar['what']} ({bar['seen']:.3f} for {bar['needed']:.3f})" for bar in bars if not bar["met"]]
    told = "; ".join(short[:_SHOWN_SHORT]) + (" …" if len(short) > _SHOWN_SHORT else "")
    return [f"{len(bars) - len(short)} of {len(bars)} bars are met{f'; **short**: {told}' if short else ''}."]


def search_speed(results: Sequence[Result]) -> Table | None:
    """Answers a second and latencies of search and completion, beside the peer; None where they were not measured."""
    last = next((result for result in reversed(results) if result.get("speed")), None)
    if last is None:
        return None
    rows = _speeds(last["speed"])
    return Table(
        name="search-speed",
        title="Search, how fast",
        columns=[
            "",
            "ours, /s:",
            "pg_trgm, /s:",
            "ratio:",
            "ours p50 · p95 · p99, ms:",
            "pg_trgm p50 · p95 · p99, ms:",
        ],
        rows=[_speed_row(*row) for row in rows],
        notes=[
            f"The mix of all classes of queries, {last['people']:,} people, ours over HTTP, the peer "
            f"({last.get('peer') or 'none'}) over its own protocol; medians of alternated pairs.",
            *_reached(
                [bar for bar in last.get("reached") or () if bar["what"].startswith(("search,", "autocomplete,"))]
            ),
            origin(last),
        ],
        chart=Chart(
            title="Search: answers a second",
            axis="answers a second (logarithmic; more is better)",
            categories=[name for name, _, _ in rows],
            series=[
                Series("annuaire", [ours["per_second"] for _, ours, _ in rows]),
                Series("pg_trgm", [peer["per_second"] if peer else None for _, _, peer in rows]),
            ],
            logarithmic=True,
        ),
    )


def _speeds(speed: Figures) -> list[tuple[str, Figures, Figures | None]]:
    """Name, ours, the peer's."""
    rows = [(f"search, {clients}", sides["ours"], sides["peer"]) for clients, sides in speed["search"].items()]
    if speed["autocomplete"]:
        rows.append(("completion, 1 client", speed["autocomplete"], None))
    return [(name.replace("1 clients", "1 client"), ours, peer) for name, ours, peer in rows]


def _speed_row(name: str, ours: Figures, peer: Figures | None) -> list[str]:
    ratio = f"{number(ours['per_second'] / peer['per_second'])}×" if peer else ""
    theirs = (number(peer["per_second"]), _latencies(peer)) if peer else ("", "")
    return [name, number(ours["per_second"]), theirs[0], ratio, _latencies(ours), theirs[1]]


def _latencies(run: Figures) -> str:
    return " · ".join(number(run[name]) for name in ("p50_ms", "p95_ms", "p99_ms"))
