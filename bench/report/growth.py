"""The table of growth over several scales: of lookups, and of building where the same scales were built."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.tables import Chart, Series, Table
from bench.report.wording import Result, number, origin, plain, verdict


def growth(results: Sequence[Result], builds: Sequence[Result] = ()) -> Table:
    """Medians at each scale and the ratio of the largest to the smallest."""
    last = results[-1]
    built = sorted((row for result in builds for row in result["rows"]), key=lambda row: int(row["documents"]))
    rows = list({row["mix"]: row for result in results for row in result["rows"]}.values())
    scales = [f"{count:,}" for count in last["professionals"]]
    bar = next((row["bar"] for row in rows if row["bar"]), 1.5)
    return Table(
        name="growth",
        title="Growth with the number of professionals",
        columns=["Lookup, ms", "returns", *(f"{scale}:" for scale in scales), "growth:", ""],
        rows=[
            *(_of_builds(built) if len(built) == len(scales) else ()),
            *(
                [
                    row["label"],
                    row["answers"],
                    *(number(value) for value in row["medians_ms"]),
                    f"{row['ratio']:.2f}×",
                    verdict(row["met"]),
                ]
                for row in rows
            ),
        ],
        notes=[
            f"Median latencies, all scales served side by side and asked in turn; LDAP from {last['connections']} "
            f"connections, REST from one. Lookups of one result, and searches that return as many as they may at every "
            f"scale (the same requests everywhere), have to grow by less than {bar:g} times from {scales[0]} to "
            f"{scales[-1]} professionals. The others return more where there is more, and have no bar.",
            origin(last),
        ],
        chart=Chart(
            title=f"Growth of median latency from {scales[0]} to {scales[-1]} professionals",
            axis="times the smallest scale's median (less is better)",
            categories=[plain(row["label"]) for row in rows],
            series=[
                Series(answers, [row["ratio"] if row["answers"] == answers else None for row in rows])
                for answers in dict.fromkeys(row["answers"] for row in rows)
            ],
            line=(bar, "to stay under where there is a bar"),
        ),
    )


def _of_builds(built: Sequence[Result]) -> list[list[str]]:
    """What building each scale took."""
    figures = {
        "documents": [row["documents"] for row in built],
        "build: seconds": [row["seconds"] for row in built],
        "build: documents/s": [row["documents_per_second"] for row in built],
        "build: memory, MiB": [row["memory"]["together_mib"] for row in built],
        "file, MiB": [row["file_gib"] * 1024 for row in built],
    }
    return [
        [label, "", *(number(value) for value in values), f"{values[-1] / values[0]:.2f}×", ""]
        for label, values in figures.items()
    ]
