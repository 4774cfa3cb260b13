"""Import runs: one at a time, each remembered with its sources, counts, reasons and rejected lines."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, text, update

from directory.errors import ImportRefused, NotFound
from directory.registry.database import Database, translated
from directory.registry.tables import IMPORT_LOCK, import_run, rejected_line

RAW_BYTES: Final = 4096
_SAMPLE: Final = 50
_IN_FORCE: Final = ("applied", "unchanged")


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedLine:
    """A line that could not be imported: file, line number counted from 1 with the header, reason, the bytes read, and
    the column at fault as the file names it, '' where it is the whole line."""

    file: str
    line: int
    reason: str
    raw: bytes
    column: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values for machines; what is not UTF-8 is escaped."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "reason": self.reason,
            "raw": self.raw.decode("utf-8", "backslashreplace"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An import as remembered. `status`: running, applied, unchanged, held, refused, failed or dry-run."""

    run_id: int
    kind: str
    status: str
    started_at: dt.datetime
    finished_at: dt.datetime | None = None
    as_of: dt.datetime | None = None
    sources: Sequence[Mapping[str, Any]] = ()
    counts: Mapping[str, Any] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    warnings: Sequence[str] = ()
    revision: int | None = None
    of_run: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    rejected_lines: Sequence[RejectedLine] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values for machines."""
        names = ("run_id", "kind", "status", "started_at", "finished_at", "as_of", "sources", "counts", "reasons",
                 "warnings", "revision", "of_run", "rejected")  # fmt: skip
        lines = [line.as_json() for line in self.rejected_lines]
        return {**{name: getattr(self, name) for name in names}, "rejected_lines": lines}


@contextlib.contextmanager
def import_lock(database: Database) -> Iterator[None]:
    """Be the one import that runs; runs that a killed process left behind are marked as failed.

    Raises:
        ImportRefused: another import is running (`already-running`).
    """
    with translated(), database.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": IMPORT_LOCK}).scalar():
            raise ImportRefused("another import is running; wait for it to end", reason="already-running")
        try:
            connection.execute(
                update(import_run)
                .where(import_run.c.status == "running")
                .values(status="failed", finished_at=func.clock_timestamp(), reasons=["interrupted"])
            )
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": IMPORT_LOCK})


def start_run(database: Database, kind: str, *, of_run: int | None = None) -> int:
    """Remember that an import has begun; returns its number."""
    with database.writing() as connection:
        statement = insert(import_run).values(kind=kind, status="running", of_run=of_run).returning(import_run.c.id)
        return int(connection.execute(statement).scalar_one())


def finish_run(
    connection: Connection,
    run_id: int,
    status: str,
    *,
    as_of: dt.datetime | None = None,
    sources: Sequence[Mapping[str, Any]] = (),
    counts: Mapping[str, Any] | None = None,
    reasons: Sequence[str] = (),
    warnings: Sequence[str] = (),
    revision: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> bool:
    """Remember how an import ended, once; inside its own transaction when it was applied, so that both or neither hold.
    False where that is known already: what goes wrong after the commit undoes nothing of it.

    `details` are for its report: `durations_s` by stage, `rejected` lines by reason, `slices` (changes by source, by
    `profession` and `department`, by code), `moves` of addresses between domains, and `reasons_fr`, them in French.
    """
    ended = connection.execute(
        update(import_run)
        .where(import_run.c.id == run_id, import_run.c.status == "running")
        .values(
            status=status,
            finished_at=func.clock_timestamp(),
            as_of=as_of,
            sources=list(sources),
            counts=dict(counts or {}),
            reasons=list(reasons),
            warnings=list(warnings),
            revision=revision,
            details=dict(details or {}),
        )
    )
    return ended.rowcount == 1


def keep_rejected(connection: Connection, run_id: int, lines: Sequence[RejectedLine]) -> None:
    """Keep the rejected lines with their run, each cut at 4 KiB."""
    if lines:
        rows = [
            {
                "run_id": run_id,
                "file": r.file,
                "line": r.line,
                "reason": r.reason,
                "raw": r.raw[:RAW_BYTES],
                "column_name": r.column,
            }
            for r in lines
        ]
        connection.execute(insert(rejected_line), rows)


def list_runs(database: Database, limit: int = 20) -> list[Run]:
    """The last runs, newest first."""
    with database.reading() as connection:
        rows = connection.execute(select(import_run).order_by(import_run.c.id.desc()).limit(limit))
        return [_run(row) for row in rows]


def show_run(database: Database, run_id: int) -> Run:
    """One run with its rejected lines counted by reason and a sample of them.

    Raises:
        NotFound: there is no such run.
    """
    with database.reading() as connection:
        row = connection.execute(select(import_run).where(import_run.c.id == run_id)).one_or_none()
        if row is None:
            raise _no_run(run_id)
        of_run = rejected_line.c.run_id == run_id
        reasons = connection.execute(
            select(rejected_line.c.reason, func.count().label("number")).where(of_run).group_by(rejected_line.c.reason)
        )
        lines = connection.execute(
            select(rejected_line).where(of_run).order_by(rejected_line.c.file, rejected_line.c.line).limit(_SAMPLE)
        )
        return _run(
            row,
            rejected=row.details.get("rejected") or {row.reason: row.number for row in reasons},
            lines=[_line(found) for found in lines],
        )


def last_applied(connection: Connection, kind: str) -> Run | None:
    """The newest run of a kind that is in force: applied, or found unchanged."""
    statement = (
        select(import_run)
        .where(import_run.c.kind == kind, import_run.c.status.in_(_IN_FORCE))
        .order_by(import_run.c.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return _run(row) if row is not None else None


def first_applied(connection: Connection, kind: str) -> Run | None:
    """The first run of a kind that the register was loaded by."""
    statement = (
        select(import_run)
        .where(import_run.c.kind == kind, import_run.c.status == "applied")
        .order_by(import_run.c.id)
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return _run(row) if row is not None else None


def of_numbers(connection: Connection, numbers: Sequence[int]) -> dict[int, Run]:
    """Some runs by their numbers."""
    rows = connection.execute(select(import_run).where(import_run.c.id.in_(numbers)))
    return {row.id: _run(row) for row in rows}


def last_of_each_kind(connection: Connection) -> dict[str, Run]:
    """The last run of each kind."""
    newest = select(func.max(import_run.c.id)).group_by(import_run.c.kind)
    return {run.kind: run for run in of_numbers(connection, connection.execute(newest).scalars().all()).values()}


def last_success(connection: Connection) -> dict[str, dt.datetime]:
    """When the last run of each kind that came to be in force ended."""
    ended = select(import_run.c.kind, func.max(import_run.c.finished_at)).where(import_run.c.status.in_(_IN_FORCE))
    rows = connection.execute(ended.group_by(import_run.c.kind))
    return {kind: at for kind, at in rows if at is not None}


def in_force(connection: Connection, kind: str, since: dt.datetime) -> list[Run]:
    """The runs of a kind that were in force since a generation time, newest first, and at least the newest.

    What a human has applied or reverted is a new beginning: nothing before it is looked back to.
    """
    last = last_applied(connection, kind)
    if last is None:
        return []
    begun = (
        select(func.coalesce(func.max(import_run.c.id), 0))
        .where(import_run.c.kind == kind, import_run.c.status.in_(_IN_FORCE), import_run.c.of_run.is_not(None))
        .scalar_subquery()
    )
    statement = (
        select(import_run)
        .where(
            import_run.c.kind == kind,
            import_run.c.status.in_(_IN_FORCE),
            import_run.c.as_of >= since,
            import_run.c.id >= begun,
            import_run.c.id < last.run_id,
        )
        .order_by(import_run.c.id.desc())
    )
    return [last, *(_run(row) for row in connection.execute(statement))]


def rejected_of(database: Database, run_id: int) -> Iterator[RejectedLine]:
    """Every rejected line that a run has kept, in the order of its files.

    Raises:
        NotFound: there is no such run.
    """
    with database.reading() as connection:
        if connection.execute(select(import_run.c.id).where(import_run.c.id == run_id)).one_or_none() is None:
            raise _no_run(run_id)
        kept = select(rejected_line).where(rejected_line.c.run_id == run_id)
        for row in connection.execute(kept.order_by(rejected_line.c.file, rejected_line.c.line)):
            yield _line(row)


def _no_run(run_id: int) -> NotFound:
    return NotFound(f"there is no run {run_id}", fr=f"il n'y a pas d'import {run_id}")


def _line(row: Row[Any]) -> RejectedLine:
    return RejectedLine(file=row.file, line=row.line, reason=row.reason, raw=bytes(row.raw), column=row.column_name)


def _run(row: Row[Any], rejected: Mapping[str, int] | None = None, lines: Sequence[RejectedLine] = ()) -> Run:
    return Run(
        run_id=row.id,
        kind=row.kind,
        status=row.status,
        started_at=row.started_at,
        finished_at=row.finished_at,
        as_of=row.as_of,
        sources=row.sources,
        counts=row.counts,
        reasons=row.reasons,
        warnings=row.warnings,
        revision=row.revision,
        of_run=row.of_run,
        details=row.details,
        rejected=rejected or row.details.get("rejected") or {},
        rejected_lines=lines,
    )
