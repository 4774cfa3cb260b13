"""History: who was published where, when, and from which file.

Each import keeps what the records that it changes were before, as their rows, without what is empty in them; records
that it leaves alone cost nothing. The state of a record on a day is then the earliest version that was left after that
day, or what the register holds now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Table, Text, insert, text

from directory.errors import NotFound
from directory.model import Kind, Mailbox, Record
from directory.registry import runs
from directory.registry.database import Database, translated
from directory.registry.records import Assembler, Selection
from directory.registry.runs import Run
from directory.registry.tables import (
    activity,
    diploma,
    exercise,
    expertise,
    mailbox,
    mailbox_holder,
    organization,
    practitioner,
)
from directory.registry.withdrawals import read_withdrawn
from directory.withdrawal import Withdrawn

_OWN: Final[Mapping[Kind, Sequence[tuple[Table, str]]]] = {
    Kind.PRACTITIONER: (
        (practitioner, "national_id"),
        (exercise, "national_id"),
        (expertise, "national_id"),
        (activity, "national_id"),
        (diploma, "national_id"),
    ),
    Kind.ORGANIZATION: ((organization, "key"),),
    Kind.MAILBOX: ((mailbox, "address_key"), (mailbox_holder, "address_key")),
}
"""The tables that hold a record, with the column of its key; without a row in the first one it is not there."""

_IMPORT: Final = {Kind.PRACTITIONER: "rpps", Kind.ORGANIZATION: "rpps", Kind.MAILBOX: "mailboxes"}

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a record was from one run to another: `rows` by table.

    `opened` is None where the run is not remembered; `closed` is None for the present.
    """

    opened: Run | None
    closed: Run | None
    rows: Rows


def keep(connection: Connection, run_id: int, keep_days: int, filled: Container[str] = ()) -> None:
    """Keep what the records that the temporary table `touched` names directly are, before a run changes them; forget
    what is older than the setting says. Tables that are `filled` held nothing before this run."""
    for kind, tables in _OWN.items():
        held = [pair for pair in tables if pair[0].name not in filled]
        was_there = tables[0] in held
        connection.execute(
            text(f"""
            INSERT INTO history (kind, key, until_run, until_at, body, about)
            SELECT t.kind, t.key, :run, now(), {_body(held) if was_there else "NULL"},
                {_ABOUT[kind] if was_there else "'{}'"}
            FROM touched t LEFT JOIN {tables[0][0].name} own ON own.{tables[0][1]} = t.key
            WHERE t.kind = :kind AND t.direct
            """),
            {"run": run_id, "kind": kind},
        )
    connection.execute(
        text("DELETE FROM history WHERE until_at < now() - make_interval(days => :days)"), {"days": keep_days}
    )


def _body(tables: Sequence[tuple[Table, str]]) -> str:
    """SQL: the rows of the record `t.key` by table; null where there is none in the first table (`own`)."""
    rows = ", ".join(f"'{table.name}', ({_rows(table, key)})" for table, key in tables)
    return f"CASE WHEN own.{tables[0][1]} IS NOT NULL THEN jsonb_build_object({rows}) END"


def _rows(table: Table, key: str) -> str:
    return f"""
        SELECT coalesce(jsonb_agg((
            SELECT jsonb_object_agg(field.key, field.value) FROM jsonb_each(to_jsonb(r)) AS field
            WHERE field.value NOT IN ('""', 'null')
        )), '[]') FROM {table.name} r WHERE r.{key} = t.key
    """


# By whom, and for which structure, a mailbox was held: a person's or a structure's history is found by it.
_ABOUT: Final = {
    Kind.PRACTITIONER: "'{}'",
    Kind.ORGANIZATION: "'{}'",
    Kind.MAILBOX: """coalesce((
        SELECT array_agg(DISTINCT named) FROM mailbox_holder h
        CROSS JOIN LATERAL (VALUES (h.national_id), (h.organization_identifier)) AS v (named)
        WHERE h.address_key = t.key AND named <> ''
    ), '{}')""",
}


