"""The accounts' copy in an index, in the named database `accounts` (absent in an index made before there were any).

| Key                      | Value                                           |
|--------------------------|-------------------------------------------------|
| `pepper`                 | the key of the digests of secrets               |
| `a`, name                | the account (`encode`)                          |
| `k`, key id              | the name of the account that has the credential |
| `c`, digest of the names | the name of the account of a certificate        |
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from typing import Any, Final, Protocol

import orjson

from directory.accounts import Account, AccountKind, AccountList, Credential, CredentialKind, Scope

DATABASE: Final = "accounts"

_PEPPER: Final = b"pepper"
_NAMED, _KEYED, _CERTIFIED = b"a", b"k", b"c"


class Values(Protocol):
    """What a copy is read from: a snapshot."""

    def value(self, database: str, key: bytes) -> bytes | None: ...

    def holds(self, database: str) -> bool: ...


class AccountCopy:
    """A `directory.accounts.AccountBook` over a snapshot; valid while that is open."""

    __slots__ = ("_values",)

    def __init__(self, values: Values) -> None:
        self._values = values

    @property
    def pepper(self) -> bytes:
        return self._get(_PEPPER) or b""

    def named(self, name: str) -> Account | None:
        found = self._get(_NAMED + name.encode()) if len(name) < 100 else None
        return decode(found) if found is not None else None

    def keyed(self, key_id: str) -> Account | None:
        return self._under(_KEYED + key_id.encode())

    def certified(self, key: str) -> Account | None:
        return self._under(_CERTIFIED + _short(key))

    def _under(self, key: bytes) -> Account | None:
        name = self._get(key)
        return self.named(name.decode()) if name is not None else None

    def _get(self, key: bytes) -> bytes | None:
        return self._values.value(DATABASE, key) if self._values.holds(DATABASE) else None


def pairs(held: AccountList) -> Iterator[tuple[bytes, bytes]]:
    """All that the database holds."""
    yield _PEPPER, held.pepper
    for account in held.accounts:
        name = account.name.encode()
        yield _NAMED + name, encode(account)
        for one in account.credentials:
            yield _KEYED + one.key_id.encode(), name
            if one.kind is CredentialKind.CERTIFICATE:
                yield _CERTIFIED + _short(one.verifier), name


def write(txn: Any, database: Any, held: AccountList) -> None:
    """Replace the copy. Accounts are few: a change writes them all."""
    txn.drop(database, delete=False)
    for key, value in pairs(held):
        txn.put(key, value, db=database)


def filled(txn: Any, database: Any) -> bool:
    """Whether the copy has been written at all."""
    return txn.get(_PEPPER, db=database) is not None


def encode(account: Account) -> bytes:
    return orjson.dumps(
        {
            "name": account.name,
            "kind": account.kind,
            "scopes": sorted(account.scopes),
            "created_at": account.created_at,
            "expires_at": account.expires_at,
            "credentials": [
                {
                    "key_id": one.key_id,
                    "kind": one.kind,
                    "verifier": one.verifier,
                    "created_at": one.created_at,
                    "expires_at": one.expires_at,
                }
                for one in account.credentials
            ],
        }
    )


def decode(value: bytes) -> Account:
    found = orjson.loads(value)
    return Account(
        name=found["name"],
        kind=AccountKind(found["kind"]),
        scopes=frozenset(map(Scope, found["scopes"])),
        created_at=dt.datetime.fromisoformat(found["created_at"]),
        expires_at=_moment(found["expires_at"]),
        credentials=tuple(
            Credential(
                key_id=one["key_id"],
                kind=CredentialKind(one["kind"]),
                verifier=one["verifier"],
                created_at=dt.datetime.fromisoformat(one["created_at"]),
                expires_at=_moment(one["expires_at"]),
            )
            for one in found["credentials"]
        ),
    )


def name_of(key: bytes) -> str:
    """What a key is about, for people."""
    return "pepper" if key == _PEPPER else key[1:].decode("ascii", "backslashreplace")


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text is not None else None


def _short(key: str) -> bytes:
    """Names in certificates may be longer than a key of LMDB."""
    return hashlib.sha256(key.encode()).hexdigest().encode()
