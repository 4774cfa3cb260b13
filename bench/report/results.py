"""The results of each benchmark as tables. Several files of one benchmark make one table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.report.tables import Chart, Series, Table

Result = Mapping[str, Any]


def tables(paths: Iterable[Path]) -> list[Table]:
    """The tables of some result files, in the order in which the page shows them.

    Raises:
        ValueError: a file is the result of no benchmark known here.
    """
    found: dict[str, list[Result]] = defaultdict(list)
    for path in paths:
        result = json.loads(path.read_text("utf-8"))
        sort = result.get("benchmark")
        if sort not in _MAKERS:
            raise ValueError(f"{path.name} is the result of no benchmark known here")
        found[sort].append(result)
    return [make(found[sort]) for sort, make in _MAKERS.items() if sort in found]


def _origin(result: Result) -> str:
    """Command, machine and date, as one note."""
    machine = result["machine"]
    return (
        f"`{result['command']}`, {result['date']}: {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}."
    )


def _number(value: float) -> str:
    """Three figures that count, thousands set apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _verdict(met: bool | None) -> str:
    return {True: "met", False: "**short**", None: ""}[met]


# -- LDAP ----------------------------------------------------------------------------------------------------------


def ldap(results: Sequence[Result]) -> Table:
    """Searches a second, ours and slapd's; a mix that was measured again is told by its last measurement."""
    last = results[-1]
    rows = list({row["mix"]: row for result in results for row in result["rows"]}.values())
    checked = next((result["agreement"] for result in reversed(results) if result.get("agreement")), None)
    notes = [
        f"{last['set']['mailboxes']:,} mailboxes, {last['connections']} connections, size limit 100, against "
        f"{last['peer']}; medians of {rows[0]['pairs']} alternated pairs of {last['seconds']:g} s. Every p99 of ours "
        f"has to stay under {rows[0]['p99_bar_ms']:g} ms.",
        *([_agreement(checked)] if checked else []),
        _origin(last),
    ]
    return Table(
        name="ldap",
        title="LDAP searches, against slapd",
        columns=[
            "Search",
            "ours, /s:",
            "slapd, /s:",
            "ratio:",
            "bar:",
            "",
            "ours p50 · p95 · p99, ms:",
            "slapd p50 · p95 · p99, ms:",
        ],
        rows=[_ldap_row(row) for row in rows],
        notes=notes,
        chart=Chart(
            title="LDAP searches a second",
            axis="searches a second, 8 connections (logarithmic; more is better)",
            categories=[_plain(row["label"]) for row in rows],
            series=[
                Series("annuaire", [row["ours"]["per_second"] for row in rows]),
                Series(last["peer"], [row["peer"]["per_second"] for row in rows]),
            ],
            bars=Series("to be reached", [row["needed_per_second"] for row in rows]),
            logarithmic=True,
        ),
    )


def _ldap_row(row: Result) -> list[str]:
    prompt = "" if row["prompt_enough"] else "p99 **over**"
    return [
        row["label"],
        _number(row["ours"]["per_second"]),
        _number(row["peer"]["per_second"]),
        f"{_number(row['ratio'])}×",
        row["bar"] or "",
        " ".join(filter(None, (_verdict(row["fast_enough"]), prompt))),
        _latencies(row["ours"]),
        _latencies(row["peer"]),
    ]


def _latencies(run: Result) -> str:
    return " · ".join(_number(run[name]) for name in ("p50_ms", "p95_ms", "p99_ms"))


def _agreement(found: Result) -> str:
    differences = len(found["missing"]) + len(found["unexplained"]) + len(found["differing"])
    verdict = "the same entries" if found["agreed"] else f"**{differences} differences**"
    return (
        f"Both servers asked the same {found['filters']} filters that no size limit cuts, {found['entries']:,} entries "
        f"compared value by value: {verdict}, and {found['more_of_ours_by_accents']} more of ours, each of which "
        "matches when accents are put aside and does not otherwise."
    )