def versions(database: Database, kind: Kind, key: str) -> list[Version]:
    """Every version of a record that is remembered, the latest first.

    Raises:
        NotFound: nothing is known of such a record.
    """
    with database.reading() as connection:
        if _hidden(read_withdrawn(connection), kind, key):
            raise _unknown(key)
        left = connection.execute(
            text("SELECT until_run, body FROM history WHERE kind = :kind AND key = :key ORDER BY until_run"),
            {"kind": kind, "key": key},
        ).all()
        present = _present(connection, kind, key)
        closing = runs.of_numbers(connection, [row.until_run for row in left])
        first = runs.first_applied(connection, _IMPORT[kind])
    found: list[Version] = []
    # What was there from the beginning came with the first import, unless that is more than is remembered.
    opened = first
    for row in left:
        closed = closing.get(row.until_run)
        if row.body is not None:
            found.append(Version(opened=opened, closed=closed, rows=row.body))
        opened = closed
    if present is not None:
        found.append(Version(opened=opened, closed=None, rows=present))
    if not found:
        raise _unknown(key)
    return list(reversed(found))


def record_on(database: Database, kind: Kind, key: str, at: dt.datetime) -> Record:
    """A record as it was shown at an instant, with what it quoted of others then.

    The rows of that instant are put into temporary tables that stand before the register's own, so that a record of
    the past is put together by the very statements that put together one of today.

    Raises:
        NotFound: it was not there then, or nothing is remembered of it, or of that time.
    """
    with translated(), database.engine.connect() as connection, connection.begin() as transaction:
        withdrawn = read_withdrawn(connection)
        first = runs.first_applied(connection, _IMPORT[kind])
        if first is not None and first.finished_at is not None and at < first.finished_at:
            raise forgotten(at)
        past = _Past(connection, at)
        rows = past.rows(kind, key)
        if rows is None or _hidden(withdrawn, kind, key):
            raise _unknown(key)
        past.restore(_RELATED[kind](past, key, rows))
        found = next(Assembler(connection).read(kind, Selection(keys=(key,))), None)
        transaction.rollback()
    shown = withdrawn.shown(found) if found is not None else None
    if shown is None:
        raise _unknown(key)
    # When a record last changed is known of the present only; a mailbox has had its own date all along.
    return shown if isinstance(shown, Mailbox) else replace(shown, modified_at=None)


def held_by(database: Database, identifier: str) -> list[str]:
    """The addresses in lower case that a person (national identifier) or structure (FINESS, SIRET …) holds or held."""
    with database.reading() as connection:
        withdrawn = read_withdrawn(connection)
        return sorted(set(_addresses(connection, [identifier])) - withdrawn.mailboxes)


class _Past:
    """The register at an instant."""

    def __init__(self, connection: Connection, at: dt.datetime) -> None:
        self.connection = connection
        self._at = at

    def rows(self, kind: Kind, key: str) -> Rows | None:
        left = self.connection.execute(
            text(
                "SELECT body FROM history WHERE kind = :kind AND key = :key AND until_at > :at "
                "ORDER BY until_at LIMIT 1"
            ),
            {"kind": kind, "key": key, "at": self._at},
        ).first()
        return _present(self.connection, kind, key) if left is None else left.body

    def restore(self, records: Mapping[tuple[Kind, str], Rows | None]) -> None:
        """Put records into temporary tables of the register's names."""
        for kind, tables in _OWN.items():
            for table, column in tables:
                self.connection.execute(
                    text(f"CREATE TEMP TABLE {table.name} (LIKE {table.name} INCLUDING DEFAULTS) ON COMMIT DROP")
                )
                rows = [
                    {name.name: {column: key, **row}.get(name.name, "" if isinstance(name.type, Text) else None)
                     for name in table.c}
                    for (found, key), held in records.items()
                    if found is kind and held is not None
                    for row in held.get(table.name, ())
                ]  # fmt: skip
                if rows:
                    self.connection.execute(insert(table), rows)

    def structures(self, rows: Rows | None) -> Iterator[tuple[Kind, str]]:
        """Where somebody worked."""
        for row in (rows or {}).get("activity", ()):
            if row.get("organization_key"):
                yield Kind.ORGANIZATION, row["organization_key"]

    def named(self, mailboxes: Iterable[Rows | None]) -> Iterator[tuple[Kind, str]]:
        """The structures that mailboxes' rows may name: all of a number's, as which one is meant is known only where
        there is one."""
        rows = [row for held in mailboxes if held is not None for row in held.get("mailbox_holder", ())]
        numbers = list({row["organization_identifier"] for row in rows if row.get("organization_identifier")})
        statement = "SELECT key FROM organization WHERE finess = ANY (:named) OR siret = ANY (:named)"
        found = self.connection.execute(text(statement), {"named": numbers}).scalars()
        # Keys are made of such numbers: those of structures that have left are known by that.
        keys = {*found, *(letter + number for number in numbers for letter in "FRC")}
        return ((Kind.ORGANIZATION, key) for key in keys)

    def every(self, keys: Iterable[tuple[Kind, str]]) -> dict[tuple[Kind, str], Rows | None]:
        return {(kind, key): self.rows(kind, key) for kind, key in dict.fromkeys(keys)}


