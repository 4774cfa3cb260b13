"""Evidence: the few questions that a front-end may put to the register itself, because only it remembers.

Everything else is answered from the index. Each call waits for the database, so front-ends make them off their loop;
when it cannot be reached they raise `Unavailable`.
"""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Any

from directory.model import Kind, Record
from directory.registry import history, reports
from directory.registry.database import Database, connect, reader_url
from directory.registry.history import Version
from directory.registry.touched import between
from directory.registry.withdrawals import record_of
from directory.settings import Settings


class Evidence:
    """Connects when it is first asked something."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _database(self) -> Database:
        return connect(reader_url(self._settings))

    def versions(self, key: str) -> tuple[Kind, str, list[Version]]:
        """Every remembered version of what an identifier names.

        Raises:
            InvalidInput: it names nothing, or several records.
            NotFound: nothing is remembered of it.
            Unavailable: the database cannot be reached.
        """
        kind, found = record_of(self._database, key)
        return kind, found, history.versions(self._database, kind, found)

    def mailboxes(self, kind: Kind, key: str) -> list[str]:
        """The addresses that a person or a structure holds or held."""
        if kind is Kind.MAILBOX:
            return []
        return history.held_by(self._database, key if kind is Kind.PRACTITIONER else key[1:])

    def record_on(self, key: str, at: dt.datetime) -> tuple[Kind, Record]:
        """A record as it was shown at an instant. Raises as `versions`; of what lies too far back nothing is known."""
        if at < dt.datetime.now(dt.UTC) - dt.timedelta(days=self._settings.history_days):
            raise history.forgotten(at)
        kind, found = record_of(self._database, key)
        return kind, history.record_on(self._database, kind, found, at)

    def changes(
        self, epoch: str, since: int, until: int, after: tuple[Kind, str] | None, limit: int
    ) -> tuple[list[tuple[Kind, str]], tuple[Kind, str] | None] | None:
        """What some revisions touched: see `touched.between`."""
        with self._database.reading() as connection:
            return between(connection, epoch, since, until, after, limit)

    def runs(self, limit: int) -> list[dict[str, Any]]:
        """The last imports, newest first: see `reports.summary`."""
        return reports.list_summaries(self._database, limit)

    def run(self, run_id: int) -> dict[str, Any]:
        """The report of one import: see `reports.report`."""
        return reports.report(self._database, run_id)
