"""Rows copied out of PostgreSQL as text are what a cursor would have given."""

from __future__ import annotations

import pytest

from directory.registry import copying
from directory.registry.copying import copied
from directory.registry.database import Database


def test_values_of_any_characters_come_as_they_are(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = ["", "a\tb", "two\nlines", "\r", "\\N", "\\", "back\\tslash", "été \u2028 \x85 œ", "\v\f\b", "100 %"]
    monkeypatch.setattr(copying, "_IN_MEMORY", 1)
    with database.reading() as connection:
        rows = list(copied(connection, "SELECT value, NULL, value FROM unnest(%(odd)s) AS value", {"odd": odd}))
        assert list(copied(connection, "SELECT 1, true WHERE false", {})) == []
    assert rows == [[value, "", value] for value in odd]
