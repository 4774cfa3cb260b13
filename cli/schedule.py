"""The scheduled nightly run of `annuaire serve`: a process that sleeps, and runs `annuaire nightly` when it is time."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from typing import Final

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from directory.errors import InvalidInput
from directory.logs import pairs
from directory.settings import Settings
from importers.nightly.spool import Spool

log = logging.getLogger("annuaire.nightly")

PARIS: Final = "Europe/Paris"
_MISSED_S: Final = 6 * 3600  # a machine that slept at the hour runs it when it wakes, if that is not too late
_STOP_S: Final = 8.0


def keep_schedule(settings: Settings, stop: threading.Event) -> None:
    """Run at the hours of `nightly_at` until told to stop; at once where the last run was cut short."""
    assert settings.nightly_at is not None
    scheduler = BackgroundScheduler(timezone=PARIS)
    run = _Run()
    scheduler.add_job(run, trigger(settings.nightly_at), misfire_grace_time=_MISSED_S, coalesce=True, max_instances=1)
    if Spool(settings.spool_path).cut_short:
        log.info("the last nightly run was cut short: it goes on now")
        scheduler.add_job(run)
    scheduler.start()
    stop.wait()
    scheduler.shutdown(wait=False)
    run.end()


def trigger(text: str) -> CronTrigger:
    """The hours that five fields of crontab mean, in Paris time.

    Raises:
        InvalidInput: they mean none.
    """
    try:
        return CronTrigger.from_crontab(text, timezone=PARIS)
    except ValueError as error:
        raise InvalidInput(f"setting ANNUAIRE_NIGHTLY_AT: {error} (got {text!r})") from error


class _Run:
    """One `annuaire nightly` at a time, in a process of its own: its memory ends with it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            command = [sys.executable, "-m", "cli.main", "nightly", "--json"]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            log.info("nightly run begun %s", pairs(pid=self._process.pid))
            code = self._process.wait()
            log.log(logging.INFO if code in (0, 3) else logging.ERROR, "nightly run ended %s", pairs(exit=code))

    def end(self) -> None:
        """End a run under way: it goes on at the next start."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