def _plain(label: str) -> str:
    return label.replace("`", "")


# -- building and following ----------------------------------------------------------------------------------------


def build(results: Sequence[Result]) -> Table:
    """A row for each register that was built, the smallest first."""
    rows = sorted(results, key=lambda result: int(result["documents"]))
    bars = rows[-1]["bars"]
    return Table(
        name="build",
        title="Building the index",
        columns=["Documents:", "seconds:", "documents/s:", "memory, MiB:", "of it PostgreSQL:", "file, GiB:", ""],
        rows=[
            [
                f"{row['documents']:,}",
                f"{row['seconds']:,.1f}",
                f"{row['documents_per_second']:,}",
                f"{row['memory']['together_mib']:,}",
                f"{row['memory']['database_mib']:,}",
                f"{row['file_gib']:.2f}",
                _verdict(row["met"]),
            ]
            for row in rows
        ],
        notes=[
            f"To be reached at full scale: {bars['documents_per_second']:,} documents a second, under "
            f"{bars['memory_mib'] / 1024:g} GiB of memory, a file under {bars['file_gib']:g} GiB. Memory is what no "
            "other process shares, summed over all processes at its peak; PostgreSQL's is proportional.",
            _origin(rows[-1]),
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
            [name, _number(seen), "" if bar is None else _number(bar), _verdict(None if bar is None else seen < bar)]
            for name, seen, bar, _ in rows
        ],
        notes=[
            f"{last['single_change']['count']} single changes, from the commit in the register to the LDAP answer that "
            f"shows it; then {last['changes']:,} changed records in one revision ({last['documents_touched']:,} "
            f"documents with their dependants) under an open-loop load of {last['lookups_per_second']:g} lookups a "
            f"second, LDAP and REST in turn, each timed from the moment it was due. "
            f"{last['lookups_during']['failures']} of {last['lookups_during']['lookups']:,} lookups failed. "
            f"The serving processes together have {last['memory']['program_mib']:,} MiB to themselves at their peak.",
            _origin(last),
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


# -- growth --------------------------------------------------------------------------------------------------------


def growth(results: Sequence[Result]) -> Table:
    """Medians at each scale and the ratio of the largest to the smallest."""
    last = results[-1]
    rows = list({row["mix"]: row for result in results for row in result["rows"]}.values())
    scales = [f"{count:,}" for count in last["professionals"]]
    bar = next((row["bar"] for row in rows if row["bar"]), 1.5)
    return Table(
        name="growth",
        title="Growth with the number of professionals",
        columns=["Lookup", "returns", *(f"{scale}, ms:" for scale in scales), "growth:", ""],
        rows=[
            [
                row["label"],
                row["answers"],
                *(_number(value) for value in row["medians_ms"]),
                f"{row['ratio']:.2f}×",
                _verdict(row["met"]),
            ]
            for row in rows
        ],
        notes=[
            f"Median latencies, all scales served side by side and asked in turn; LDAP from {last['connections']} "
            f"connections, REST from one. Lookups of one result, and searches that return as many as they may at every "
            f"scale (the same requests everywhere), have to grow by less than {bar:g} times from {scales[0]} to "
            f"{scales[-1]} professionals. The others return more where there is more, and have no bar.",
            _origin(last),
        ],
        chart=Chart(
            title=f"Growth of median latency from {scales[0]} to {scales[-1]} professionals",
            axis="times the smallest scale's median (less is better)",
            categories=[_plain(row["label"]) for row in rows],
            series=[
                Series(answers, [row["ratio"] if row["answers"] == answers else None for row in rows])
                for answers in dict.fromkeys(row["answers"] for row in rows)
            ],
            line=(bar, "to stay under where there is a bar"),
        ),
    )


_MAKERS: Final[Mapping[str, Callable[[Sequence[Result]], Table]]] = {
    "ldap": ldap,
    "build": build,
    "follow": follow,
    "growth": growth,
}