def _of_practitioner(past: _Past, key: str, rows: Rows) -> dict[tuple[Kind, str], Rows | None]:
    mailboxes = past.every((Kind.MAILBOX, address) for address in _addresses(past.connection, [key]))
    structures = past.every([*past.structures(rows), *past.named(mailboxes.values())])
    return {(Kind.PRACTITIONER, key): rows} | mailboxes | structures


def _of_organization(past: _Past, key: str, rows: Rows) -> dict[tuple[Kind, str], Rows | None]:
    own = rows["organization"][0]
    named = [own.get("finess"), own.get("legal_entity_finess"), own.get("siret"), key[1:]]
    addresses = _addresses(past.connection, [one for one in named if one])
    return {(Kind.ORGANIZATION, key): rows} | past.every((Kind.MAILBOX, address) for address in addresses)


def _of_mailbox(past: _Past, key: str, rows: Rows) -> dict[tuple[Kind, str], Rows | None]:
    holders = rows.get("mailbox_holder", ())
    people = past.every((Kind.PRACTITIONER, row["national_id"]) for row in holders if row.get("national_id"))
    places = (place for person in people.values() for place in past.structures(person))
    return {(Kind.MAILBOX, key): rows} | people | past.every([*places, *past.named([rows])])


_RELATED: Final = {
    Kind.PRACTITIONER: _of_practitioner,
    Kind.ORGANIZATION: _of_organization,
    Kind.MAILBOX: _of_mailbox,
}


def _addresses(connection: Connection, named: Sequence[str]) -> list[str]:
    """The mailboxes that name somebody, now or as far as is remembered."""
    statement = """
        SELECT address_key FROM mailbox_holder
        WHERE national_id = ANY (:named) OR organization_identifier = ANY (:named)
        UNION SELECT key FROM history WHERE about && CAST(:named AS text[])
    """
    return list(connection.execute(text(statement), {"named": list(named)}).scalars())


def _present(connection: Connection, kind: Kind, key: str) -> Rows | None:
    tables = _OWN[kind]
    statement = f"""
        SELECT {_body(tables)} FROM (SELECT CAST(:key AS text) COLLATE "C" AS key) AS t
        LEFT JOIN {tables[0][0].name} own ON own.{tables[0][1]} = t.key
    """
    found: Rows | None = connection.execute(text(statement), {"key": key}).scalar_one()
    return found


def _hidden(withdrawn: Withdrawn, kind: Kind, key: str) -> bool:
    hidden = {
        Kind.PRACTITIONER: withdrawn.practitioners,
        Kind.ORGANIZATION: withdrawn.organizations,
        Kind.MAILBOX: withdrawn.mailboxes,
    }
    return key in hidden[kind]


def forgotten(at: dt.datetime) -> NotFound:
    """Nothing is remembered of a moment: before the first import, or longer ago than history is kept."""
    return NotFound(f"nothing is remembered of {at:%Y-%m-%d %H:%M}", fr=f"rien n'est retenu du {at:%d/%m/%Y %H:%M}")


def _unknown(key: str) -> NotFound:
    return NotFound(f"nothing is known of {key}", fr=f"rien n'est connu de {key}")
