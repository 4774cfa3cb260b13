"""One import as one transaction: compare by digest, stage what differs by COPY, merge, write the feed.

A *source* is one file's contribution to the register: the records it makes are told apart by a key, and each key's
lines are summed up in a 128-bit digest kept in table `digest`. An import compares digests, stages only the lines of
keys that are new or differ, and replaces those keys' rows; a key that is absent is removed. Nothing is written for the
others, so an unchanged night writes nothing.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, Table, select, text, update

from directory.model import Kind
from directory.registry import feed
from directory.registry.database import Database
from directory.registry.tables import (
    activity,
    code_label,
    diploma,
    exercise,
    expertise,
    mailbox,
    mailbox_holder,
    operator,
    organization,
    practitioner,
    register_state,
    trusted_domain,
)

_COPY: Final = "(FORMAT csv, DELIMITER '|', QUOTE E'\\x01', ESCAPE E'\\x01', NULL E'\\x02')"
"""No quoting and no escaping: the extracts hold no `|`, line feed or control character inside a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A table that a source fills: which rows are its own, and what makes two staged rows the same."""

    table: Table
    key: str
    distinct: tuple[str, ...]
    only: str = "true"  # SQL condition on the source's own rows, where several sources share a table


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file's contribution: the kind of record it changes, and the tables it fills."""

    name: str
    kind: Kind | None
    tables: tuple[Filled, ...]


def _expertise(source: str) -> Filled:
    return Filled(
        table=expertise,
        key="national_id",
        distinct=("national_id", "source", "profession", "category", "expertise_type", "expertise"),
        only=f"source = '{source}'",
    )


