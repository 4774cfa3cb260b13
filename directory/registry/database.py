"""Opens the register: the embedded server or the one of `ANNUAIRE_DATABASE_URL`, with its schema current.

Driver errors become `Unavailable` here, in `Database.reading` and `Database.writing`, through which every statement of
the registry goes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psycopg2
from psycopg2.errors import UndefinedColumn, UndefinedTable
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import QueuePool

from directory.errors import Unavailable
from directory.registry.embedded import Embedded
from directory.registry.schema import migrate
from directory.settings import Settings


@dataclass(frozen=True, slots=True)
class Database:
    """An open register; `url` lets another process of this node open it too while this one is open."""

    engine: Engine
    url: str

    def reading(self) -> AbstractContextManager[Connection]:
        """A REPEATABLE READ, READ ONLY transaction: everything read in it is of one state."""
        return _reading(self.engine)

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that is committed when the block ends well."""
        return _writing(self.engine)


@contextlib.contextmanager
def open_database(settings: Settings, *, reader: bool = False) -> Iterator[Database]:
    """Open the register for as long as the block runs. A writer brings the schema up to date first.

    Raises:
        Unavailable: the server cannot be reached or started, or the schema cannot be brought up to date in time.
    """
    with served(settings, reader=reader) as url:
        database = connect(url)
        try:
            # A reader of the embedded register may be the first to open it.
            if not reader or settings.database_url is None:
                with translated():
                    migrate(database.engine)
            yield database
        finally:
            database.engine.dispose()


def connect(url: str) -> Database:
    """A database by its URL, already served; nothing is contacted yet."""
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=2, max_overflow=2, pool_pre_ping=True, connect_args={"connect_timeout": 5}
    )
    return Database(engine=engine, url=url)


def reader_url(settings: Settings) -> str:
    """Where this node's follower reads; the embedded server is started by the supervisor."""
    url = settings.reader_database_url or settings.database_url
    return _driver(url) if url else Embedded(settings.data_dir).url


@contextlib.contextmanager
def served(settings: Settings, *, reader: bool = False) -> Iterator[str]:
    """The URL of the register's database, whose server runs for as long as the block does."""
    if settings.database_url is not None:
        yield reader_url(settings) if reader else _driver(settings.database_url)
        return
    embedded = Embedded(settings.data_dir)
    embedded.acquire()
    try:
        yield embedded.url
    finally:
        embedded.release()


def _driver(url: str) -> str:
    """People write postgres:// or postgresql://; SQLAlchemy wants the driver named."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg2://{rest}" if separator and scheme in ("postgres", "postgresql") else url


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's connection errors into `Unavailable`, and a schema that is older than this program, as it is
    between an upgrade and the next writing command; a wrong statement stays a defect."""
    try:
        yield
    except (OperationalError, InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise Unavailable(f"the register's database: {_first_line(error)}") from error
    except DBAPIError as error:
        if isinstance(error.orig, UndefinedColumn | UndefinedTable):
            raise Unavailable("the register's schema is older than this program: annuaire migrate") from error
        if error.connection_invalidated:
            raise Unavailable(f"the register's database: {_first_line(error)}") from error
        raise


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return (str(cause).strip() or "connection lost").splitlines()[0]


@contextlib.contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    with translated(), engine.connect() as connection:
        connection = connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True, postgresql_deferrable=False
        )
        with connection.begin():
            yield connection


@contextlib.contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    with translated(), engine.begin() as connection:
        yield connection
