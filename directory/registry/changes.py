"""When the own content of records last changed; which of them have left lately, and which activities have ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, text

from directory.model import LEFT_DAYS, EndedActivity, Kind
from directory.withdrawal import Withdrawn

# -- records -----------------------------------------------------------------------------------------------------------

_CREATE_STOOD: Final = """
    CREATE TEMP TABLE stood (
        kind text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, PRIMARY KEY (kind, key)
    ) ON COMMIT DROP
"""
_SEE: Final = """
    INSERT INTO stood (kind, key)
    SELECT t.kind, t.key FROM touched t JOIN practitioner p ON p.national_id = t.key
    WHERE t.kind = 'practitioner' AND t.direct
    UNION ALL
    SELECT t.kind, t.key FROM touched t JOIN organization o ON o.key = t.key
    WHERE t.kind = 'organization' AND t.direct
"""
# Persons and structures; mailboxes have their own dates. Whether a record is gone is seen here, once: nobody looks for
# those that are among all that have ever changed. Mailboxes and diplomas name people who never were there: only what
# stood there before can leave.
_NOTE: Final = """
    INSERT INTO record_change (kind, key, at, gone)
    SELECT t.kind, t.key, committed_at, NOT present
    FROM register_state, touched t CROSS JOIN LATERAL (SELECT CASE t.kind
        WHEN 'practitioner' THEN EXISTS (SELECT FROM practitioner p WHERE p.national_id = t.key)
        ELSE EXISTS (SELECT FROM organization o WHERE o.key = t.key)
    END AS present) AS seen
    WHERE t.own AND t.kind IN ('practitioner', 'organization')
        AND (present OR EXISTS (SELECT FROM stood s WHERE s.kind = t.kind AND s.key = t.key))
    ON CONFLICT (kind, key) DO UPDATE SET at = excluded.at, gone = excluded.gone
"""
_FORGET: Final = "DELETE FROM record_change WHERE gone AND at < clock_timestamp() - make_interval(days => :days)"

# -- activities --------------------------------------------------------------------------------------------------------

_CREATE_WORKED: Final = """
    CREATE TEMP TABLE worked ON COMMIT DROP AS
    SELECT national_id, profession, category, organization_key, number FROM ended_activity WITH NO DATA
"""
_REMEMBER: Final = """
    INSERT INTO worked (national_id, profession, category, organization_key, number)
    SELECT a.national_id, a.profession, a.category, a.organization_key, count(*)
    FROM touched t JOIN activity a ON a.national_id = t.key
    WHERE t.kind = 'practitioner' AND t.direct GROUP BY 1, 2, 3, 4
"""
_ALIKE: Final = """
    SELECT count(*) AS number FROM activity a
    WHERE a.national_id = {0}.national_id AND a.profession = {0}.profession AND a.category = {0}.category
        AND a.organization_key = {0}.organization_key
"""
_RESUME: Final = f"""
    DELETE FROM ended_activity e USING touched t
    WHERE t.kind = 'practitioner' AND t.direct AND e.national_id = t.key AND e.number <= ({_ALIKE.format("e")})
"""
_END: Final = f"""
    INSERT INTO ended_activity (national_id, profession, category, organization_key, number, at)
    SELECT w.national_id, w.profession, w.category, w.organization_key, ended.number, committed_at
    FROM register_state, worked w CROSS JOIN LATERAL ({_ALIKE.format("w")}) AS present
    CROSS JOIN LATERAL generate_series(present.number + 1, w.number) AS ended (number)
    ON CONFLICT (national_id, profession, category, organization_key, number) DO UPDATE SET at = excluded.at
"""
# Whole seconds, as the index keeps moments, and hours, as days of a time zone are not all as long: a node that follows
# forgets the same ones by the same clock, that of the revision.
_FORGET_ENDED: Final = """
    DELETE FROM ended_activity USING register_state
    WHERE at < date_trunc('second', committed_at) - make_interval(hours => 24 * :days)
"""
# Where a structure is withdrawn, activities there are shown as activities without a structure, and told apart as such.
_ENDED: Final = """
    SELECT national_id, profession, category, organization_key, number, at FROM ended_activity e
    WHERE {which} AND NOT national_id = ANY (:withdrawn) AND NOT organization_key = ANY (:structures)
        AND NOT (organization_key = '' AND EXISTS (
            SELECT FROM activity a WHERE a.national_id = e.national_id AND a.profession = e.profession
                AND a.category = e.category AND a.organization_key = ANY (:structures)
        ))
"""


def begin(connection: Connection) -> None:
    """Make the empty tables `stood` and `worked` for this transaction."""
    connection.execute(text(_CREATE_STOOD))
    connection.execute(text(_CREATE_WORKED))


def remember(connection: Connection) -> None:
    """Keep for this transaction which records that `touched` names directly are there before they change, and what the
    persons among them do."""
    connection.execute(text(_SEE))
    connection.execute(text(_REMEMBER))


def note(connection: Connection) -> None:
    """The records whose own content `touched` holds change with the revision that has just been taken, and what they do
    no longer ends with it; who left long ago, and what ended then, is forgotten."""
    connection.execute(text(_NOTE))
    connection.execute(text(_FORGET), {"days": LEFT_DAYS})
    connection.execute(text(_RESUME))
    connection.execute(text(_END))
    connection.execute(text(_FORGET_ENDED), {"days": LEFT_DAYS})


def forget(connection: Connection) -> None:
    """So much changes that nothing is known of single records: all of them count as changed now."""
    connection.execute(text("TRUNCATE record_change, ended_activity"))
    connection.execute(text("UPDATE register_state SET known_since = committed_at"))


def left(connection: Connection, withdrawn: Withdrawn) -> Sequence[tuple[Kind, str, dt.datetime]]:
    """The records that have left, and when; in the order of their keys."""
    hidden = {Kind.PRACTITIONER: withdrawn.practitioners, Kind.ORGANIZATION: withdrawn.organizations}
    rows = connection.execute(text("SELECT kind, key, at FROM record_change WHERE gone ORDER BY kind, key"))
    found = ((Kind(row.kind), row.key, row.at.astimezone(dt.UTC)) for row in rows)
    return [(kind, key, at) for kind, key, at in found if key not in hidden[kind]]


def ended(connection: Connection, withdrawn: Withdrawn, people: Collection[str] | None) -> Iterator[EndedActivity]:
    """The activities that have ended, of some people or of all."""
    statement = _ENDED.format(which="true" if people is None else "national_id = ANY (:people)")
    hidden = {"withdrawn": list(withdrawn.practitioners), "structures": list(withdrawn.organizations)}
    rows = connection.execute(text(statement), {**hidden, "people": list(people or ())})
    for national_id, profession, category, organization_key, number, at in rows:
        yield EndedActivity(
            national_id=national_id,
            profession=profession,
            category=category,
            organization_key=organization_key,
            number=number,
            at=at.astimezone(dt.UTC),
        )
