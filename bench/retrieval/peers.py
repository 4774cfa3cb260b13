"""What is compared with: searches that a team with a plain PostgreSQL would write, over the same people.

Names are folded by `lower` and `unaccent`, as such a team does. pg_trgm is there twice: over names and towns, as
somebody ends up with who tunes it on queries like these, and over the names alone as its manual shows it, which is
faster. Other forms were tried on the national set. Trades in the indexed text find a little more and take seven times
as long; plain similarity over names and towns, word similarity alone, strict word similarity and the greatest of
several find less.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Final

import psycopg2

from bench.retrieval.letters import plain

_OPTIONS: Final = "-c statement_timeout=60s " + " ".join(
    f"-c pg_trgm.{name}=0.4" for name in ("similarity_threshold", "word_similarity_threshold")
)
_TYPED: Final = "lower(unaccent(%(text)s))"
_PREFIX_COLUMNS: Final = ("family", "given")


@dataclass(frozen=True, slots=True)
class Form:
    """One way to ask pg_trgm: the indexed column, what is found by the index, and the order of that."""

    name: str
    column: str
    found: str
    order: str

    @property
    def index(self) -> str:
        return f"CREATE INDEX ON person USING gin ({self.column} gin_trgm_ops)"

    @property
    def statement(self) -> str:
        clauses = f"WHERE {self.found} ORDER BY {self.order} DESC".replace("%", "%%").replace("$typed", _TYPED)
        return f"SELECT national_id FROM person {clauses} LIMIT %(limit)s"


TOWNS: Final = Form(
    "pg_trgm",
    "name_towns",
    "$typed <% name_towns",
    "word_similarity($typed, name_towns) + similarity(name, $typed)",
)
NAMES: Final = Form("pg_trgm, names only", "name", "name % $typed", "similarity(name, $typed)")
FORMS: Final = (TOWNS, NAMES)


class Trigram:
    """pg_trgm in one of its forms."""

    def __init__(self, dsn: str, form: Form) -> None:
        self.name = form.name
        self._statement = form.statement
        self._connection = _connected(dsn)

    def search(self, text: str, limit: int = 10) -> list[str]:
        with self._connection.cursor() as cursor:
            return _found(cursor, self._statement, {"text": text, "limit": limit})


class ExactPrefix:
    """Every typed word begins the family name or the given name."""

    name = "exact prefix"
    indexes = tuple(f"CREATE INDEX ON person ({column} text_pattern_ops)" for column in _PREFIX_COLUMNS)

    def __init__(self, dsn: str) -> None:
        self._connection = _connected(dsn)

    def search(self, text: str, limit: int = 10) -> list[str]:
        words = [_escaped(word) + "%" for word in plain(text).split()]
        either = " OR ".join(f"{column} LIKE %s" for column in _PREFIX_COLUMNS)
        where = " AND ".join([f"({either})"] * len(words))
        values = [word for word in words for _ in _PREFIX_COLUMNS]
        with self._connection.cursor() as cursor:
            statement = f"SELECT national_id FROM person WHERE {where} ORDER BY family, given LIMIT %s"
            return _found(cursor, statement, [*values, limit])


def _found(cursor: Any, statement: str, values: Any) -> list[str]:
    """National identifiers; no answer in time is an empty one."""
    try:
        cursor.execute(statement, values)
    except psycopg2.errors.QueryCanceled:
        return []
    return [national_id for (national_id,) in cursor]


def index(dsn: str) -> None:
    """The indexes of all of them, and statistics for the planner."""
    with contextlib.closing(_connected(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in (*(form.index for form in FORMS), *ExactPrefix.indexes, "VACUUM ANALYZE person"):
            cursor.execute(statement)


def _connected(dsn: str) -> psycopg2.extensions.connection:
    connection = psycopg2.connect(dsn, options=_OPTIONS)
    connection.autocommit = True
    return connection


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
