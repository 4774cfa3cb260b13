"""The white list's copy in an index, in the named database `trust` (absent in an index made before there was one).

| Key         | Value                                                            |
|-------------|------------------------------------------------------------------|
| `as_of`     | when the list was made; empty where the register holds none      |
| `d`, domain | JSON: its operators, each as name, type of identifier, identifier |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any, Final

import orjson

from directory.errors import Unavailable
from directory.index.accounts import Values
from directory.trust import Operator, WhiteList

DATABASE: Final = "trust"

_AS_OF: Final = b"as_of"
_DOMAIN: Final = b"d"


class WhiteListCopy:
    """The white list over a snapshot; valid while that is open."""

    __slots__ = ("_values", "as_of")

    def __init__(self, values: Values) -> None:
        """Raises:
        Unavailable: the index is of before there was one.
        """
        made = values.value(DATABASE, _AS_OF) if values.holds(DATABASE) else None
        if made is None:
            raise Unavailable("the white list is not in the index yet", fr="la liste blanche n'est pas encore indexée")
        self.as_of = dt.datetime.fromisoformat(made.decode()) if made else None
        self._values = values

    def operators(self, domain: str) -> tuple[Operator, ...] | None:
        """Who runs a domain; None when it is not trusted."""
        found = self._values.value(DATABASE, _DOMAIN + domain.encode())
        if found is None:
            return None
        return tuple(
            Operator(name=name, identifier_type=kind, identifier=identifier)
            for name, kind, identifier in orjson.loads(found)
        )


def pairs(held: WhiteList) -> Iterator[tuple[bytes, bytes]]:
    """All that the database holds."""
    yield _AS_OF, held.as_of.isoformat().encode() if held.as_of is not None else b""
    for domain, operators in held.domains.items():
        yield _DOMAIN + domain.encode(), orjson.dumps([astuple(operator) for operator in operators])


def write(txn: Any, database: Any, held: WhiteList) -> None:
    """Replace the copy: a list is some thousand domains, and seldom another one."""
    txn.drop(database, delete=False)
    for key, value in pairs(held):
        txn.put(key, value, db=database)


def filled(txn: Any, database: Any) -> bool:
    """Whether the copy has been written at all."""
    return txn.get(_AS_OF, db=database) is not None


def name_of(key: bytes) -> str:
    """What a key is about, for people."""
    return key.decode() if key == _AS_OF else key[1:].decode()
