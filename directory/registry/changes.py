"""When the own content of records last changed, and which have left lately."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text

from directory.model import Kind

KEEP_DAYS: Final = 30
"""Days for which it is known that a record has left."""

# Persons and structures; mailboxes have their own dates.
_NOTE: Final = """
    INSERT INTO record_change (kind, key, at)
    SELECT kind, key, committed_at FROM touched, register_state WHERE own AND kind IN ('practitioner', 'organization')
    ON CONFLICT (kind, key) DO UPDATE SET at = excluded.at
"""
_LEFT: Final = """
    record_change AS c WHERE c.kind = 'practitioner'
        AND NOT EXISTS (SELECT FROM practitioner p WHERE p.national_id = c.key)
    OR c.kind = 'organization' AND NOT EXISTS (SELECT FROM organization o WHERE o.key = c.key)
"""


def note(connection: Connection) -> None:
    """The records whose own content `touched` holds change with the revision that has just been taken; who left long
    ago is forgotten."""
    connection.execute(text(_NOTE))
    connection.execute(
        text(f"""
            DELETE FROM record_change USING (SELECT c.kind, c.key FROM {_LEFT}) AS gone
            WHERE record_change.kind = gone.kind AND record_change.key = gone.key
                AND at < clock_timestamp() - make_interval(days => :days)
        """),
        {"days": KEEP_DAYS},
    )


def forget(connection: Connection) -> None:
    """So much changes that nothing is known of single records: all of them count as changed now."""
    connection.execute(text("TRUNCATE record_change"))
    connection.execute(text("UPDATE register_state SET known_since = committed_at"))


def left(connection: Connection) -> Sequence[tuple[Kind, str, dt.datetime]]:
    """The records that have left, and when; in the order of their keys."""
    rows = connection.execute(text(f"SELECT c.kind, c.key, c.at FROM {_LEFT} ORDER BY c.kind, c.key"))
    return [(Kind(row.kind), row.key, row.at.astimezone(dt.UTC)) for row in rows]
