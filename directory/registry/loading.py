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
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, Table, func, select, text, update

from directory.model import Kind
from directory.registry import changes, feed, history, slices
from directory.registry.bulk import Bulk
from directory.registry.database import Database
from directory.registry.embedded import follow_priority
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
_MOST_SENT: Final = 3  # batches of rows that may wait to be sent
_PIECE_ROWS: Final = 100_000  # sent in one COPY
_PIECE_BYTES: Final = 2**17
_READ_BYTES: Final = 2**22
_MANY: Final = 100_000  # records of one kind, all of them new
_STALE_FROM: Final = 1000  # changes, besides the share of all records, from which on statistics are taken anew
_STALE_SHARE: Final = 0.1


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

    `changes` has the columns key, high, low, raw, is_new; `removed` has the column key; `restated` (key, raw) are the
    records that say the same in other bytes.
    """

    source: Source
    changes: pl.DataFrame
    removed: pl.DataFrame
    restated: pl.DataFrame
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
        return replace(self, removed=self.removed.clear(), unchanged=self.unchanged + self.removed.height)


class Merge:
    """The open transaction of one import.

    What is sent to the database, or asked of it in bulk, goes through one thread of its own, so that the next block is
    parsed meanwhile; everything else waits for that thread first (`settle`).
    """

    def __init__(self, connection: Connection, *, first_load: bool) -> None:
        self.connection = connection
        self.first_load = first_load
        self.now: dt.datetime = connection.execute(select(func.now())).scalar_one()
        self._bulk = Bulk(connection)
        self._staged: set[str] = set()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="copy")
        self._sent: deque[Future[None]] = deque()
        self._reset = first_load

    def stored(self, source: Source) -> Future[pl.DataFrame]:
        """The register's keys of a source, each with the digest of its lines' bytes: columns key, raw."""
        statement = f"SELECT key, raw FROM digest WHERE source = '{source.name}'"
        return self._worker.submit(self._read, statement, {"key": pl.String(), "raw": pl.Int64()})

    def plan(self, source: Source, digests: pl.DataFrame, considered: pl.DataFrame | None = None) -> Plan:
        """Compare a file's digests (columns key, high, low, raw; one row per key) with the register's.

        `considered` (column key) are the stored records that the digests are the whole truth about; the others are
        known to be unchanged. None: all of them.
        """
        self.settle()
        stored = self._digests(source, considered)
        if not stored.height:
            return _all_new(source, digests, self._number(source) if considered is not None else 0)
        joined = digests.join(stored, on="key", how="left", suffix="_stored", maintain_order="left")
        differs = pl.col("high_stored").is_null() | (pl.col("high") != pl.col("high_stored")) | (
            pl.col("low") != pl.col("low_stored")
        )  # fmt: skip
        changes = joined.filter(differs).select("key", "high", "low", "raw", is_new=pl.col("high_stored").is_null())
        restated = joined.filter(~differs & pl.col("raw").ne_missing(pl.col("raw_stored"))).select("key", "raw")
        removed = stored.join(digests, on="key", how="anti").select("key")
        total = stored.height if considered is None else self._number(source)
        changed = changes.height - int(changes["is_new"].sum())
        unchanged = total - changed - removed.height
        return Plan(source=source, changes=changes, removed=removed, restated=restated, unchanged=unchanged)

    def workplaces(self, people: pl.DataFrame) -> pl.DataFrame:
        """The structures (column key) where the register says that these people (column key) work."""
        return self._related(people, "national_id", "organization_key")

    def working_at(self, organizations: pl.DataFrame) -> pl.DataFrame:
        """The people (column key) of whom the register says that they work at these structures (column key)."""
        return self._related(organizations, "organization_key", "national_id")

    def of_departments(self, kind: Kind, keys: pl.DataFrame, *, at_least: int) -> list[tuple[str, int, int]]:
        """département, how many rows of these records (column key) it has, and how many of all; where they are
        `at_least` so many."""
        self.settle()
        self._temporary("known", keys.select("key"), 'key text COLLATE "C"')
        placed = slices.PLACED[kind]
        found = self.connection.execute(
            text(
                f"WITH shares AS (SELECT department, count(*) AS n FROM {placed} AS p JOIN known USING (key) "
                "WHERE department <> '' GROUP BY department HAVING count(*) >= :least) "
                f"SELECT department, n, count(*) FROM {placed} AS p JOIN shares USING (department) "
                "GROUP BY department, n ORDER BY n DESC, department"
            ),
            {"least": at_least},
        ).all()
        self.connection.execute(text("DROP TABLE known"))
        return [(code, number, stored) for code, number, stored in found]

    def by_slice(self, kind: Kind, keys: pl.DataFrame) -> dict[str, dict[str, int]]:
        """How many of these records (column key) there are by `profession` and by `department`, by code."""
        found: dict[str, dict[str, int]] = {}
        if not keys.height:
            return found
        self.settle()
        self._temporary("known", keys.select("key"), 'key text COLLATE "C"')
        self.connection.execute(text("ANALYZE known"))
        for column, of_kind in (("profession", slices.PROFESSED), ("department", slices.PLACED)):
            if kind in of_kind:
                counted = self.connection.execute(
                    text(
                        f"SELECT {column}, count(DISTINCT key) FROM {of_kind[kind]} AS p JOIN known USING (key) "
                        f"WHERE {column} <> '' GROUP BY {column}"
                    )
                )
                found[column] = {row[0]: row[1] for row in counted}
        self.connection.execute(text("DROP TABLE known"))
        return found

    def mailboxes_at(self, domain: str) -> int:
        """How many mailboxes the register has at a domain."""
        counted = select(func.count()).select_from(mailbox).where(mailbox.c.domain == domain)
        return int(self.connection.execute(counted).scalar_one())

    def operator_of(self, domain: str) -> str:
        """Who runs a domain, in brackets; nothing where the white list does not say."""
        of_domain = trusted_domain.join(operator, operator.c.dn == trusted_domain.c.operator_dn)
        named = select(operator.c.organization_name, operator.c.common_name).select_from(of_domain)
        row = self.connection.execute(named.where(trusted_domain.c.domain == domain).limit(1)).one_or_none()
        return f" ({row[0] or row[1]})" if row is not None else ""

    def stage(self, filled: Filled, rows: pl.DataFrame) -> None:
        """COPY rows, whose columns are named like the table's, into the table's stage, or into the table when that is
        empty. All rows of a key come together."""
        name = filled.table.name
        # What decides is asked once a table; the thread has nothing to do yet when it is.
        if name not in self._staged:
            self.settle()
            self._staged.add(name)
            if not self._bulk.begin(name):
                self._make_stage(filled)
        target = name if self._bulk.begin(name) else f"stage_{name}"
        self._send(self._copy_distinct, filled, target, rows)

    def settle(self) -> None:
        """Wait until everything sent has arrived."""
        while self._sent:
            self._sent.popleft().result()

    def merge(self, plans: list[Plan], *, run_id: int, history_days: int) -> None:
        """Replace the rows of changed keys and drop those of removed ones; note in the feed what that touches, and in
        the history what it was."""
        self.settle()
        self._bulk.finish()
        feed.begin(self.connection)
        self._reset = self.first_load or any(_fills_a_kind(plan) for plan in plans)
        if not self._reset:
            self._touch_directly(plans)
            if any(plan.source.kind is not None for plan in plans):  # the white list changes no record of its own
                history.keep(self.connection, run_id, history_days, self._bulk.filled)
            feed.expand(self.connection)
            changes.remember(self.connection)
        for plan in plans:
            self._replace(plan)
        self._bulk.finish()
        if not self._reset:
            feed.expand(self.connection)

    def refresh(self, plans: list[Plan]) -> None:
        """Keep the digests of the bytes of records that say the same in other words."""
        update = "UPDATE digest AS d SET raw = r.raw FROM restated r WHERE d.source = :source AND d.key = r.key"
        for plan in plans:
            if plan.restated.height:
                self._temporary("restated", plan.restated, 'key text COLLATE "C", raw bigint')
                self.connection.execute(text(update), {"source": plan.source.name})
                self.connection.execute(text("DROP TABLE restated"))

    def close(self) -> None:
        """End the thread; what it had begun is rolled back with the transaction, or was waited for."""
        self._worker.shutdown(cancel_futures=True)

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
        return feed.publish(self.connection, reset=self._reset, white_list=kind == "trusted-domains")

    def analyze(self, plans: list[Plan]) -> None:
        """Fresh statistics where much has changed, so that tonight's readers get good plans; what ordinary nights add
        up to is left to autovacuum, which goes by the same share."""
        for plan in plans:
            if plan.changes.height + plan.removed.height > _STALE_FROM + _STALE_SHARE * plan.stored:
                for filled in plan.source.tables:
                    self.connection.execute(text(f"ANALYZE {filled.table.name}"))
                self.connection.execute(text("ANALYZE digest"))

    def _digests(self, source: Source, considered: pl.DataFrame | None) -> pl.DataFrame:
        schema = {"key": pl.String(), "high": pl.Int64(), "low": pl.Int64(), "raw": pl.Int64()}
        statement = "SELECT d.key, high, low, raw FROM digest d"
        if considered is None:
            return self._read(f"{statement} WHERE source = '{source.name}'", schema)
        self._temporary("considered", considered.select("key"), 'key text COLLATE "C"')
        found = self._read(f"{statement} JOIN considered USING (key) WHERE source = '{source.name}'", schema)
        self.connection.execute(text("DROP TABLE considered"))
        return found

    def _number(self, source: Source) -> int:
        counted = text("SELECT count(*) FROM digest WHERE source = :source")
        return int(self.connection.execute(counted, {"source": source.name}).scalar_one())

    def _related(self, known: pl.DataFrame, by: str, wanted: str) -> pl.DataFrame:
        self.settle()
        self._temporary("known", known.select("key"), 'key text COLLATE "C"')
        found = self._read(
            f"SELECT DISTINCT {wanted} FROM activity JOIN known ON key = {by} WHERE {wanted} <> ''",
            {"key": pl.String()},
        )
        self.connection.execute(text("DROP TABLE known"))
        return found

    def _temporary(self, name: str, rows: pl.DataFrame, columns: str) -> None:
        self.connection.execute(text(f"CREATE TEMP TABLE {name} ({columns}) ON COMMIT DROP"))
        self._copy(name, rows)
        self.connection.execute(text(f"ANALYZE {name}"))

    def _read(self, statement: str, schema: dict[str, pl.DataType]) -> pl.DataFrame:
        """A query's rows, by COPY."""
        rows = _Rows(schema)
        with self._cursor() as cursor:
            cursor.copy_expert(f"COPY ({statement}) TO STDOUT WITH {_COPY}", rows, size=_PIECE_BYTES)
        return rows.frame()

    def _send(self, work: Callable[..., None], *arguments: Any) -> None:
        if len(self._sent) >= _MOST_SENT:
            self._sent.popleft().result()
        self._sent.append(self._worker.submit(work, *arguments))

    def _copy_distinct(self, filled: Filled, target: str, rows: pl.DataFrame) -> None:
        rows = _one_each(filled, rows)
        if rows.height:
            self._copy(target, rows)

    def _copy(self, table: str, rows: pl.DataFrame) -> None:
        columns = ", ".join(f'"{name}"' for name in rows.columns)
        with self._cursor() as cursor:
            for piece in rows.iter_slices(_PIECE_ROWS):
                buffer = io.BytesIO()
                piece.write_csv(buffer, separator="|", include_header=False, quote_style="never", null_value="\x02")
                buffer.seek(0)
                cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN WITH {_COPY}", buffer, size=_PIECE_BYTES)

    def _make_stage(self, filled: Filled) -> None:
        self.connection.execute(
            text(f"CREATE TEMP TABLE stage_{filled.table.name} (LIKE {filled.table.name} INCLUDING DEFAULTS) "
                 "ON COMMIT DROP")
        )  # fmt: skip

    def _touch_directly(self, plans: list[Plan]) -> None:
        for plan in plans:
            self._keys(plan)
            if plan.source.kind is not None:
                self._touch(plan)
            if plan.source is TRUSTED_DOMAIN:
                # Mailboxes show whether their domain is listed, not by whom: only what enters or leaves counts.
                moved = f"SELECT key AS domain FROM keys_{plan.source.name} WHERE is_new OR high IS NULL"
                feed.touch_domains(self.connection, f"({moved}) AS k")

    def _keys(self, plan: Plan) -> None:
        """The temporary table keys_<source>: every key that changes, with its new digest; null for those that go."""
        none = pl.lit(None, pl.Int64)
        gone = plan.removed.select("key", high=none, low=none, raw=none, is_new=pl.lit(value=False))
        rows = pl.concat([plan.changes.select("key", "high", "low", "raw", "is_new"), gone])
        columns = 'key text COLLATE "C" PRIMARY KEY, high bigint, low bigint, raw bigint, is_new boolean NOT NULL'
        self._temporary(f"keys_{plan.source.name}", rows, columns)

    def _touch(self, plan: Plan) -> None:
        self.connection.execute(
            text(
                f"INSERT INTO touched (kind, key) SELECT :kind, key FROM keys_{plan.source.name} "
                "ON CONFLICT (kind, key) DO UPDATE SET direct = true"
            ),
            {"kind": str(plan.source.kind)},
        )

    def _replace(self, plan: Plan) -> None:
        if not plan.stored:
            self._fill(plan)
            return
        if self._reset:
            self._keys(plan)
        keys = f"keys_{plan.source.name}"
        if plan.source is MAILBOX:
            self._keep_creation()
        for filled in plan.source.tables:
            table = filled.table.name
            self.connection.execute(
                text(
                    f'DELETE FROM {table} USING {keys} AS k WHERE {table}."{filled.key}" = k.key '
                    f"AND NOT k.is_new AND {filled.only}"
                )
            )
            self._insert(filled)
        of_source = {"source": plan.source.name}
        self.connection.execute(
            text(
                f"DELETE FROM digest USING {keys} AS k WHERE source = :source AND digest.key = k.key AND NOT k.is_new"
            ),
            of_source,
        )
        self.connection.execute(
            text(
                f"INSERT INTO digest (source, key, high, low, raw) SELECT :source, key, high, low, raw FROM {keys} "
                "WHERE high IS NOT NULL"
            ),
            of_source,
        )

    def _fill(self, plan: Plan) -> None:
        """A source of which the register held nothing: there is nothing to replace."""
        for filled in plan.source.tables:
            self._insert(filled)
        self._bulk.begin("digest")
        self._copy("digest", plan.changes.select(pl.lit(plan.source.name).alias("source"), "key", "high", "low", "raw"))

    def _insert(self, filled: Filled) -> None:
        table = filled.table.name
        if table in self._staged and not self._bulk.begin(table):
            columns = ", ".join(f'"{column.name}"' for column in filled.table.columns)
            self.connection.execute(
                text(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM stage_{table} WHERE {filled.only}")
            )

    def _keep_creation(self) -> None:
        """A mailbox was created when it was first seen. Address and type are immutable (DOMAIN section 4 rule 1):
        another type is a new mailbox."""
        if "mailbox" in self._staged:
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


def _all_new(source: Source, digests: pl.DataFrame, unchanged: int) -> Plan:
    changes = digests.select("key", "high", "low", "raw", is_new=pl.lit(value=True))
    nothing = digests.clear()
    return Plan(
        source=source,
        changes=changes,
        removed=nothing.select("key"),
        restated=nothing.select("key", "raw"),
        unchanged=unchanged,
    )


class _Rows:
    """Takes what COPY sends and reads it piece by piece, so that only the rows are kept."""

    def __init__(self, schema: dict[str, pl.DataType]) -> None:
        self._schema = schema
        self._text = bytearray()
        self._frames = [pl.DataFrame(schema=schema)]

    def write(self, data: bytes) -> None:
        self._text += data
        if len(self._text) >= _READ_BYTES:
            self._take(self._text.rfind(b"\n") + 1)

    def frame(self) -> pl.DataFrame:
        self._take(len(self._text))
        return pl.concat(self._frames, rechunk=True)

    def _take(self, end: int) -> None:
        if end:
            piece = bytes(self._text[:end])
            del self._text[:end]
            self._frames.append(
                pl.read_csv(
                    piece,
                    has_header=False,
                    separator="|",
                    quote_char=None,
                    schema=self._schema,
                    null_values="\x02",
                    empty_string_is_null=False,
                )
            )


def _fills_a_kind(plan: Plan) -> bool:
    """Whether so many records are new that an index is sooner built anew than told of each."""
    return plan.source.kind is not None and not plan.stored and plan.created >= _MANY


def _one_each(filled: Filled, rows: pl.DataFrame) -> pl.DataFrame:
    """One row per distinct key; where lines disagree the greatest text wins, so that the outcome does not depend on
    the order of lines."""
    rows = rows.unique(maintain_order=True)
    if rows.n_unique(filled.distinct) == rows.height:
        return rows
    rest = [column.name for column in filled.table.columns if column.name in rows.columns]
    ordered = rows.sort([name for name in rest if name not in filled.distinct], descending=True, maintain_order=True)
    return ordered.unique(filled.distinct, keep="first", maintain_order=True)


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
        _lower_priority(connection)
        merge = Merge(connection, first_load=revision == 0 or not documents.scalar_one())
        try:
            yield merge
        finally:
            merge.close()


def _lower_priority(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    if (driver.info.host or "").startswith("/"):
        follow_priority(driver.info.backend_pid)
