"""One night: each kind's newest file is fetched and imported; what goes wrong with one leaves the others alone."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from directory.errors import DirectoryError, InvalidInput
from directory.logs import pairs
from directory.registry import runs
from directory.registry.database import Database
from directory.registry.status import dates_of
from directory.settings import Settings
from importers.mailboxes import import_mailboxes
from importers.nightly.files import KINDS
from importers.nightly.sources import Access, Source, source_of
from importers.nightly.spool import Spool
from importers.progress import Progress, Silent
from importers.report import ImportOptions, ImportReport
from importers.rpps import import_rpps
from importers.trusted_domains import import_trusted_domains

log = logging.getLogger("annuaire.nightly")

_IMPORTS: Final = {"rpps": import_rpps, "mailboxes": import_mailboxes, "trusted-domains": import_trusted_domains}
_WAITING: Final = 20  # runs among which one that is held is looked for
FAILED: Final = ("failed", "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one kind: `status` is that of its run (applied, unchanged, held, refused, dry-run), `up-to-date`
    where the newest file is in the register already, or `failed`. `late` says that even the newest file is old."""

    kind: str
    status: str
    files: Sequence[str] = ()
    as_of: dt.datetime | None = None
    run_id: int | None = None
    reasons: Sequence[str] = ()
    late: bool = False
    durations_s: Mapping[str, float] = field(default_factory=dict)
    report: ImportReport | None = None

    def as_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "report"}
        return {**plain, "report": self.report.as_json() if self.report is not None else None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The summary of one nightly run."""

    started_at: dt.datetime
    finished_at: dt.datetime
    outcomes: Sequence[Outcome]

    @property
    def status(self) -> str:
        """The worst of its outcomes: `failed`, `held` or `done`."""
        found = {outcome.status for outcome in self.outcomes}
        if found & set(FAILED):
            return "failed"
        return "held" if "held" in found else "done"

    def as_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "outcomes": [outcome.as_json() for outcome in self.outcomes],
        }


def sources_of(settings: Settings, only: Iterable[str] = ()) -> dict[str, Source]:
    """The sources that are set, by kind, in the order of the night.

    Raises:
        InvalidInput: none is set, one of those asked for is not, or a setting describes no source.
    """
    wanted = list(only) or [kind for kind in KINDS if source_setting(settings, kind)]
    unknown = next((kind for kind in wanted if kind not in KINDS), None)
    if unknown is not None:
        raise InvalidInput(f"there is no kind {unknown}; there are: {', '.join(KINDS)}")
    missing = next((kind for kind in wanted if not source_setting(settings, kind)), None)
    if missing is not None or not wanted:
        names = [_name(kind) for kind in ([missing] if missing else KINDS)]
        raise InvalidInput(f"no source to look at: set {' or '.join(names)} (docs/operations.md)")
    access = Access(ca_file=settings.source_ca_file, s3_endpoint=settings.s3_endpoint)
    return {kind: source_of(kind, str(source_setting(settings, kind)), access) for kind in KINDS if kind in wanted}


def run_night(
    database: Database,
    settings: Settings,
    sources: Mapping[str, Source],
    progress: Progress | None = None,
    *,
    dry_run: bool = False,
) -> Night:
    """Fetch and import what is new.

    Raises:
        ImportRefused: another nightly run is under way.
    """
    started = dt.datetime.now(dt.UTC)
    spool = Spool(settings.spool_path)
    with spool.night():
        work = _Work(database, settings, spool, progress or Silent(), dry_run)
        outcomes = [work.of(kind, source) for kind, source in sources.items()]
    return Night(started_at=started, finished_at=dt.datetime.now(dt.UTC), outcomes=outcomes)


@dataclass(frozen=True, slots=True)
class _Work:
    database: Database
    settings: Settings
    spool: Spool
    progress: Progress
    dry_run: bool

    def of(self, kind: str, source: Source) -> Outcome:
        """One kind's night; an expected failure is its outcome."""
        try:
            outcome = self._of(kind, source)
        except DirectoryError as error:
            outcome = Outcome(kind=kind, status="failed", reasons=[error.message])
        told = pairs(kind=kind, status=outcome.status, run=outcome.run_id, late=outcome.late)
        log.log(logging.ERROR if outcome.status in FAILED else logging.INFO, "night %s", told)
        return outcome

    def _of(self, kind: str, source: Source) -> Outcome:
        self.progress.stage(f"looking for {kind}")
        files = source.latest()
        if not files:
            return Outcome(kind=kind, status="failed", reasons=["there is no file at the source"])
        as_of = max(file.as_of for file in files)
        late = dt.datetime.now(dt.UTC) - as_of > dt.timedelta(hours=self.settings.late_after_h)
        names = [file.name for file in files]
        held = dates_of(self.database).get(kind)
        if held is not None and as_of <= held:
            return Outcome(kind=kind, status="up-to-date", files=names, as_of=as_of, late=late)
        waiting = self._waiting(kind, as_of)
        if waiting is not None:
            return self._still_held(waiting, names, late)
        began = time.monotonic()
        paths = [self.spool.fetch(kind, file, self.progress) for file in files]
        fetched_s = round(time.monotonic() - began, 3)
        report = self._import(kind, paths, fetched_s)
        self._prune(kind, paths)
        return Outcome(
            kind=kind,
            status=report.status,
            files=names,
            as_of=as_of,
            run_id=report.run_id,
            reasons=report.reasons,
            late=late,
            durations_s=report.durations_s,
            report=report,
        )

    def _waiting(self, kind: str, as_of: dt.datetime) -> runs.Run | None:
        """A run that already holds this very delivery for a human to look at."""
        last = next((run for run in runs.list_runs(self.database, _WAITING) if run.kind == kind), None)
        return last if last is not None and last.status == "held" and last.as_of == as_of else None

    @staticmethod
    def _still_held(run: runs.Run, names: Sequence[str], late: bool) -> Outcome:
        reasons = [*run.reasons, f"waiting for: annuaire runs apply {run.run_id}"]
        return Outcome(
            kind=run.kind, status="held", files=names, as_of=run.as_of, run_id=run.run_id, reasons=reasons, late=late
        )

    def _import(self, kind: str, paths: Sequence[Path], fetched_s: float) -> ImportReport:
        options = ImportOptions.of(self.settings, dry_run=self.dry_run, fetched_s=fetched_s)
        work: Callable[..., ImportReport] = _IMPORTS[kind]
        return work(self.database, paths, options, self.progress)

    def _prune(self, kind: str, paths: Sequence[Path]) -> None:
        """Keep the last deliveries, this one, and what runs in force or held were made of."""
        recent = [run for run in runs.list_runs(self.database, _WAITING) if run.kind == kind and run.status == "held"]
        with self.database.reading() as connection:
            applied = runs.last_applied(connection, kind)
        needed = [Path(source["path"]) for run in [*recent, *([applied] if applied else [])] for source in run.sources]
        for gone in self.spool.prune(kind, self.settings.spool_kept, [*paths, *needed]):
            log.info("no longer kept %s", pairs(file=gone.name))


def source_setting(settings: Settings, kind: str) -> str | None:
    """Where files of a kind come from, as it was set; None where it was not."""
    found = {
        "rpps": settings.rpps_source,
        "mailboxes": settings.mailboxes_source,
        "trusted-domains": settings.trusted_domains_source,
    }[kind]
    return found or None


def _name(kind: str) -> str:
    return f"ANNUAIRE_{kind.upper().replace('-', '_')}_SOURCE"
