"""The tables of building the index and of following the register."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.tables import Chart, Series, Table
from bench.report.wording import Result, number, origin, verdict


def build(results: Sequence[Result]) -> Table:
    """A row for each register that was built, the smallest first."""
    last = results[-1]
    rows = sorted((row for result in results for row in result["rows"]), key=lambda row: int(row["documents"]))
    bars = last["bars"]
    return Table(
        name="build",
        title="Building the index",
        columns=[
            "Documents:",
            "seconds:",
            "documents/s:",
            "memory, MiB:",
            "anonymous, MiB:",
            "PostgreSQL, MiB:",
            "file, GiB:",
            "",
        ],
        rows=[
            [
                f"{row['documents']:,}",
                f"{row['seconds']:,.1f}",
                f"{row['documents_per_second']:,}",
                f"{row['memory']['together_mib']:,}",
                f"{row['memory']['program_anonymous_mib']:,}",
                f"{row['memory']['database_mib']:,}",
                f"{row['file_gib']:.2f}",
                verdict(last["met"]) if row is rows[-1] else "",
            ]
            for row in rows
        ],
        notes=[
            f"To be reached at full scale: {bars['documents_per_second']:,} documents a second, under "
            f"{bars['memory_mib'] / 1024:g} GiB of memory, a file under {bars['file_gib']:g} GiB. Memory is what no "
            "other process shares, summed over all processes at its peak; PostgreSQL's is proportional. "
            "Anonymous is what is not of a file; the system drops pages of files when memory is short.",
            origin(last),
        ],
        chart=Chart(
            title="Building the index: documents a second",
            axis="documents a second (more is better)",
            categories=[f"{row['documents']:,} documents" for row in rows],
            series=[Series("annuaire", [row["documents_per_second"] for row in rows])],
            line=(bars["documents_per_second"], "to be reached at full scale"),
        ),
    )


def follow(results: Sequence[Result]) -> Table:
    """What was seen while the register changed, each figure beside its bar."""
    last = results[-1]
    bars = last["bars"]
    rows = [
        ("a single change visible, p50", last["single_change"]["p50_ms"], None, "ms"),
        ("a single change visible, p99", last["single_change"]["p99_ms"], bars["single_p99_ms"], "ms"),
        (f"{last['changes']:,} changes followed", last["follow_s"] * 1000, bars["follow_s"] * 1000, "ms"),
        ("lookups meanwhile, p50", last["lookups_during"]["all"]["p50_ms"], None, "ms"),
        ("lookups meanwhile, p99", last["lookups_during"]["all"]["p99_ms"], bars["lookups_p99_ms"], "ms"),
        ("lookups at rest, p99", last["lookups_idle"]["all"]["p99_ms"], None, "ms"),
    ]
    return Table(
        name="follow",
        title="Following the register",
        columns=["", "seen, ms:", "to stay under, ms:", ""],
        rows=[
            [name, number(seen), "" if bar is None else number(bar), verdict(None if bar is None else seen < bar)]
            for name, seen, bar, _ in rows
        ],
        notes=[
            f"{last['single_change']['count']} single changes, from the commit in the register to the LDAP answer that "
            f"shows it; then {last['changes']:,} changed records in one revision ({last['documents_touched']:,} "
            f"documents with their dependants) under an open-loop load of {last['lookups_per_second']:g} lookups a "
            f"second, LDAP and REST in turn, each timed from the moment it was due. "
            f"{last['lookups_during']['failures']} of {last['lookups_during']['lookups']:,} lookups failed. "
            f"The serving processes together have {last['memory']['program_mib']:,} MiB to themselves at their peak.",
            origin(last),
        ],
        chart=Chart(
            title="Following the register: times and what they have to stay under",
            axis="milliseconds (logarithmic; less is better)",
            categories=[name for name, _, _, _ in rows],
            series=[Series("seen", [seen for _, seen, _, _ in rows])],
            bars=Series("to stay under", [bar for _, _, bar, _ in rows]),
            logarithmic=True,
        ),
    )
