"""The yardstick: a bare COPY of the extract's files into unindexed unlogged tables of texts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, Any, Final

from directory.registry.database import Database

_PREFIXES: Final = ("PS_LibreAcces_", "Extraction_Correspondance_MSSante_")
_BLOCK: Final = 2**20
# Columns are texts, as many as the header has; nothing quotes or escapes.
_COPY: Final = "COPY {table} FROM STDIN WITH (FORMAT csv, DELIMITER '|', QUOTE E'\\x01', ESCAPE E'\\x01')"


def files_of(extract: Path) -> list[Path]:
    """The four files of an extract.

    Raises:
        FileNotFoundError: they are not there.
    """
    found = sorted(path for path in extract.glob("*.txt") if path.name.startswith(_PREFIXES))
    if len(found) != 4:
        raise FileNotFoundError(f"{extract} holds {len(found)} of the four files")
    return found


def yardstick(database: Database, extract: Path) -> float:
    """Seconds that a bare COPY of the four files takes; what it made is dropped again."""
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    seconds = 0.0
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            for number, path in enumerate(files_of(extract)):
                table = f"yardstick_{number}"
                try:
                    seconds += _copied(cursor, table, path)
                finally:
                    cursor.execute(f"DROP TABLE IF EXISTS {table}")
    return seconds


def _copied(cursor: Any, table: str, path: Path) -> float:
    with path.open("rb") as file:
        header = file.readline()
        columns = ", ".join(f"c{place} text" for place in range(header.count(b"|") + 1))
        cursor.execute(f"CREATE UNLOGGED TABLE {table} ({columns})")
        began = time.monotonic()
        cursor.copy_expert(_COPY.format(table=table), _Sound(file, header.count(b"|")), size=_BLOCK)
        return time.monotonic() - began


class _Sound:
    """A file without its few broken lines, which COPY would stop at."""

    def __init__(self, file: IO[bytes], bars: int) -> None:
        self._file, self._bars = file, bars
        self._rest = b""

    def read(self, size: int) -> bytes:
        if not self._rest:
            block = self._file.read(_BLOCK) + self._file.readline()
            if not self._whole(block, block.count(b"\n")):
                block = b"".join(line for line in block.splitlines(keepends=True) if self._whole(line, 1))
            self._rest = block
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def _whole(self, block: bytes, lines: int) -> bool:
        try:
            block.decode()
        except UnicodeDecodeError:
            return False
        return block.count(b"|") == lines * self._bars
