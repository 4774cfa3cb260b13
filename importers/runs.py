"""Applies a held import, or goes back to an earlier one, by importing that run's own files again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from directory.errors import ImportRefused, InvalidInput
from directory.registry import runs
from directory.registry.database import Database
from directory.registry.runs import Run
from importers.extract import digest_of
from importers.mailboxes import import_mailboxes
from importers.progress import Progress, Silent
from importers.report import ImportOptions, ImportReport
from importers.rpps import import_rpps
from importers.trusted_domains import import_trusted_domains

_IMPORTS = {"rpps": import_rpps, "mailboxes": import_mailboxes, "trusted-domains": import_trusted_domains}


def apply_run(
    database: Database,
    run_id: int,
    options: ImportOptions,
    progress: Progress | None = None,
    *,
    without_removals: bool = False,
) -> ImportReport:
    """Apply a held run: its files are read again, and the guards stand aside.

    Raises:
        NotFound: there is no such run.
        InvalidInput: the run is not held.
        ImportRefused: a file has changed or gone since (`plan-changed`).
    """
    run = runs.show_run(database, run_id)
    if run.status != "held":
        raise InvalidInput(f"run {run_id} is {run.status}, not held: there is nothing to apply")
    options = options.but(guards=False, without_removals=without_removals, of_run=run_id)
    return _again(database, run, options, progress)


def revert_run(
    database: Database, run_id: int, options: ImportOptions, progress: Progress | None = None
) -> ImportReport:
    """Bring the register back to what an applied run had made of it; a new revision, not a step back in time.

    Raises: as `apply_run`.
    """
    run = runs.show_run(database, run_id)
    if run.status not in ("applied", "unchanged"):
        raise InvalidInput(f"run {run_id} is {run.status}: only an applied run can be returned to")
    options = options.but(guards=False, allow_older=True, at_generation_date=True, of_run=run_id)
    return _again(database, run, options, progress)


def _again(database: Database, run: Run, options: ImportOptions, progress: Progress | None) -> ImportReport:
    paths = _unchanged(run)
    return _IMPORTS[run.kind](database, paths, options, progress or Silent())


def _unchanged(run: Run) -> Sequence[Path]:
    paths: dict[Path, str] = {Path(source["path"]): source["digest"] for source in run.sources}
    for path, digest in paths.items():
        if not path.exists() or digest_of(path) != digest:
            what = "has changed" if path.exists() else "is gone"
            message = f"{path.name} {what} since run {run.run_id}: import the file you have instead"
            raise ImportRefused(message, reason="plan-changed")
    return list(paths)
