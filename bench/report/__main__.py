"""`python -m bench.report RESULT.json… --out docs/benchmarks`: results as Markdown tables with a plot each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.report.plots import plot
from bench.report.results import tables
from bench.report.tables import markdown


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="JSON files that the benchmarks wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables and plots")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for table in tables(options.results):
        plot(table.chart, options.out / f"{table.name}.svg")
        (options.out / f"{table.name}.md").write_text(markdown(table), "utf-8")
        print(f"{table.name}: {len(table.rows)} rows")


if __name__ == "__main__":
    main()
