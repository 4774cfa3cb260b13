"""The table of LDAP searches: ours and slapd's."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.tables import Chart, Series, Table
from bench.report.wording import Result, number, origin, plain, verdict


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
        origin(last),
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
            categories=[plain(row["label"]) for row in rows],
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
        number(row["ours"]["per_second"]),
        number(row["peer"]["per_second"]),
        f"{number(row['ratio'])}×",
        row["bar"] or "",
        " ".join(filter(None, (verdict(row["fast_enough"]), prompt))),
        _latencies(row["ours"]),
        _latencies(row["peer"]),
    ]


def _latencies(run: Result) -> str:
    return " · ".join(number(run[name]) for name in ("p50_ms", "p95_ms", "p99_ms"))


def _agreement(found: Result) -> str:
    differences = len(found["missing"]) + len(found["unexplained"]) + len(found["differing"])
    verdict = "the same entries" if found["agreed"] else f"**{differences} differences**"
    return (
        f"Both servers asked the same {found['filters']} filters that no size limit cuts, {found['entries']:,} entries "
        f"compared value by value: {verdict}, and {found['more_of_ours_by_accents']} more of ours, each of which "
        "matches when accents are put aside and does not otherwise."
    )
