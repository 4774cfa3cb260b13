"""`python -m bench.night kill`: a night is killed at random moments, and done again; what comes of it is the same.

The victim is in turn the importer and the database server, by SIGKILL. After each the register has to be one that a
whole import left, and once the night has been done again, the one that an undisturbed night leaves.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import psutil
from sqlalchemy import text

from bench.scale.memory import postmaster_of
from directory.errors import ImportRefused, Unavailable
from directory.registry.database import open_database
from directory.registry.embedded import Embedded
from directory.settings import Settings
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from importers.rpps import import_rpps

_PATIENCE_S: Final = 30.0
_TABLES: Final = {
    **dict.fromkeys(("practitioner", "exercise", "expertise", "diploma", "activity", "organization"), "t"),
    **dict.fromkeys(("mailbox_holder", "digest"), "t"),
    "mailbox": "(t.address_key, t.address, t.domain, t.kind, t.paperless)",  # not when it was first seen
}
# Started from a process that has threads of its own: a plain fork would copy their locks.
_PROCESSES: Final = multiprocessing.get_context("forkserver")
Print = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One night that was killed: whom and when, and whether the register was whole then and right in the end."""

    victim: str
    moment_s: float
    whole: bool
    right: bool


def kill(data: Path, before: Path, night: Path, *, trials: int, seed: int = 1) -> list[Trial]:
    """Kill a night `trials` times. `data` is a data folder whose register is brought to `before` first."""
    _PROCESSES.set_forkserver_preload(["importers.rpps", "importers.mailboxes"])
    embedded = Embedded(data)
    embedded.acquire()
    try:
        return _Course(data, before, night, embedded).run(trials, random.Random(seed))
    finally:
        embedded.release()


class _Course:
    def __init__(self, data: Path, before: Path, night: Path, embedded: Embedded) -> None:
        self._data, self._before, self._night, self._embedded = data, before, night, embedded

    def run(self, trials: int, dice: random.Random) -> list[Trial]:
        whole, took_s = self._undisturbed()
        found = []
        for number in range(trials):
            bring(self._data, self._before)
            victim = ("importer", "postgres")[number % 2]
            moment_s = dice.uniform(0, took_s)
            self._disturbed(victim, moment_s)
            left = fingerprint(self._data)
            bring(self._data, self._night)
            right = fingerprint(self._data) == whole[-1]
            found.append(Trial(victim=victim, moment_s=round(moment_s, 3), whole=left in whole, right=right))
        return found

    def _undisturbed(self) -> tuple[Sequence[Print], float]:
        """What a register may look like, from the day before to the whole night's; and how long a night takes."""
        bring(self._data, self._before)
        prints = [fingerprint(self._data)]
        for kind in _IMPORTS:
            bring(self._data, self._night, (kind,))
            prints.append(fingerprint(self._data))
        bring(self._data, self._before)
        began = time.monotonic()
        with closing(self._start()) as process:
            process.join()
            took_s = time.monotonic() - began
            assert process.exitcode == 0
        return prints, took_s

    def _start(self) -> BaseProcess:
        process = _PROCESSES.Process(target=_victim, args=(self._data, self._night), daemon=True)
        process.start()
        return process

    def _disturbed(self, victim: str, moment_s: float) -> None:
        with closing(self._start()) as process:
            process.join(moment_s)
            pid = process.pid if victim == "importer" else postmaster_of(self._data)()
            assert pid is not None
            if victim == "postgres" or process.is_alive():
                killed = psutil.Process(pid)
                killed.kill()
                psutil.wait_procs([killed], timeout=_PATIENCE_S)
            process.join()
        self._embedded.ensure_running()


_IMPORTS: Final[dict[str, Any]] = {"rpps": import_rpps, "mailboxes": import_mailboxes}


def bring(data: Path, folder: Path, kinds: Sequence[str] = tuple(_IMPORTS)) -> None:
    """Import a folder, whatever the register held; waits for a killed import's lock to be let go."""
    options = ImportOptions(guards=False, allow_older=True)
    with open_database(Settings(data_dir=data)) as database:
        for kind in kinds:
            deadline = time.monotonic() + _PATIENCE_S
            while True:
                try:
                    _IMPORTS[kind](database, [folder], options)
                    break
                except ImportRefused as error:
                    if error.reason != "already-running" or time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)


def _victim(data: Path, night: Path) -> None:
    """A night that may be killed, or lose its database: which is told in a line, as the command tells it."""
    try:
        bring(data, night)
    except Unavailable as error:
        sys.exit(str(error))


def fingerprint(data: Path) -> Print:
    """Rows and a hash of what they say, per table of records."""
    with open_database(Settings(data_dir=data)) as database, database.reading() as connection:
        found = []
        for table, row in _TABLES.items():
            summed = f"SELECT count(*), coalesce(sum(hashtextextended({row}::text, 0)), 0)::text FROM {table} AS t"
            number, said = connection.execute(text(summed)).one()
            found.append((int(number), str(said)))
        return tuple(found)
