"""The table of retrieval: how often the right person is found, by class of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.report.tables import Chart, Series, Table
from bench.report.wording import Result, origin


def retrieval(results: Sequence[Result]) -> Table:
    """Per class of queries: how often the right person comes first, or among the first ten, by each engine."""
    last = results[-1]
    engines: Mapping[str, Mapping[str, Result]] = last["retrieval"]
    classes = list(next(iter(engines.values())))
    bars = last.get("bars") or {}
    seeds = ", ".join(map(str, last["seeds"]))
    return Table(
        name="retrieval",
        title="Retrieval",
        columns=["Class", "queries:", *(f"{engine}, R@1 · R@10 · MRR:" for engine in engines)],
        rows=[
            [
                name,
                f"{next(iter(engines.values()))[name]['queries']:,}",
                *(_found(figures.get(name)) for figures in engines.values()),
            ]
            for name in classes
        ],
        notes=[
            f"{last['people']:,} people; each figure is the worst of the seeds {seeds}. R@1 and R@10: how often a "
            "right person comes first, or among the first ten; MRR: the mean of 1/rank.",
            *([origin(last)] if "machine" in last else []),
        ],
        chart=Chart(
            title="Retrieval: a right person among the first ten answers",
            axis="recall@10 (more is better)",
            categories=classes,
            series=[
                Series(engine, [figures[name]["recall_at_10"] if name in figures else None for name in classes])
                for engine, figures in engines.items()
            ],
            bars=Series("to be reached", [bars.get(name) for name in classes]) if bars else None,
        ),
    )


def _found(figures: Result | None) -> str:
    if figures is None:
        return ""
    return " · ".join(f"{figures[name]:.3f}" for name in ("recall_at_1", "recall_at_10", "mrr_at_10"))
