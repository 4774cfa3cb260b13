"""Reports of imports: what a data manager wants to know of a run, made when it is asked for from what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from sqlalchemy import literal, select
from sqlalchemy.dialects.postgresql import JSONB

from directory import nomenclature
from directory.registry import runs
from directory.registry.database import Database
from directory.registry.runs import Run
from directory.registry.tables import import_run, operator, trusted_domain

NIGHTS: Final = 30  # earlier runs of the kind that a report compares with
RECORDS: Final = {
    "activity": ("professionals", "professionnels"),
    "organization": ("structures", "structures"),
    "expertise": ("persons with expertises", "personnes avec savoir-faire"),
    "diploma": ("persons with diplomas", "personnes avec diplômes"),
    "mailbox": ("mailboxes", "boîtes aux lettres"),
    "trusted_domain": ("trusted domains", "domaines de confiance"),
    "operator": ("operators", "opérateurs"),
}
"""What each source counts: the persons of a file, not its rows."""
_LISTS: Final = {"profession": "professions", "department": "departments"}
_CHANGES: Final = ("created", "changed", "removed")


def summary(run: Run) -> dict[str, Any]:
    """A run in counts, without paths of this server and without lines."""
    files = ("member", "layout", "as_of", "bytes", "digest", "rows", "duplicates")
    return {
        "run": run.run_id,
        "kind": run.kind,
        "status": run.status,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "data_of": run.as_of,
        "revision": run.revision,
        "of_run": run.of_run,
        "files": [{name: source[name] for name in files if name in source} for source in run.sources],
        "records": dict(run.counts),
        "rejected": dict(run.rejected),
        "durations_s": dict(run.details.get("durations_s", {})),
    }


def list_summaries(database: Database, limit: int) -> list[dict[str, Any]]:
    """The last runs, newest first."""
    return [summary(run) for run in runs.list_runs(database, limit)]


def report(database: Database, run_id: int) -> dict[str, Any]:
    """All that there is to tell of a run, as plain values; `rejected_lines` is a sample with what was read.

    Raises:
        NotFound: there is no such run.
        Unavailable: the database cannot be reached.
    """
    run = runs.show_run(database, run_id)
    slices = run.details.get("slices", {})
    return {
        **summary(run),
        "verdicts": [
            {"reason": en, "reason_fr": fr, "remedies": remedies(run)}
            for en, fr in zip_longest(run.reasons, run.details.get("reasons_fr", ()))
        ],
        "warnings": list(run.warnings),
        "changes": {source: _by_code(of_source) for source, of_source in slices.items()},
        "moves": _with_operators(database, run.details.get("moves", ())),
        "nights": _nights(database, run),
        "rejected_lines": [line.as_json() for line in run.rejected_lines],
    }


def remedies(run: Run) -> list[str]:
    """The commands that a run that did not go through waits for."""
    if run.status == "held":
        return [
            f"annuaire runs show {run.run_id}",
            f"annuaire runs apply {run.run_id}",
            f"annuaire runs apply {run.run_id} --without-removals",
        ]
    if run.status in ("refused", "failed"):
        return ["annuaire check", f"annuaire nightly --only {run.kind}"]
    return []


def _by_code(of_source: Mapping[str, Mapping[str, Mapping[str, int]]]) -> dict[str, list[dict[str, Any]]]:
    """Per slice the codes with their labels, those where most changes first."""
    found = {}
    for by, of_codes in of_source.items():
        rows: list[dict[str, Any]] = [
            {
                "code": code,
                "label": nomenclature.label(_LISTS[by], code) or "",
                **{change: numbers.get(change, 0) for change in _CHANGES},
            }
            for code, numbers in of_codes.items()
        ]
        found[by] = sorted(rows, key=lambda row: (-sum(row[change] for change in _CHANGES), row["code"]))
    return found


def _with_operators(database: Database, moves: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Moves of addresses between domains, each domain with who runs it where the white list says so."""
    domains = {move[side] for move in moves for side in ("old", "new")}
    if not domains:
        return []
    of_domain = trusted_domain.join(operator, operator.c.dn == trusted_domain.c.operator_dn)
    named = select(trusted_domain.c.domain, operator.c.organization_name, operator.c.common_name).select_from(of_domain)
    with database.reading() as connection:
        rows = connection.execute(named.where(trusted_domain.c.domain.in_(domains)))
        operators = {domain: name or common for domain, name, common in rows}
    return [
        {
            "from": move["old"],
            "from_operator": operators.get(move["old"], ""),
            "to": move["new"],
            "to_operator": operators.get(move["new"], ""),
            "addresses": move["number"],
        }
        for move in moves
    ]


def _nights(database: Database, run: Run) -> list[dict[str, Any]]:
    """This run and those of its kind before it that were read to the end, oldest first."""
    earlier = (
        select(import_run)
        .where(import_run.c.kind == run.kind, import_run.c.id <= run.run_id, import_run.c.counts != literal({}, JSONB))
        .order_by(import_run.c.id.desc())
        .limit(NIGHTS)
    )
    with database.reading() as connection:
        found = connection.execute(earlier).all()
    return [
        {
            "run": row.id,
            "data_of": row.as_of,
            "status": row.status,
            "rows": sum(int(source.get("rows", 0)) for source in row.sources),
            **{change: sum(numbers[change] for numbers in row.counts.values()) for change in _CHANGES},
            "duration_s": round(sum(row.details.get("durations_s", {}).values()), 3),
        }
        for row in reversed(found)
    ]
