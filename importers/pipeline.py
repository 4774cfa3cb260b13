"""The course of every import: lock, read and compare, guard, stage, merge, publish — or leave everything as it was."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from directory.errors import DirectoryError, ImportRefused
from directory.logs import reference
from directory.registry import loading, runs, slices
from directory.registry.database import Database
from directory.registry.loading import Merge, Plan
from directory.registry.runs import RejectedLine
from importers.guards import BASELINE, Reason, reasons_to_hold
from importers.progress import Progress
from importers.report import ImportOptions, ImportReport

_KEPT_REJECTED: Final = 10_000  # lines kept with a run; more are only counted
_SAMPLE: Final = 5
_MOVES: Final = 20  # pairs of domains between which addresses moved, the most first
_SLICED: Final = (loading.ACTIVITY, loading.ORGANIZATION, loading.MAILBOX)


@dataclass(slots=True)
class Job:
    """What one import gathers on its way."""

    progress: Progress
    rejected: Counter[str] = field(default_factory=Counter)
    kept: list[RejectedLine] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sources: list[Mapping[str, Any]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    durations_s: dict[str, float] = field(default_factory=dict)
    slices: dict[str, dict[str, dict[str, dict[str, int]]]] = field(default_factory=dict)
    moves: list[Mapping[str, Any]] = field(default_factory=list)
    straight: bool = False  # a first load: what the register holds nothing of is staged while it is read
    _stage: tuple[str, float] | None = None

    def reject(self, line: RejectedLine) -> None:
        self.rejected[line.reason] += 1
        if len(self.kept) < _KEPT_REJECTED:
            self.kept.append(line)

    def stage(self, name: str, total: int | None = None) -> None:
        self.end_stage()
        self._stage = (name, time.monotonic())
        self.progress.stage(name, total)

    def note_slices(self, merge: Merge, plan: Plan, change: str, keys: pl.DataFrame) -> None:
        """Count records that a plan changes by profession and département, as the register has them now."""
        assert plan.source.kind is not None
        of_source = self.slices.setdefault(plan.source.name, {})
        for by, numbers in merge.by_slice(plan.source.kind, keys).items():
            for code, number in numbers.items():
                of_source.setdefault(by, {}).setdefault(code, {})[change] = number

    def details(self, reasons: Sequence[Reason] = ()) -> dict[str, Any]:
        """What is kept with the run for its report."""
        self.end_stage()
        return {
            "durations_s": self.durations_s,
            "rejected": dict(self.rejected),
            "slices": self.slices,
            "moves": self.moves,
            "reasons_fr": [reason.fr for reason in reasons],
        }

    def end_stage(self) -> None:
        if self._stage is not None:
            name, began = self._stage
            self.durations_s[name] = round(self.durations_s.get(name, 0.0) + time.monotonic() - began, 3)
            self._stage = None


class Reading:
    """One kind of import: finds its files, sums them up, and stages what the plans ask for.

    `compare` reads everything once and returns the plans; `stage` reads again what changed.
    """

    kind: str
    as_of: dt.datetime

    def open(self) -> None:
        """Find and recognise the files. Raises ImportRefused."""
        raise NotImplementedError

    def compare(self, merge: Merge, job: Job) -> list[Plan]:
        raise NotImplementedError

    def stage(self, merge: Merge, plans: Sequence[Plan], job: Job) -> None:
        raise NotImplementedError

    def labels(self) -> pl.DataFrame:
        """Labels of unknown codes: list, code, label."""
        return pl.DataFrame(schema={"list": pl.String(), "code": pl.String(), "label": pl.String()})

    def close(self) -> None:
        """Let go of the files."""


class _RolledBack(Exception):
    """Carries a report out of a transaction that must not be committed."""

    def __init__(self, status: str, reasons: Sequence[Reason] = ()) -> None:
        super().__init__(status)
        self.status, self.reasons = status, reasons


def run_import(
    database: Database, make: Callable[[], Reading], kind: str, options: ImportOptions, progress: Progress
) -> ImportReport:
    """Carry out an import.

    Raises:
        ImportRefused: another import runs, or the source cannot be imported; the run remembers why, nothing changed.
    """
    with runs.import_lock(database):
        run_id = runs.start_run(database, kind, of_run=options.of_run)
        job = Job(progress)
        if options.fetched_s is not None:
            job.durations_s["fetching"] = options.fetched_s
        try:
            with contextlib.closing(make()) as reading:
                return _import(database, run_id, reading, options, job)
        except ImportRefused as error:
            _remember(database, run_id, "refused", Reason(error.message, error.fr), job)
            raise
        except DirectoryError as error:
            _remember(database, run_id, "failed", Reason(error.message, error.fr), job)
            raise
        except BaseException as error:
            said = f"{type(error).__name__}, reference {reference()}"
            _remember(database, run_id, "failed", Reason(said, said), job)
            raise


def _remember(database: Database, run_id: int, status: str, reason: Reason, job: Job) -> None:
    # The database may be what failed; the run is then marked when the next import starts.
    with contextlib.suppress(DirectoryError), database.writing() as connection:
        ended = runs.finish_run(
            connection,
            run_id,
            status,
            sources=job.sources,
            reasons=[reason.en],
            warnings=job.warnings,
            details=job.details([reason]),
        )
        if ended:
            runs.keep_rejected(connection, run_id, job.kept)


def _import(database: Database, run_id: int, reading: Reading, options: ImportOptions, job: Job) -> ImportReport:
    reading.open()
    plans: list[Plan] = []
    status, reasons, revision = "applied", list[Reason](), None
    try:
        with loading.begin(database) as merge:
            _refuse_older(merge, reading, options)
            job.straight = merge.first_load and not options.dry_run
            plans += reading.compare(merge, job)
            if options.without_removals:
                plans[:] = [plan.without_removals() for plan in plans]
            revision = _apply(merge, run_id, reading, plans, options, job)
    except _RolledBack as rolled_back:
        status, reasons = rolled_back.status, list(rolled_back.reasons)
        with database.writing() as connection:
            _finish(connection, run_id, status, reading, plans, job, reasons=reasons)
    if status == "applied" and all(plan.empty for plan in plans):
        status = "unchanged"
    job.end_stage()
    return ImportReport(
        run_id=run_id,
        kind=reading.kind,
        status=status,
        as_of=reading.as_of,
        sources=job.sources,
        counts={plan.source.name: plan.counts() for plan in plans},
        rejected=dict(job.rejected),
        reasons=[reason.en for reason in reasons],
        warnings=job.warnings,
        revision=revision,
        durations_s=job.durations_s,
        samples={plan.source.name: _sample(plan) for plan in plans},
    )


def _refuse_older(merge: Merge, reading: Reading, options: ImportOptions) -> None:
    held = merge.as_of(reading.kind)
    if held is not None and reading.as_of < held and not options.allow_older:
        message = (
            f"the {reading.kind} file is of {reading.as_of:%Y-%m-%d %H:%M}, the register already holds "
            f"{held:%Y-%m-%d %H:%M}; --allow-older imports it all the same"
        )
        raise ImportRefused(message, reason="older")


def _apply(
    merge: Merge, run_id: int, reading: Reading, plans: list[Plan], options: ImportOptions, job: Job
) -> int | None:
    """Guard, stage, merge and publish; the new revision, or None when there was nothing to say."""
    changed = [plan for plan in plans if not plan.empty]
    _note_before(merge, plans, job)
    if options.guards and not merge.first_load:
        job.stage("checking")
        earlier = runs.in_force(merge.connection, reading.kind, reading.as_of - BASELINE)
        reasons = reasons_to_hold(merge, plans, job.rows, job.rejected.total(), earlier, options)
        if reasons:
            _note_changed(merge, plans, job)
            raise _RolledBack("dry-run" if options.dry_run else "held", reasons)
    if options.dry_run:
        raise _RolledBack("dry-run")
    if changed:
        reading.stage(merge, changed, job)
        job.stage("merging")
        merge.merge(changed, run_id=run_id, history_days=options.history_days)
        _note_after(merge, changed, job)
        merge.labels(reading.labels())
        merge.analyze(changed)
    merge.refresh(plans)
    if not changed and merge.as_of(reading.kind) == reading.as_of:
        _finish(merge.connection, run_id, "unchanged", reading, plans, job)
        return None
    if not changed:
        # A newer file with nothing new: only the date moves on.
        merge.touch_nothing()
    revision = merge.publish(reading.kind, reading.as_of)
    _finish(merge.connection, run_id, "applied" if changed else "unchanged", reading, plans, job, revision=revision)
    return revision


def _finish(
    connection: Any,
    run_id: int,
    status: str,
    reading: Reading,
    plans: Sequence[Plan],
    job: Job,
    *,
    reasons: Sequence[Reason] = (),
    revision: int | None = None,
) -> None:
    runs.finish_run(
        connection,
        run_id,
        status,
        as_of=reading.as_of,
        sources=job.sources,
        counts={plan.source.name: plan.counts() for plan in plans},
        reasons=[reason.en for reason in reasons],
        warnings=job.warnings,
        revision=revision,
        details=job.details(reasons),
    )
    runs.keep_rejected(connection, run_id, job.kept)


def _note_before(merge: Merge, plans: Sequence[Plan], job: Job) -> None:
    """What a plan removes is placed by what the register holds before the merge."""
    for plan in plans:
        if plan.source in _SLICED:
            job.note_slices(merge, plan, "removed", plan.removed)
        if plan.source is loading.MAILBOX:
            moved = slices.moves(slices.domains_of(plan.removed), slices.domains_of(plan.changes.filter("is_new")))
            job.moves += moved.head(_MOVES).to_dicts()


def _note_after(merge: Merge, plans: Sequence[Plan], job: Job) -> None:
    """What it creates and changes, by what the register holds after it; a first load is all there is, everywhere."""
    if not merge.first_load:
        for plan in plans:
            if plan.source in _SLICED:
                job.note_slices(merge, plan, "created", plan.changes.filter("is_new"))
        _note_changed(merge, plans, job)


def _note_changed(merge: Merge, plans: Sequence[Plan], job: Job) -> None:
    for plan in plans:
        if plan.source in _SLICED:
            job.note_slices(merge, plan, "changed", plan.changes.filter(~pl.col("is_new")))


def _sample(plan: Plan) -> dict[str, list[str]]:
    return {
        "created": plan.changes.filter("is_new")["key"].sort().head(_SAMPLE).to_list(),
        "changed": plan.changes.filter(~pl.col("is_new"))["key"].sort().head(_SAMPLE).to_list(),
        "removed": plan.removed["key"].sort().head(_SAMPLE).to_list(),
    }
