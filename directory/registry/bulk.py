"""Empty tables are filled in bulk: their indexes are put aside while rows arrive, and made again from whole tables."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

_OURS: Final = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(:table)"
_CONSTRAINTS: Final = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass(:table) AND contype = 'p'
"""
_INDEXES: Final = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
WHERE i.indrelid = to_regclass(:table) AND NOT i.indisprimary
"""


class Bulk:
    """The tables that one transaction fills from nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._empty: dict[str, bool] = {}
        self._aside: dict[str, list[str]] = {}

    def begin(self, table: str) -> bool:
        """Whether the table was empty when this transaction first asked; if so it is made ready to be filled.

        A table that is cut to nothing in the transaction that fills it needs no write-ahead log (`wal_level =
        minimal`). An owner's right is needed for that and for putting indexes aside; without it, or beside readers,
        rows go in as ever.
        """
        if table not in self._empty:
            held = self._connection.execute(text(f"SELECT EXISTS (SELECT FROM {table})")).scalar_one()
            self._empty[table] = not held
            if not held and self._ours(table) and self._alone(table):
                self._connection.execute(text(f"TRUNCATE {table}"))
                self._put_aside(table)
        return self._empty[table]

    @property
    def filled(self) -> frozenset[str]:
        """The tables that were empty when this transaction first asked."""
        return frozenset(table for table, empty in self._empty.items() if empty)

    def _ours(self, table: str) -> bool:
        return bool(self._connection.execute(text(_OURS), {"table": table}).scalar_one())

    def _alone(self, table: str) -> bool:
        """Whether nobody reads the table now: who does (a node whose index is being built) is not waited for, and does
        not have to wait."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT"))
        except OperationalError:
            return False
        return True

    def finish(self) -> None:
        """Make the indexes again, and statistics for who reads next."""
        for table, statements in self._aside.items():
            for statement in statements:
                self._connection.execute(text(statement))
            self._connection.execute(text(f"ANALYZE {table}"))
        self._aside.clear()

    def _put_aside(self, table: str) -> None:
        # Lists first: what is made again has the same names and definitions.
        statements = []
        for name, definition in self._connection.execute(text(_INDEXES), {"table": table}).all():
            self._connection.execute(text(f"DROP INDEX {name}"))
            statements.append(definition)
        for name, definition in self._connection.execute(text(_CONSTRAINTS), {"table": table}).all():
            self._connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
            # A column of a key keeps its NOT NULL when the key goes.
            statements.append(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
        self._aside[table] = statements
