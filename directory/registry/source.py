"""The register as the index sees it: whole records, streamed in key order, of one consistent state.

Records are put together by merging streams that PostgreSQL sorts by the record's key: one query per table and range,
never one per record.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import select as io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg2.extensions
from sqlalchemy import Connection, text

from directory.accounts import AccountList
from directory.model import RESET, Changes, EndedActivity, Kind, Record, RegisterState
from directory.registry.accounts import read_accounts
from directory.registry.changes import ended, left
from directory.registry.database import connect, translated
from directory.registry.feed import ACCOUNT, NO_RECORDS, WHITE_LIST, WITHDRAWAL
from directory.registry.records import Assembler, Selection
from directory.registry.status import read_state
from directory.registry.tables import FEED_CHANNEL
from directory.registry.trust import read_white_list
from directory.registry.withdrawals import read_withdrawn
from directory.source import Listener, RecordSource
from directory.trust import WhiteList

_KEY_COLUMN: Final = {
    Kind.PRACTITIONER: ("practitioner", "national_id"),
    Kind.ORGANIZATION: ("organization", "key"),
    Kind.MAILBOX: ("mailbox", "address_key"),
}


@dataclass(frozen=True, slots=True)
class RegistryRegister:
    """A `directory.source.Register` over PostgreSQL; picklable: it holds only the URL."""

    url: str

    @contextlib.contextmanager
    def open(self, pinned: str | None = None) -> Iterator[RecordSource]:
        database = connect(self.url)
        try:
            with database.reading() as connection:
                if pinned is not None:
                    # The token is PostgreSQL's own; it cannot be a bound parameter here.
                    literal = pinned.replace("'", "''")
                    connection.execute(text(f"SET TRANSACTION SNAPSHOT '{literal}'"))
                yield Source(connection)
        finally:
            database.engine.dispose()

    @contextlib.contextmanager
    def listen(self) -> Iterator[Listener]:
        database = connect(self.url)
        try:
            with translated():
                connection = database.engine.raw_connection()
                driver = connection.driver_connection
                assert isinstance(driver, psycopg2.extensions.connection)
                driver.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
                with driver.cursor() as cursor:
                    cursor.execute(f"LISTEN {FEED_CHANNEL}")
                yield Notifications(driver)
                connection.close()
        finally:
            database.engine.dispose()


@dataclass(frozen=True, slots=True)
class Notifications:
    """Waits for the feed's notices on one connection."""

    connection: psycopg2.extensions.connection

    def wait(self, timeout_s: float) -> bool:
        with translated():
            ready, _, _ = io.select([self.connection], [], [], timeout_s)
            if not ready:
                # Nothing came: make sure that silence is not a dead connection.
                with self.connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                return False
            self.connection.poll()
            self.connection.notifies.clear()
            return True

    def heard(self) -> bool:
        with translated():
            ready, _, _ = io.select([self.connection], [], [], 0)
            return bool(ready)


class Source:
    """One REPEATABLE READ transaction's view of the register."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._state = read_state(connection)
        self._assembler = Assembler(connection)
        self._withdrawn = read_withdrawn(connection)

    @property
    def state(self) -> RegisterState:
        return self._state

    def pin(self) -> str:
        return str(self._connection.execute(text("SELECT pg_export_snapshot()")).scalar_one())

    def partitions(self, kind: Kind, size: int) -> Sequence[tuple[str, str | None]]:
        table, key = _KEY_COLUMN[kind]
        statement = f"""
            SELECT {key} FROM (SELECT {key}, row_number() OVER (ORDER BY {key}) - 1 AS place FROM {table})
            AS placed WHERE place % :size = 0 ORDER BY place
        """
        firsts = [str(row[0]) for row in self._connection.execute(text(statement), {"size": size})]
        if not firsts:
            return []
        return list(zip(["", *firsts[1:]], [*firsts[1:], None], strict=True))

    def read_range(self, kind: Kind, first: str, end: str | None) -> Iterator[Record]:
        return self._read(kind, Selection(first=first, end=end))

    def read(self, kind: Kind, keys: Collection[str]) -> Iterator[Record]:
        return self._read(kind, Selection(keys=tuple(keys)))

    def _read(self, kind: Kind, selection: Selection) -> Iterator[Record]:
        records = self._assembler.read(kind, selection)
        withdrawn = self._withdrawn
        return (shown for record in records if (shown := withdrawn.shown(record))) if withdrawn else records

    def accounts(self) -> AccountList:
        return read_accounts(self._connection)

    def white_list(self) -> WhiteList:
        return read_white_list(self._connection, self._withdrawn)

    def withdrawals(self) -> Sequence[tuple[int, Kind, str]]:
        statement = text("""
            SELECT revision, kind, key FROM feed
            WHERE revision IN (SELECT revision FROM feed WHERE kind = :withdrawal) AND NOT kind = ANY (:none)
        """)
        rows = self._connection.execute(statement, {"withdrawal": WITHDRAWAL, "none": list(NO_RECORDS)})
        return [(row.revision, Kind(row.kind), row.key) for row in rows]

    def left(self) -> Sequence[tuple[Kind, str, dt.datetime]]:
        return left(self._connection, self._withdrawn)

    def ended(self, people: Collection[str] | None = None) -> Iterator[EndedActivity]:
        return ended(self._connection, self._withdrawn, people)

    def changes(self, epoch: str, revision: int) -> Changes:
        state = self._state
        if epoch != state.epoch or revision > state.revision:
            return Changes(state=state, reset=True)
        rows = self._connection.execute(
            text("SELECT DISTINCT kind, key FROM feed WHERE revision > :since"), {"since": revision}
        ).all()
        if self._gap(revision) or any(row.kind == RESET for row in rows):
            return Changes(state=state, reset=True)
        keys = frozenset((Kind(row.kind), row.key) for row in rows if row.kind not in NO_RECORDS)
        told = {row.kind for row in rows}
        # A withdrawn structure that bears another name hides other operators.
        renamed = any((Kind.ORGANIZATION, key) in keys for key in self._withdrawn.organizations)
        return Changes(state=state, keys=keys, accounts=ACCOUNT in told, white_list=renamed or WHITE_LIST in told)

    def _gap(self, revision: int) -> bool:
        """Whether the feed's oldest lines after this revision have been pruned."""
        statement = text("SELECT count(DISTINCT revision) FROM feed WHERE revision > :since")
        held = self._connection.execute(statement, {"since": revision}).scalar_one()
        return bool(held != self._state.revision - revision)
