"""What Prometheus is told of imports: derived from what the register remembers, so that no process has to live on."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from directory import metrics
from directory.errors import Unavailable
from directory.logs import pairs
from directory.registry import runs, status
from directory.registry.database import Database, connect
from directory.registry.runs import Run

log = logging.getLogger("annuaire.metrics")

_EVERY_S: Final = 15.0
_NAME: Final = "runs"
_STATUSES: Final = ("running", "applied", "unchanged", "held", "refused", "failed", "dry-run")


def keep_telling(url: str, folder: Path, stop: threading.Event) -> None:
    """Bring the metrics of imports in a node's folder up to date until told to stop; while the database is away the
    last ones stay, and their time tells how old they are."""
    database, known = connect(url), True
    while not stop.is_set():
        try:
            metrics.tell(folder, _NAME, of_register(database))
            known = True
        except Unavailable as error:
            if known:
                log.warning("metrics of imports stay as they are %s", pairs(because=error.message))
            known = False
        stop.wait(_EVERY_S)
    database.engine.dispose()


def of_register(database: Database) -> CollectorRegistry:
    """The metrics of the register as it is now.

    Raises:
        Unavailable: the database cannot be reached.
    """
    registry, now = CollectorRegistry(), dt.datetime.now(dt.UTC)
    state, dates = status.state_of(database), status.dates_of(database)
    _gauge(registry, "metrics_timestamp_seconds", "When these metrics of imports were taken").set(now.timestamp())
    _gauge(registry, "register_revision", "Revision of the register").set(state.revision)
    age = _gauge(registry, "register_age_seconds", "Age of the extract that the register holds", "kind")
    made = _gauge(registry, "register_data_timestamp_seconds", "When the extract held was made", "kind")
    for kind, date in dates.items():
        age.labels(kind).set((now - date).total_seconds())
        made.labels(kind).set(date.timestamp())
    with database.reading() as connection:
        _tell_runs(registry, runs.last_of_each_kind(connection), runs.last_success(connection))
    return registry


def _tell_runs(registry: CollectorRegistry, last: Mapping[str, Run], succeeded: Mapping[str, dt.datetime]) -> None:
    """The last run of each kind, and when the last one that is in force ended."""
    number = _gauge(registry, "run_number", "Number of the last import", "kind")
    states = _gauge(registry, "run_status", "1 for the status of the last import", "kind", "status")
    success = _gauge(registry, "run_success_timestamp_seconds", "When the last import in force ended", "kind")
    waiting = _gauge(registry, "run_held", "Whether the last import waits for a decision", "kind")
    took = _gauge(registry, "run_duration_seconds", "Time that the last import took", "kind", "stage")
    rows = _gauge(registry, "run_rows", "Lines that the last import read", "kind", "layout")
    records = _gauge(registry, "run_records", "Records that the last import was about", "kind", "record", "change")
    rejected = _gauge(registry, "run_rejected_lines", "Lines that the last import rejected", "kind", "reason")
    for kind, run in last.items():
        number.labels(kind).set(run.run_id)
        waiting.labels(kind).set(run.status == "held")
        for name in _STATUSES:
            states.labels(kind, name).set(name == run.status)
        for stage, seconds in run.details.get("durations_s", {}).items():
            took.labels(kind, stage).set(seconds)
        for source in run.sources:
            rows.labels(kind, source.get("layout", kind)).set(source.get("rows", 0))
        for record, counts in run.counts.items():
            for change, count in counts.items():
                records.labels(kind, record, change).set(count)
        for reason, count in run.rejected.items():
            rejected.labels(kind, reason).set(count)
    for kind, at in succeeded.items():
        success.labels(kind).set(at.timestamp())


def _gauge(registry: CollectorRegistry, name: str, told: str, *labels: str) -> Gauge:
    return Gauge(f"annuaire_{name}", told, labels, registry=registry)
