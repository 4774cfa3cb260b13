"""`python -m bench.night months`: night after night, and what becomes of the database, the index and their own time."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from bench.night.course import bring
from bench.scale.build import file_bytes
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.registry.database import Database, open_database
from directory.registry.source import RegistryRegister
from directory.settings import Settings
from importers.synthetic import generate

SIZE_BAR: Final = 1.5  # times what it was after the first load, on the worst night
TIME_BAR: Final = 1.3  # the last night beside the second
_SIZES: Final = """
SELECT c.relname, pg_total_relation_size(c.oid), coalesce(s.n_dead_tup, 0)
FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 2 DESC
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The node after a night: how long its imports took and the index to follow, and what everything has grown to."""

    day: int
    imports_s: float
    imports_cpu_s: float
    follow_s: float
    database_mib: float
    index_mib: float
    dead_rows: int

    @property
    def seconds(self) -> float:
        return self.imports_s + self.follow_s


def months(data: Path, *, professionals: int, nights: int) -> dict[str, Any]:
    """Load an invented country into a new data folder, and let `nights` days pass, each with its changes.

    Nights that are a day apart leave the database's own housekeeping more time than this does.
    """
    settings = Settings(data_dir=data)
    found = []
    with open_database(settings) as database:
        register = RegistryRegister(database.url)
        follower = Follower(register, settings.index_path, settings.index_map_bytes)
        for day in range(1, nights + 2):
            with tempfile.TemporaryDirectory() as folder:
                generate(Path(folder), professionals=professionals, day=day)
                imported = bring(data, Path(folder))
            began = time.monotonic()
            if day == 1:
                build_index(register, settings.index_path, map_bytes=settings.index_map_bytes)
            else:
                follower.step()
            tables = _tables(database)
            found.append(
                Night(
                    day=day,
                    imports_s=round(imported.seconds, 2),
                    imports_cpu_s=round(imported.importer_cpu_s, 2),
                    follow_s=round(time.monotonic() - began, 2),
                    database_mib=round(sum(size for _, size, _ in tables) / 2**20, 1),
                    index_mib=round(file_bytes(data) / 2**20, 1),
                    dead_rows=sum(dead for _, _, dead in tables),
                )
            )
            if day == 1:
                fresh = tables
    return _judged(found, fresh, tables)


def _judged(found: list[Night], fresh: list[tuple[str, int, int]], last: list[tuple[str, int, int]]) -> dict[str, Any]:
    loaded, second, final = found[0], found[2], found[-1]
    database = max(night.database_mib for night in found) / loaded.database_mib
    index = max(night.index_mib for night in found) / loaded.index_mib
    slower = final.seconds / second.seconds
    before = {name: size for name, size, _ in fresh}
    return {
        "nights": [asdict(night) for night in found],
        "tables_mib": {name: [round(before[name] / 2**20, 1), round(size / 2**20, 1)] for name, size, _ in last},
        "database_growth": round(database, 3),
        "index_growth": round(index, 3),
        "last_times_second": round(slower, 3),
        "bars": {"growth": SIZE_BAR, "last_times_second": TIME_BAR},
        "met": max(database, index) < SIZE_BAR and slower < TIME_BAR,
    }


def _tables(database: Database) -> list[tuple[str, int, int]]:
    """Each table with its bytes, indexes included, and its dead rows."""
    with database.reading() as connection:
        return [(name, size, dead) for name, size, dead in connection.execute(text(_SIZES))]
