"""Self-checks of the register for `annuaire check`: each says what it found, and what to do when it is not well."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from directory.errors import DirectoryError
from directory.registry import runs, schema, status
from directory.registry.database import Database, open_database
from directory.settings import Settings

_LEAST_FREE_GIB: Final = 2.0
_LATE: Final = dt.timedelta(days=3)  # the national extracts come daily, with gaps of a day or two


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check's outcome; `hint` says what to do when it failed."""

    name: str
    ok: bool
    detail: str
    hint: str | None = None


def run_checks(settings: Settings) -> list[Check]:
    """Every check of the register and of the disk it needs."""
    found = [_disk(settings)]
    try:
        with open_database(settings, reader=True) as database:
            found.append(Check(name="database", ok=True, detail="reachable"))
            found += [check(database) for check in _OF_DATABASE]
    except DirectoryError as error:
        hint = "is the server of ANNUAIRE_DATABASE_URL running? the embedded one logs to postgres/postgres.log"
        found.append(Check(name="database", ok=False, detail=error.message, hint=hint))
    return found


def _disk(settings: Settings) -> Check:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.data_dir).free / 2**30
    return Check(
        name="disk",
        ok=free >= _LEAST_FREE_GIB,
        detail=f"{free:.1f} GiB free in the data directory",
        hint=f"make room: at least {_LEAST_FREE_GIB:.0f} GiB are needed to import and to rebuild the index",
    )


def _schema(database: Database) -> Check:
    with database.reading() as connection:
        found = schema.current(connection)
    return Check(name="schema", ok=found == schema.HEAD, detail=f"version {found}", hint="run: annuaire migrate")


def _filled(database: Database) -> Check:
    state = status.state_of(database)
    detail = f"revision {state.revision}, data of {state.as_of:%Y-%m-%d}" if state.as_of else "empty"
    return Check(name="register", ok=state.as_of is not None, detail=detail, hint="run: annuaire import rpps PATH")


def _fresh(database: Database) -> Check:
    state = status.state_of(database)
    age = dt.datetime.now(dt.UTC) - state.as_of if state.as_of else None
    demo = status.is_demo(database)
    return Check(
        name="freshness",
        ok=demo or (age is not None and age < _LATE),
        detail="a demonstration's data have no age" if demo else f"{age.days} days old" if age else "no data",
        hint="import tonight's extracts; if they were held, look at: annuaire runs",
    )


def _imports(database: Database) -> Check:
    """Whether the last import of each kind came to its end."""
    with database.reading() as connection:
        latest = runs.last_of_each_kind(connection).values()
    wrong = [run for run in latest if run.status in ("held", "refused", "failed")]
    told = [f"run {run.run_id}, {run.kind}: {run.status}" for run in wrong or latest]
    held = next((run for run in wrong if run.status == "held"), None)
    number = (held or wrong[0]).run_id if wrong else 0
    look = f"look at it: annuaire runs show {number}"
    return Check(
        name="last imports",
        ok=not wrong,
        detail="; ".join(told) or "none yet",
        hint=f"{look}; then: annuaire runs apply {number} [--without-removals]" if held else look,
    )


_OF_DATABASE: Final[tuple[Callable[[Database], Check], ...]] = (_schema, _filled, _fresh, _imports)