ACTIVITY: Final = Source(
    name="activity",
    kind=Kind.PRACTITIONER,
    tables=(
        Filled(table=practitioner, key="national_id", distinct=("national_id",)),
        Filled(table=exercise, key="national_id", distinct=("national_id", "profession", "category")),
        Filled(table=activity, key="national_id", distinct=("national_id", "digest")),
        _expertise("activity"),
    ),
)
ORGANIZATION: Final = Source(
    name="organization",
    kind=Kind.ORGANIZATION,
    tables=(Filled(table=organization, key="key", distinct=("key",)),),
)
EXPERTISE: Final = Source(name="expertise", kind=Kind.PRACTITIONER, tables=(_expertise("expertise"),))
DIPLOMA: Final = Source(
    name="diploma",
    kind=Kind.PRACTITIONER,
    tables=(Filled(table=diploma, key="national_id", distinct=("national_id", "digest")),),
)
MAILBOX: Final = Source(
    name="mailbox",
    kind=Kind.MAILBOX,
    tables=(
        Filled(table=mailbox, key="address_key", distinct=("address_key",)),
        Filled(table=mailbox_holder, key="address_key", distinct=("address_key", "digest")),
    ),
)
TRUSTED_DOMAIN: Final = Source(
    name="trusted_domain",
    kind=None,
    tables=(Filled(table=trusted_domain, key="domain", distinct=("domain", "operator_dn")),),
)
OPERATOR: Final = Source(name="operator", kind=None, tables=(Filled(table=operator, key="dn", distinct=("dn",)),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one source would change: keys with their new digest, and keys to remove.

    `changes` has the columns key, high, low, is_new; `removed` has the column key.
    """

    source: Source
    changes: pl.DataFrame
    removed: pl.DataFrame
    unchanged: int

    @property
    def created(self) -> int:
        return int(self.changes["is_new"].sum())

    @property
    def changed(self) -> int:
        return self.changes.height - self.created

    @property
    def empty(self) -> bool:
        return not self.changes.height and not self.removed.height

    @property
    def stored(self) -> int:
        """How many records the register holds of this source before the merge."""
        return self.unchanged + self.changed + self.removed.height

    def counts(self) -> dict[str, int]:
        return {
            "created": self.created,
            "changed": self.changed,
            "removed": self.removed.height,
            "unchanged": self.unchanged,
        }

    def without_removals(self) -> Plan:
        return Plan(source=self.source, changes=self.changes, removed=self.removed.clear(), unchanged=self.unchanged)


@dataclass(slots=True)
class Merge:
    """The open transaction of one import."""

    connection: Connection
    first_load: bool
    _staged: set[str] = field(default_factory=set)

    def plan(self, source: Source, digests: pl.DataFrame) -> Plan:
        """Compare a file's digests (columns key, high, low; one row per key) with the register's."""
        stored = self._stored(source)
        joined = digests.join(stored, on="key", how="left", suffix="_stored", maintain_order="left")
        differs = pl.col("high_stored").is_null() | (pl.col("high") != pl.col("high_stored")) | (
            pl.col("low") != pl.col("low_stored")
        )  # fmt: skip
        changes = joined.filter(differs).select("key", "high", "low", is_new=pl.col("high_stored").is_null())
        removed = stored.join(digests, on="key", how="anti").select("key")
        unchanged = digests.height - changes.height
        return Plan(source=source, changes=changes, removed=removed, unchanged=unchanged)

    def stage(self, filled: Filled, rows: pl.DataFrame) -> None:
        """COPY rows, whose columns are named like the table's, into the table's stage."""
        name = f"stage_{filled.table.name}"
        if name not in self._staged:
            self._staged.add(name)
            self.connection.execute(
                text(f"CREATE TEMP TABLE {name} (LIKE {filled.table.name} INCLUDING DEFAULTS) ON COMMIT DROP")
            )
            # A stage holds what the file gives; what is filled in while merging may be absent here.
            for column in filled.table.columns:
                if not column.nullable and column.server_default is None:
                    self.connection.execute(text(f'ALTER TABLE {name} ALTER "{column.name}" DROP NOT NULL'))
        if rows.height:
            self.copy(name, rows)

    def copy(self, table: str, rows: pl.DataFrame) -> None:
        columns = ", ".join(f'"{name}"' for name in rows.columns)
        buffer = io.BytesIO()
        rows.write_csv(buffer, separator="|", include_header=False, quote_style="never", null_value="\x02")
        buffer.seek(0)
        with self._cursor() as cursor:
            cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN WITH {_COPY}", buffer)

    def merge(self, plans: list[Plan]) -> None:
        """Replace the rows of changed keys and drop those of removed ones; note in the feed what that touches."""
        feed.begin(self.connection)
        for plan in plans:
            self._keys(plan)
            if plan.source.kind is not None:
                self._touch(plan)
        for plan in plans:
            if plan.source is TRUSTED_DOMAIN and not self.first_load:
                # Mailboxes show whether their domain is listed, not by whom: only what enters or leaves counts.
                moved = f"SELECT key AS domain FROM keys_{plan.source.name} WHERE is_new OR high IS NULL"
                feed.touch_domains(self.connection, f"({moved}) AS k")
        if not self.first_load:
            feed.expand(self.connection)
        for plan in plans:
            self._replace(plan)
        if not self.first_load:
            feed.expand(self.connection)

    def touch_nothing(self) -> None:
        """Prepare to publish a revision that changes no record: only the date of the extract."""
        feed.begin(self.connection)

    def labels(self, labels: pl.DataFrame) -> None:
        """Keep the extracts' labels (columns list, code, label) of codes that the nomenclature does not know."""
        if labels.height:
            statement = text(
                f"INSERT INTO {code_label.name} (list, code, label) VALUES (:list, :code, :label) "
                "ON CONFLICT (list, code) DO UPDATE SET label = excluded.label WHERE code_label.label <> excluded.label"
            )
            self.connection.execute(statement, labels.to_dicts())

    def as_of(self, kind: str) -> dt.datetime | None:
        """The generation time of what the register holds of an import kind (rpps, mailboxes, trusted-domains)."""
        column = register_state.c[_AS_OF[kind]]
        held: dt.datetime | None = self.connection.execute(select(column)).scalar_one()
        return held

    def publish(self, kind: str, as_of: dt.datetime) -> int:
        """Take the next revision; returns it."""
        self.connection.execute(update(register_state).values({_AS_OF[kind]: as_of}))
        return feed.publish(self.connection, first_load=self.first_load)

    def analyze(self, plans: list[Plan]) -> None:
        """Fresh statistics where much has changed, so that tonight's readers get good plans."""
        for plan in plans:
            if plan.changes.height + plan.removed.height > 1000:
                for filled in plan.source.tables:
                    self.connection.execute(text(f"ANALYZE {filled.table.name}"))
                self.connection.execute(text("ANALYZE digest"))

    def _stored(self, source: Source) -> pl.DataFrame:
        buffer = io.BytesIO()
        with self._cursor() as cursor:
            statement = f"SELECT key, high, low FROM digest WHERE source = '{source.name}'"
            cursor.copy_expert(f"COPY ({statement}) TO STDOUT WITH {_COPY}", buffer)
        schema = {"key": pl.String(), "high": pl.Int64(), "low": pl.Int64()}
        if not buffer.tell():
            return pl.DataFrame(schema=schema)
        buffer.seek(0)
        return pl.read_csv(buffer, has_header=False, separator="|", quote_char=None, schema=schema)

    def _keys(self, plan: Plan) -> None:
        """The temporary table keys_<source>: every key that changes, with its new digest; null for those that go."""
        name = f"keys_{plan.source.name}"
        self.connection.execute(
            text(
                f'CREATE TEMP TABLE {name} (key text COLLATE "C" PRIMARY KEY, high bigint, low bigint, '
                "is_new boolean NOT NULL) "
                "ON COMMIT DROP"
            )
        )
        gone = plan.removed.select(
            "key", high=pl.lit(None, pl.Int64), low=pl.lit(None, pl.Int64), is_new=pl.lit(value=False)
        )
        rows = pl.concat([plan.changes.select("key", "high", "low", "is_new"), gone])
        if rows.height:
            self.copy(name, rows)
            self.connection.execute(text(f"ANALYZE {name}"))

    def _touch(self, plan: Plan) -> None:
        assert plan.source.kind is not None
        if not self.first_load:
            self.connection.execute(
                text(
                    f"INSERT INTO touched (kind, key) SELECT :kind, key FROM keys_{plan.source.name} "
                    "ON CONFLICT (kind, key) DO UPDATE SET direct = true"
                ),
                {"kind": str(plan.source.kind)},
            )

    def _replace(self, plan: Plan) -> None:
        keys = f"keys_{plan.source.name}"
        if plan.source is MAILBOX:
            self._stamp_mailboxes()
        for filled in plan.source.tables:
            table = filled.table.name
            if plan.stored:
                self.connection.execute(
                    text(
                        f'DELETE FROM {table} USING {keys} AS k WHERE {table}."{filled.key}" = k.key '
                        f"AND NOT k.is_new AND {filled.only}"
                    )
                )
            if f"stage_{table}" in self._staged:
                self._insert(filled)
        self.connection.execute(
            text(
                f"DELETE FROM digest USING {keys} AS k WHERE source = :source AND digest.key = k.key AND NOT k.is_new"
            ),
            {"source": plan.source.name},
        )
        self.connection.execute(
            text(
                f"INSERT INTO digest (source, key, high, low) SELECT :source, key, high, low FROM {keys} "
                "WHERE high IS NOT NULL"
            ),
            {"source": plan.source.name},
        )

    def _insert(self, filled: Filled) -> None:
        """Staged rows into the table, one per distinct key; where lines disagree the greatest text wins, so that the
        outcome does not depend on the order of lines."""
        columns = [f'"{column.name}"' for column in filled.table.columns]
        distinct = [f'"{name}"' for name in filled.distinct]
        rest = [f"{column} DESC" for column in columns if column not in distinct]
        self.connection.execute(
            text(
                f"INSERT INTO {filled.table.name} ({', '.join(columns)}) "
                f"SELECT DISTINCT ON ({', '.join(distinct)}) {', '.join(columns)} FROM stage_{filled.table.name} "
                f"WHERE {filled.only} ORDER BY {', '.join([*distinct, *rest])}"
            )
        )

    def _stamp_mailboxes(self) -> None:
        """Created when first seen, modified now. Address and type are immutable (DOMAIN section 4 rule 1): another
        type is a new mailbox."""
        if "stage_mailbox" not in self._staged:
            return
        self.connection.execute(text("UPDATE stage_mailbox SET created_at = now(), modified_at = now()"))
        self.connection.execute(
            text(
                "UPDATE stage_mailbox AS s SET created_at = m.created_at FROM mailbox AS m "
                "WHERE m.address_key = s.address_key AND m.kind = s.kind"
            )
        )

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        driver: Any = self.connection.connection.driver_connection
        with driver.cursor() as cursor:
            yield cursor


_AS_OF: Final = {
    "rpps": "rpps_as_of",
    "mailboxes": "mailboxes_as_of",
    "trusted-domains": "trusted_domains_as_of",
}


@contextlib.contextmanager
def begin(database: Database) -> Iterator[Merge]:
    """Open an import's transaction; it is rolled back unless the block ends well."""
    with database.writing() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        revision = connection.execute(select(register_state.c.revision)).scalar_one()
        documents = connection.execute(text("SELECT EXISTS (SELECT FROM practitioner) OR EXISTS (SELECT FROM mailbox)"))
        yield Merge(connection=connection, first_load=revision == 0 or not documents.scalar_one())
