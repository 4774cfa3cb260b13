"""Changes in the register of a data folder, made as an import makes them, and taken back.

A change writes a mark behind a text that is published: the service of a mailbox, the given name of a person. The mark
tells when a change is visible, and by it everything is put back as it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from directory.model import Kind
from directory.registry import feed
from directory.registry.database import Database, open_database
from directory.settings import Settings

MARK: Final = " [BANC "
_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '30s'"


@dataclass(frozen=True, slots=True)
class _Marked:
    """A published text that takes the mark."""

    kind: Kind
    table: str
    key: str
    column: str


_TEXTS: Final = {
    Kind.MAILBOX: _Marked(Kind.MAILBOX, "mailbox_holder", "address_key", "service"),
    Kind.PRACTITIONER: _Marked(Kind.PRACTITIONER, "practitioner", "national_id", "given_name"),
}


@dataclass(frozen=True, slots=True)
class Register:
    """The register of a data folder, open for writing."""

    database: Database

    def draw(self, kind: Kind, count: int, *, seed: int) -> list[str]:
        """Keys of records of a kind, at random and the same each time."""
        where = _TEXTS[kind]
        statement = (
            f"SELECT key FROM (SELECT DISTINCT {where.key} AS key FROM {where.table}) AS keys "
            "ORDER BY md5(key || :seed) LIMIT :count"
        )
        with self.database.reading() as connection:
            return list(connection.execute(text(statement), {"seed": str(seed), "count": count}).scalars())

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        where = _TEXTS[kind]
        with self.database.reading() as connection:
            statement = text(f"SELECT count(DISTINCT {where.key}) FROM {where.table}")
            return int(connection.execute(statement).scalar_one())

    def mark(self, keys: Mapping[Kind, Sequence[str]], number: int) -> int:
        """Change these records in one transaction; returns the revision it made."""

        def change(connection: Connection) -> None:
            for kind, some in keys.items():
                where = _TEXTS[kind]
                statement = (
                    f"UPDATE {where.table} SET {where.column} = {where.column} || :mark WHERE {where.key} = ANY (:keys)"
                )
                connection.execute(text(statement), {"mark": f"{MARK}{number}]", "keys": list(some)})

        return self._commit(keys, change)

    def restore(self) -> int | None:
        """Take every mark away; returns the revision, None when there was none."""
        marked = {kind: keys for kind in _TEXTS if (keys := self._marked(kind))}

        def change(connection: Connection) -> None:
            for kind in marked:
                where = _TEXTS[kind]
                cut = f"split_part({where.column}, :mark, 1)"
                statement = f"UPDATE {where.table} SET {where.column} = {cut} WHERE {where.key} = ANY (:keys)"
                connection.execute(text(statement), {"mark": MARK, "keys": marked[kind]})

        return self._commit(marked, change) if marked else None

    def revision(self) -> int:
        with self.database.reading() as connection:
            return int(connection.execute(text("SELECT revision FROM register_state")).scalar_one())

    def touched(self, revision: int) -> int:
        """How many documents a revision asks the index to look at, dependants included."""
        statement = "SELECT count(*) FROM feed WHERE revision = :revision AND key <> ''"
        with self.database.reading() as connection:
            return int(connection.execute(text(statement), {"revision": revision}).scalar_one())

    def _marked(self, kind: Kind) -> list[str]:
        where = _TEXTS[kind]
        statement = f"SELECT DISTINCT {where.key} FROM {where.table} WHERE position(:mark IN {where.column}) > 0"
        with self.database.reading() as connection:
            return list(connection.execute(text(statement), {"mark": MARK}).scalars())

    def _commit(self, keys: Mapping[Kind, Sequence[str]], change: Callable[[Connection], None]) -> int:
        with self.database.writing() as connection:
            connection.execute(text(_LOCK_TIMEOUT))
            feed.begin(connection)
            for kind, some in keys.items():
                statement = "INSERT INTO touched (kind, key) SELECT :kind, unnest(CAST(:keys AS text[]))"
                connection.execute(text(statement), {"kind": str(kind), "keys": list(some)})
            feed.expand(connection)
            change(connection)
            feed.expand(connection)
            return feed.publish(connection, reset=False)


@contextlib.contextmanager
def register_of(data: Path) -> Iterator[Register]:
    """Open the register of a data folder; whatever happens, it is left as it was found."""
    with open_database(Settings(data_dir=data)) as database:
        register = Register(database)
        register.restore()
        try:
            yield register
        finally:
            register.restore()
