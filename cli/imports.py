"""`annuaire import …`, `annuaire runs …` and `annuaire generate`: getting data in, and what each import did."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from cli.output import print_json, say, table
from cli.progress import Bars, bars
from directory.settings import Settings

if TYPE_CHECKING:
    from directory.registry.database import Database
    from directory.registry.runs import RejectedLine
    from importers.report import ImportOptions, ImportReport

imports: Final = typer.Typer(help="Import an extract: rpps, mailboxes or trusted-domains.", no_args_is_help=True)
runs: Final = typer.Typer(help="Imports so far: list, show, apply a held one, revert to an earlier one.")

_PATHS = typer.Argument(help="A .zip, .txt or .xml file, or a folder that holds them.", exists=True)
_DRY_RUN = typer.Option(False, "--dry-run", help="Say what would change, and change nothing; 3 if it would be held.")
_JSON = typer.Option(False, "--json", help="For machines.")
_OLDER = typer.Option(False, "--allow-older", help="Accept a file older than what the register holds.")
_HELD: Final = 3
_CHANGES: Final = ("created", "changed", "removed", "unchanged")


def register(app: typer.Typer) -> None:
    app.add_typer(imports, name="import")
    app.add_typer(runs, name="runs")
    app.command()(generate)


@imports.command()
def rpps(
    context: typer.Context,
    paths: list[Path] = _PATHS,
    dry_run: bool = _DRY_RUN,
    json: bool = _JSON,
    allow_older: bool = _OLDER,
) -> None:
    """Import the PS_LibreAcces_* files: persons, structures, activities, expertises, diplomas."""
    from importers.rpps import import_rpps

    _run(context.obj, lambda db, opts, bar: import_rpps(db, paths, opts, bar), json, dry_run=dry_run, older=allow_older)


@imports.command()
def mailboxes(
    context: typer.Context,
    paths: list[Path] = _PATHS,
    dry_run: bool = _DRY_RUN,
    json: bool = _JSON,
    allow_older: bool = _OLDER,
) -> None:
    """Import the Extraction_Correspondance_MSSante_* file: the published mailboxes."""
    from importers.mailboxes import import_mailboxes

    _run(
        context.obj,
        lambda db, opts, bar: import_mailboxes(db, paths, opts, bar),
        json,
        dry_run=dry_run,
        older=allow_older,
    )


@imports.command("trusted-domains")
def trusted_domains(
    context: typer.Context,
    paths: list[Path] = _PATHS,
    dry_run: bool = _DRY_RUN,
    json: bool = _JSON,
    allow_older: bool = _OLDER,
    at_generation_date: bool = typer.Option(
        False, "--at-generation-date", help="Check an archived list's signature at its own generation date."
    ),
    allow_unsigned: bool = typer.Option(False, "--allow-unsigned", help="Accept a list without a signature."),
) -> None:
    """Import the signed white list of trusted domains."""
    from importers.trusted_domains import import_trusted_domains

    _run(
        context.obj,
        lambda db, opts, bar: import_trusted_domains(db, paths, opts, bar),
        json,
        dry_run=dry_run,
        older=allow_older,
        at_generation_date=at_generation_date,
        allow_unsigned=allow_unsigned,
    )


Import = Callable[["Database", "ImportOptions", Bars], "ImportReport"]


def _run(
    settings: Settings, work: Import, json: bool, *, dry_run: bool = False, older: bool = False, **more: bool
) -> None:
    from directory.registry.database import open_database
    from importers.report import ImportOptions

    # Whoever looks something up goes first.
    os.nice(10)
    options = ImportOptions.of(settings, dry_run=dry_run, allow_older=older, **more)
    with open_database(settings) as database, bars() as progress:
        report = work(database, options, progress)
    _tell(report, json)


def _tell(report: ImportReport, json: bool) -> None:
    if json:
        print_json(report.as_json())
    else:
        _describe(report.as_json())
    if report.status == "held":
        say(f"held: nothing was changed; look at it with: annuaire runs show {report.run_id}")
        raise typer.Exit(_HELD)
    if report.status == "dry-run" and report.reasons:
        say("it would be held for a human")
        raise typer.Exit(_HELD)


def _describe(run: dict[str, Any]) -> None:
    """A run in words and a table, the same for a fresh report and for one looked up later."""
    from directory.registry.reports import RECORDS

    head = f"run {run['run_id']}" if run.get("run_id") else "run"
    print(f"{head} {run['kind']}: {run['status']}, data of {run.get('as_of') or 'unknown date'}")
    counts = run.get("counts") or {}
    kinds = {name: value for name, value in counts.items() if isinstance(value, dict)}
    found = {column for value in kinds.values() for column in value}
    columns = [column for column in _CHANGES if column in found]
    if kinds:
        table(
            ["", *columns],
            [[RECORDS[name][0], *(value.get(c) for c in columns)] for name, value in kinds.items()],
            right=columns,
        )
    for name, value in counts.items():
        if not isinstance(value, dict):
            print(f"{name.replace('_', ' ')}: {value}")
    for reason, number in (run.get("rejected") or {}).items():
        print(f"rejected lines, {reason}: {number}")
    for sentence in (*(run.get("warnings") or ()), *(run.get("reasons") or ())):
        print(f"- {sentence}")


@runs.callback(invoke_without_command=True)
def list_runs(context: typer.Context, json: bool = _JSON, limit: int = typer.Option(20, min=1)) -> None:
    """The last imports, newest first."""
    if context.invoked_subcommand:
        return
    from directory.registry import runs as register_runs
    from directory.registry.database import open_database

    with open_database(context.obj, reader=True) as database:
        found = [run.as_json() for run in register_runs.list_runs(database, limit)]
    for run in found:
        del run["rejected_lines"]  # `runs show` has a sample of them
    if json:
        print_json(found)
    else:
        columns = ("run_id", "kind", "status", "started_at", "as_of", "revision")
        table(columns, [[run.get(column) for column in columns] for run in found])


@runs.command()
def show(
    context: typer.Context,
    run: int,
    json: bool = _JSON,
    rejected: Path | None = typer.Option(None, "--rejected", help="Write every rejected line to this CSV file."),
) -> None:
    """One import: counts, reasons, warnings and a sample of the lines it rejected."""
    from directory.registry import runs as register_runs
    from directory.registry.database import open_database

    with open_database(context.obj, reader=True) as database:
        found = register_runs.show_run(database, run).as_json()
        if rejected is not None:
            _write_rejected(rejected, register_runs.rejected_of(database, run))
    if json:
        print_json(found)
        return
    _describe(found)
    for line in found.get("rejected_lines") or ():
        column = f", column {line['column']}" if line["column"] else ""
        print(f"{line['file']}:{line['line']}{column}: {line['reason']}: {line['raw']}")


def _write_rejected(path: Path, lines: Iterable[RejectedLine]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table_of = csv.writer(file)
        table_of.writerow(("file", "line", "column", "reason", "raw"))
        table_of.writerows(line.as_json().values() for line in lines)


@runs.command()
def report(
    context: typer.Context,
    run: int,
    json: bool = _JSON,
    out: Path | None = typer.Option(None, "--out", help="Write the page to this file instead of standard output."),
    lang: str = typer.Option("fr", "--lang", help="Language of the page: fr or en."),
) -> None:
    """The report of one import: a page that stands alone, or JSON."""
    from api.web.run_pages import run_page
    from directory.registry import reports
    from directory.registry.database import open_database

    if lang not in ("fr", "en"):
        raise typer.BadParameter("fr or en", param_hint="--lang")
    with open_database(context.obj, reader=True) as database:
        found = reports.report(database, run)
    if json:
        print_json(found)
    elif out is None:
        print(run_page(found, lang))
    else:
        out.write_text(run_page(found, lang), "utf-8")
        say(f"written: {out}")


@runs.command()
def apply(
    context: typer.Context,
    run: int,
    without_removals: bool = typer.Option(False, "--without-removals", help="Apply the rest, remove nothing."),
    json: bool = _JSON,
) -> None:
    """Apply a held import after looking at it; its files must be unchanged."""
    from importers.runs import apply_run

    _run(context.obj, lambda db, opts, bar: apply_run(db, run, opts, bar, without_removals=without_removals), json)


@runs.command()
def revert(context: typer.Context, run: int, json: bool = _JSON) -> None:
    """Go back to the state an earlier import left, from its own files; this makes a new revision."""
    from importers.runs import revert_run

    _run(context.obj, lambda db, opts, bar: revert_run(db, run, opts, bar), json)


def generate(
    directory: Path = typer.Argument(help="Folder to write to; made when missing."),
    professionals: int = typer.Option(20_000, min=1, help="How many professionals the country has."),
    day: int = typer.Option(1, min=1, help="2 is the day after 1, with a day's changes, and so on."),
    seed: int = typer.Option(1, help="Another seed, another country."),
    changes: bool = typer.Option(False, "--changes", help="Tell in the manifest what changed since the day before."),
    json: bool = _JSON,
) -> None:
    """Write the extracts of an invented country, in the exact official formats."""
    from importers.synthetic import generate as write_country

    with bars() as progress:
        manifest = write_country(
            directory, professionals=professionals, day=day, seed=seed, changes=changes, progress=progress
        )
    if json:
        print_json(manifest.as_json())
    else:
        say(f"written to {directory}: see manifest.json there")
