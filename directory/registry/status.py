"""What the register holds: its state, its counts, and whether its people are invented."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, func, select, update

from directory.model import RegisterState
from directory.registry.database import Database
from directory.registry.tables import (
    activity,
    mailbox,
    mailbox_holder,
    organization,
    practitioner,
    register_state,
    trusted_domain,
)

_COUNTED = (practitioner, activity, organization, mailbox, mailbox_holder)


def read_state(connection: Connection) -> RegisterState:
    """The state that this connection's transaction sees."""
    row = connection.execute(select(register_state)).one()
    dates = [date for date in (row.rpps_as_of, row.mailboxes_as_of) if date is not None]
    return RegisterState(
        epoch=str(row.epoch),
        revision=row.revision,
        as_of=min(dates).astimezone(dt.UTC) if dates else None,
        committed_at=row.committed_at.astimezone(dt.UTC) if row.committed_at else None,
        known_since=row.known_since.astimezone(dt.UTC) if row.known_since else None,
    )


def state_of(database: Database) -> RegisterState:
    with database.reading() as connection:
        return read_state(connection)


def dates_of(database: Database) -> dict[str, dt.datetime]:
    """When the extracts that the register holds were made, by kind of import."""
    with database.reading() as connection:
        row = connection.execute(select(register_state)).one()
    dates = {
        "rpps": row.rpps_as_of,
        "mailboxes": row.mailboxes_as_of,
        "trusted-domains": row.trusted_domains_as_of,
    }
    return {kind: date.astimezone(dt.UTC) for kind, date in dates.items() if date is not None}


def counts(database: Database) -> dict[str, int]:
    """Rows per record table, and distinct trusted domains."""
    with database.reading() as connection:
        found = {
            str(table.name): connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in _COUNTED
        }
        found["trusted_domain"] = connection.execute(
            select(func.count(trusted_domain.c.domain.distinct()))
        ).scalar_one()
        return found


def claim_demo(database: Database) -> bool:
    """Mark an empty register as a demonstration; False when it already holds real records."""
    with database.writing() as connection:
        row = connection.execute(select(register_state).with_for_update()).one()
        if row.revision == 0:
            connection.execute(update(register_state).values(demo=True))
        return bool(row.demo) or row.revision == 0


def is_demo(database: Database) -> bool:
    with database.reading() as connection:
        return bool(connection.execute(select(register_state.c.demo)).scalar_one())
