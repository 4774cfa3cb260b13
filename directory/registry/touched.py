"""Which records some revisions touched, for who keeps a copy."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from directory.model import RESET, Kind
from directory.registry.feed import NO_RECORDS, WITHDRAWAL
from directory.registry.withdrawals import read_withdrawn

_KNOWN: Final = """
    SELECT (SELECT CAST(epoch AS text) FROM register_state) = :epoch
        AND count(DISTINCT revision) = :until - :since AND NOT coalesce(bool_or(kind = :reset), false)
    FROM feed WHERE revision > :since AND revision <= :until
"""
_TOUCHED: Final = """
    SELECT kind, key, bool_or(revision IN (SELECT revision FROM feed WHERE kind = :withdrawal)) AS withdrawn_here
    FROM feed
    WHERE revision > :since AND revision <= :until AND NOT kind = ANY (:none) AND (kind, key) > (:kind, :key)
    GROUP BY kind, key ORDER BY kind, key LIMIT :most
"""
Record = tuple[Kind, str]


def between(
    connection: Connection, epoch: str, since: int, until: int, after: Record | None, limit: int
) -> tuple[list[Record], Record | None] | None:
    """The records that the revisions after `since` up to `until` touched, in the order of kind and key, those after a
    record; and the last one looked at, where there are more. None when the feed does not tell all of them.

    What is withdrawn is told only of the revision that withdrew it: who has a copy from before has to know, who has not
    must not hear of it.
    """
    revisions = {"since": since, "until": until}
    if not connection.execute(text(_KNOWN), {**revisions, "epoch": epoch, "reset": RESET}).scalar_one():
        return None
    kind, key = after or ("", "")
    wanted = {"withdrawal": WITHDRAWAL, "none": list(NO_RECORDS), "kind": str(kind), "key": key, "most": limit + 1}
    rows = connection.execute(text(_TOUCHED), revisions | wanted).all()
    withdrawn = read_withdrawn(connection)
    hidden = {
        Kind.PRACTITIONER: withdrawn.practitioners,
        Kind.ORGANIZATION: withdrawn.organizations,
        Kind.MAILBOX: withdrawn.mailboxes,
    }
    looked_at = [(Kind(row.kind), str(row.key), bool(row.withdrawn_here)) for row in rows[:limit]]
    found = [(kind, key) for kind, key, here in looked_at if here or key not in hidden[kind]]
    return found, looked_at[-1][:2] if len(rows) > limit else None
