"""`annuaire nightly`: fetch and import what is new at every source, and say how it went."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

import typer

from cli.output import print_json, say, table
from cli.progress import bars
from directory.settings import Settings

if TYPE_CHECKING:
    from importers.nightly.night import Night

_EXIT: Final = {"done": 0, "failed": 1, "held": 3}
_BACKGROUND: Final = 10  # niceness: lookups come first


def register(app: typer.Typer) -> None:
    app.command()(nightly)


def nightly(
    context: typer.Context,
    only: list[str] = typer.Option([], "--only", help="rpps, mailboxes or trusted-domains; may be given again."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Fetch, say what would change, and change nothing."),
    json: bool = typer.Option(False, "--json", help="For machines."),
    at: str | None = typer.Option(
        None,
        "--at",
        help="Stay, and run at these hours: crontab's five fields, Paris time (for a container of its own).",
    ),
) -> None:
    """Fetch and import what is new. It goes on where an earlier run was cut short; what it needs to be told is in
    ANNUAIRE_*_SOURCE (docs/operations.md). Exit code 0: done; 1: something failed; 3: something is held."""
    from directory.registry.database import open_database
    from importers.nightly.night import run_night, sources_of
    from importers.nightly.notices import tell

    sources = sources_of(context.obj, only)
    if at is not None:
        _stay(context.obj.model_copy(update={"nightly_at": at}))
        return
    os.nice(_BACKGROUND)
    with open_database(context.obj) as database, bars() as progress:
        night = run_night(database, context.obj, sources, progress, dry_run=dry_run)
    if not dry_run:
        tell(context.obj, night)
    if json:
        print_json(night.as_json())
    else:
        _describe(night)
    raise typer.Exit(_EXIT[night.status])


def _stay(settings: Settings) -> None:
    """Run at the hours until SIGTERM or SIGINT."""
    from cli.schedule import keep_schedule

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    keep_schedule(settings, stop)


def _describe(night: Night) -> None:
    columns = ["", "status", "data of", "run", "created", "changed", "removed", "rejected", "seconds"]
    table(columns, [_row(outcome.as_json()) for outcome in night.outcomes], right=columns[3:])
    for outcome in night.outcomes:
        for reason in outcome.reasons:
            say(f"{outcome.kind}: {reason}")
        if outcome.late:
            say(f"{outcome.kind}: the source's latest file is late")
        if outcome.run_id is not None:
            say(f"{outcome.kind}: its report: annuaire runs report {outcome.run_id} --out report.html")
        if outcome.status == "held":
            say(f"{outcome.kind}: look at it with: annuaire runs show {outcome.run_id}")


def _row(outcome: dict[str, Any]) -> list[object]:
    report = outcome["report"] or {}
    counts = list((report.get("counts") or {}).values())
    sums = [sum(one[verb] for one in counts) if counts else None for verb in ("created", "changed", "removed")]
    rejected = sum((report.get("rejected") or {}).values()) if report else None
    seconds = round(sum(outcome["durations_s"].values()), 1) if outcome["durations_s"] else None
    as_of = f"{outcome['as_of']:%Y-%m-%d %H:%M}" if outcome["as_of"] else None
    return [outcome["kind"], outcome["status"], as_of, outcome["run_id"], *sums, rejected, seconds]
