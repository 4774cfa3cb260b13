"""When the own content of records last changed, and which have left lately."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text

from directory.model import Kind

KEEP_DAYS: Final = 30
"""Days for which it is known that a record has left."""

# Persons and structures; mailboxes have their own dates. Whether a record is gone is seen here, once: nobody looks for
# those that are among all that have ever changed.
_NOTE: Final = """
    INSERT INTO record_change (kind, key, at, gone)
    SELECT t.kind, t.key, committed_at, NOT CASE t.kind
        WHEN 'practitioner' THEN EXISTS (SELECT FROM practitioner p WHERE p.national_id = t.key)
        ELSE EXISTS (SELECT FROM organization o WHERE o.key = t.key)
    END
    FROM touched t, register_state WHERE t.own AND t.kind IN ('practitioner', 'organization')
    ON CONFLICT (kind, key) DO UPDATE SET at = excluded.at, gone = excluded.gone
"""
_FORGET: Final = "DELETE FROM record_change WHERE gone AND at < clock_timestamp() - make_interval(days => :days)"


def note(connection: Connection) -> None:
    """The records whose own content `touched` holds change with the revision that has just been taken; who left long
    ago is forgotten."""
    connection.execute(text(_NOTE))
    connection.execute(text(_FORGET), {"days": KEEP_DAYS})


def forget(connection: Connection) -> None:
    """So much changes that nothing is known of single records: all of them count as changed now."""
    connection.execute(text("TRUNCATE record_change"))
    connection.execute(text("UPDATE register_state SET known_since = committed_at"))


def left(connection: Connection) -> Sequence[tuple[Kind, str, dt.datetime]]:
    """The records that have left, and when; in the order of their keys."""
    rows = connection.execute(text("SELECT kind, key, at FROM record_change WHERE gone ORDER BY kind, key"))
    return [(Kind(row.kind), row.key, row.at.astimezone(dt.UTC)) for row in rows]
