"""The change feed: which published records a revision touched, dependants included.

A record's published form quotes others: a practitioner shows its mailboxes and structures, a mailbox the places its
holder works at. So an import notes what it changes in the temporary table `touched`, calls `expand` before and after
merging (a relation that is being removed is only visible before), and then publishes the union with the revision.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, text

from directory.model import RESET, Kind
from directory.registry import changes
from directory.registry.records import SHOWN_WITH_STRUCTURES
from directory.registry.tables import FEED_CHANNEL

KEEP_DAYS: Final = 30
STATE: Final = "state"  # the feed line every revision has: its date and number changed
ACCOUNT: Final = "account"  # its key is a name; no record depends on accounts
WITHDRAWAL: Final = "withdrawal"  # marks a revision whose records are to be hidden before anything else
WHITE_LIST: Final = "white-list"  # what is told of the trusted domains may be something else
NO_RECORDS: Final = (STATE, ACCOUNT, WITHDRAWAL, WHITE_LIST)  # feed lines that name no record
_RESET_SHARE: Final = 0.3  # of all documents touched: from there on a rebuild is quicker than following

_CREATE: Final = """
CREATE TEMP TABLE touched (
    kind text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, direct boolean NOT NULL DEFAULT true,
    own boolean NOT NULL DEFAULT true,
    PRIMARY KEY (kind, key)
) ON COMMIT DROP
"""

# What a structure is named by in mailbox rows: FINESS of the site or of the legal entity, SIRET, or the technical
# identifier without its letter (R + RPPS-rang, C + ADELI-rang).
_ORGANIZATION_NAMES: Final = "ARRAY[o.finess, o.legal_entity_finess, o.siret, substr(o.key, 2)]"

_EXPANSIONS: Final = (
    # persons → their mailboxes
    """
    SELECT 'mailbox', h.address_key FROM touched t JOIN mailbox_holder h ON h.national_id = t.key
    WHERE t.kind = 'practitioner' AND t.direct
    """,
    # structures → persons who work there
    """
    SELECT 'practitioner', a.national_id FROM touched t JOIN activity a ON a.organization_key = t.key
    WHERE t.kind = 'organization' AND t.direct
    """,
    # structures → mailboxes of persons who work there
    """
    SELECT 'mailbox', h.address_key FROM touched t JOIN activity a ON a.organization_key = t.key
    JOIN mailbox_holder h ON h.national_id = a.national_id
    WHERE t.kind = 'organization' AND t.direct
    """,
    # structures → mailboxes that name them
    f"""
    SELECT 'mailbox', h.address_key FROM touched t JOIN organization o ON o.key = t.key
    CROSS JOIN LATERAL unnest({_ORGANIZATION_NAMES}) AS named (identifier)
    JOIN mailbox_holder h ON h.organization_identifier = named.identifier
    WHERE t.kind = 'organization' AND t.direct AND named.identifier <> ''
    """,
)

# What a record bears is its own content: its mailboxes.
_BEARERS: Final = (
    # mailboxes → their holders
    """
    SELECT 'practitioner', h.national_id FROM touched t JOIN mailbox_holder h ON h.address_key = t.key
    WHERE t.kind = 'mailbox' AND t.direct AND h.national_id <> ''
    """,
    # mailboxes → the structures they name, which show them unless they are a person's own
    *(
        f"""
        SELECT 'organization', o.key FROM touched t JOIN mailbox m ON m.address_key = t.key AND {SHOWN_WITH_STRUCTURES}
        JOIN mailbox_holder h USING (address_key) JOIN organization o ON {named}
        WHERE t.kind = 'mailbox' AND t.direct AND h.organization_identifier <> ''
        """
        for named in (
            "o.finess = h.organization_identifier",
            "o.legal_entity_finess = h.organization_identifier",
            "o.siret = h.organization_identifier",
            "o.key IN ('R' || h.organization_identifier, 'C' || h.organization_identifier)",
        )
    ),
)


def begin(connection: Connection) -> None:
    """Make the empty table `touched`, and those of `changes`, for this transaction."""
    connection.execute(text(_CREATE))
    changes.begin(connection)


def touch(connection: Connection, records: Iterable[tuple[Kind, str]]) -> None:
    """Note some records."""
    for kind, key in records:
        connection.execute(
            text("INSERT INTO touched (kind, key) VALUES (:kind, :key) ON CONFLICT DO NOTHING"),
            {"kind": kind, "key": key},
        )


def touch_domains(connection: Connection, table: str) -> None:
    """Note the mailboxes of the domains in the temporary table `table` (one column, `domain`)."""
    statement = f"""
        INSERT INTO touched (kind, key) SELECT 'mailbox', m.address_key FROM mailbox m JOIN {table} USING (domain)
        ON CONFLICT DO NOTHING
    """
    connection.execute(text(statement))


def touch_ended(connection: Connection, organization_key: str) -> None:
    """Note who worked at a structure until lately."""
    statement = """
        INSERT INTO touched (kind, key, direct, own)
        SELECT DISTINCT 'practitioner', national_id, false, false FROM ended_activity WHERE organization_key = :key
        ON CONFLICT DO NOTHING
    """
    connection.execute(text(statement), {"key": organization_key})


def expand(connection: Connection) -> None:
    """Add to `touched` what depends, in the state the transaction sees now, on what was touched directly."""
    connection.execute(text("ANALYZE touched"))
    for own, selections in ((False, _EXPANSIONS), (True, _BEARERS)):
        for selection in selections:
            statement = f"""
                INSERT INTO touched (kind, key, direct, own)
                SELECT DISTINCT kind, key, false, {own} FROM ({selection}) AS found (kind, key)
                ON CONFLICT (kind, key) DO UPDATE SET own = true WHERE excluded.own AND NOT touched.own
            """
            connection.execute(text(statement))


def publish(connection: Connection, *, reset: bool, white_list: bool = False) -> int:
    """Take the next revision and write its feed; returns the revision.

    The row lock of `register_state` is taken here, last, and held to the commit: revisions become visible in order,
    and a follower that has seen one has seen all before it. With `reset` (a first load), or after a change of a large
    share of everything, that is one line instead of millions.
    """
    revision = _next_revision(connection)
    if reset:
        changes.forget(connection)
    else:
        changes.note(connection)
    if reset or _large(connection):
        _mark(connection, revision, RESET)
    else:
        connection.execute(
            text("INSERT INTO feed (revision, kind, key) SELECT :revision, kind, key FROM touched"),
            {"revision": revision},
        )
    if white_list:
        _mark(connection, revision, WHITE_LIST)
    _announce(connection, revision)
    return revision


def publish_accounts(connection: Connection, names: Iterable[str]) -> int:
    """Take the next revision for accounts that have changed; returns it."""
    revision = _next_revision(connection)
    connection.execute(
        text("INSERT INTO feed (revision, kind, key) VALUES (:revision, :kind, :name)"),
        [{"revision": revision, "kind": ACCOUNT, "name": name} for name in names],
    )
    _announce(connection, revision)
    return revision


def publish_withdrawal(connection: Connection, *, lifted: bool) -> int:
    """Take the next revision for records that are hidden, or shown again, and write what `touched` holds of them."""
    revision = _next_revision(connection)
    changes.note(connection)
    connection.execute(
        text("INSERT INTO feed (revision, kind, key) SELECT :revision, kind, key FROM touched"), {"revision": revision}
    )
    if not lifted:
        _mark(connection, revision, WITHDRAWAL)
    _mark(connection, revision, WHITE_LIST)  # an operator may bear the name of a structure that is withdrawn
    _announce(connection, revision)
    return revision


def _next_revision(connection: Connection) -> int:
    taken = "UPDATE register_state SET revision = revision + 1, committed_at = clock_timestamp() RETURNING revision"
    return int(connection.execute(text(taken)).scalar_one())


def _mark(connection: Connection, revision: int, kind: str) -> None:
    """A line that names no record."""
    connection.execute(
        text("INSERT INTO feed (revision, kind, key) VALUES (:revision, :kind, '')"),
        {"revision": revision, "kind": kind},
    )


def _announce(connection: Connection, revision: int) -> None:
    """The line that every revision has, so that a missing revision is a gap and nothing else; and the notice."""
    _mark(connection, revision, STATE)
    connection.execute(text("DELETE FROM feed WHERE at < clock_timestamp() - make_interval(days => :days)"),
                       {"days": KEEP_DAYS})  # fmt: skip
    connection.execute(text("SELECT pg_notify(:channel, :revision)"),
                       {"channel": FEED_CHANNEL, "revision": str(revision)})  # fmt: skip


def _large(connection: Connection) -> bool:
    touched, documents = connection.execute(
        text(
            "SELECT (SELECT count(*) FROM touched), (SELECT count(*) FROM practitioner) + "
            "(SELECT count(*) FROM organization) + (SELECT count(*) FROM mailbox)"
        )
    ).one()
    # Small registers are followed whatever the share: a rebuild costs more than a few hundred documents.
    return bool(touched > 1000 and touched > _RESET_SHARE * documents)
