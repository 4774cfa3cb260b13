"""Accounts: who may ask for more than anybody, and how they prove to be who they say (shared by LDAP and REST).

Front-ends verify against the copy in the node's index (`AccountBook`), so that it works with the database gone.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from directory import credentials
from directory.callers.caller import CallerClass
from directory.errors import InvalidInput

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")


class AccountKind(enum.StrEnum):
    """What stands behind an account; it decides the class of limits."""

    GATEWAY = "gateway"  # a mail gateway: asks for whole addresses, very often
    APPLICATION = "application"
    PERSON = "person"


class Scope(enum.StrEnum):
    """What an account may do beyond what anybody may."""

    SEARCH = "search"
    RESOLVE = "resolve"  # whole addresses and identifiers, many at a time
    EXPORT = "export"
    CHANGES = "changes"
    HISTORY = "history"  # what records were, and what imports rejected


DEFAULT_SCOPES: Final = {
    AccountKind.GATEWAY: frozenset({Scope.RESOLVE}),
    AccountKind.APPLICATION: frozenset({Scope.SEARCH, Scope.RESOLVE}),
    AccountKind.PERSON: frozenset({Scope.SEARCH, Scope.RESOLVE}),
}


class CredentialKind(enum.StrEnum):
    SECRET = "secret"  # noqa: S105 - the names of kinds
    PASSWORD = "password"  # noqa: S105
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One proof of identity. `verifier` is what is kept of it: the keyed digest of a secret, the Argon2id hash of a
    password, issuer and subject of a certificate (`credentials.certificate_key`)."""

    key_id: str
    kind: CredentialKind
    verifier: str
    created_at: dt.datetime
    expires_at: dt.datetime | None = None

    def valid(self, now: dt.datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A gateway, a program or a person that the directory knows by name."""

    name: str
    kind: AccountKind
    scopes: frozenset[Scope]
    created_at: dt.datetime
    expires_at: dt.datetime | None = None
    revoked_at: dt.datetime | None = None
    credentials: tuple[Credential, ...] = ()

    @property
    def caller_class(self) -> CallerClass:
        return CallerClass.GATEWAY if self.kind is AccountKind.GATEWAY else CallerClass.KNOWN

    def valid(self, now: dt.datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def usable(self, kind: CredentialKind, now: dt.datetime) -> list[Credential]:
        """Its credentials of a kind that are good now."""
        if not self.valid(now):
            return []
        return [one for one in self.credentials if one.kind is kind and one.valid(now)]


def new_secret(pepper: bytes, *, expires_at: dt.datetime | None = None) -> tuple[Credential, str]:
    """A random secret: what is kept of it, and the text to show once."""
    secret = credentials.new_secret()
    kept = credentials.digest(pepper, secret.text)
    return _new(secret.key_id, CredentialKind.SECRET, kept, expires_at), secret.text


def new_password(password: str, *, expires_at: dt.datetime | None = None) -> Credential:
    """What is kept of a password.

    Raises:
        InvalidInput: it is too short.
    """
    kept = credentials.hash_password(password)
    return _new(credentials.new_key_id(), CredentialKind.PASSWORD, kept, expires_at)


def new_certificate(issuer: str, subject: str, *, expires_at: dt.datetime | None = None) -> Credential:
    """What is kept of a client certificate.

    Raises:
        InvalidInput: these are no names of RFC 4514.
    """
    key = credentials.certificate_key(issuer, subject)
    return _new(credentials.new_key_id(), CredentialKind.CERTIFICATE, key, expires_at)


def _new(key_id: str, kind: CredentialKind, verifier: str, expires_at: dt.datetime | None) -> Credential:
    now = dt.datetime.now(dt.UTC)
    return Credential(key_id=key_id, kind=kind, verifier=verifier, created_at=now, expires_at=expires_at)


class Identity(NamedTuple):
    """Somebody who has proved who they are, and by which credential."""

    account: Account
    key_id: str


@dataclass(frozen=True, slots=True)
class AccountList:
    """All accounts of a register that are not revoked, in the order of their names, and its pepper."""

    pepper: bytes
    accounts: tuple[Account, ...] = ()


class AccountBook(Protocol):
    """Accounts as they are looked up; `directory.index` implements it over a snapshot."""

    @property
    def pepper(self) -> bytes:
        """The key of the digests of secrets."""

    def named(self, name: str) -> Account | None: ...

    def keyed(self, key_id: str) -> Account | None:
        """The account that has the credential of this key id."""

    def certified(self, key: str) -> Account | None:
        """The account of a certificate, by its `credentials.certificate_key`."""


def account_name(text: str) -> str:
    """An account's name as it is kept: in lower case.

    Raises:
        InvalidInput: it has letters that a name may not have.
    """
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "an account's name has 1 to 63 letters without accents, digits, dots, hyphens or underscores"
        )
    return name


def scopes_of(names: Iterable[str]) -> frozenset[Scope]:
    """Scopes by their names.

    Raises:
        InvalidInput: one of them does not exist.
    """
    try:
        return frozenset(Scope(name) for name in names)
    except ValueError as error:
        raise InvalidInput(f"{error}; there are: {', '.join(Scope)}") from error


def verify_secret(book: AccountBook, secret: str, now: dt.datetime) -> Identity | None:
    """Whose secret this is. Quick; the work is the same whether its key id exists or not."""
    key_id = credentials.key_id_of(secret) or ""
    found = credentials.digest(book.pepper, secret)
    account = book.keyed(key_id)
    for one in account.usable(CredentialKind.SECRET, now) if account is not None else ():
        if one.key_id == key_id and credentials.same(one.verifier, found):
            assert account is not None
            return Identity(account, key_id)
    return None


def password_of(book: AccountBook, name: str, now: dt.datetime) -> tuple[Identity | None, str]:
    """Who `verify_password` is about, and the hash to check: nobody's where there is no such account or no password."""
    account = book.named(name)
    for one in account.usable(CredentialKind.PASSWORD, now) if account is not None else ():
        assert account is not None
        return Identity(account, one.key_id), one.verifier
    return None, credentials.NOBODYS_HASH


def verify_password(book: AccountBook, name: str, password: str, now: dt.datetime) -> Identity | None:
    """Whether this is the account's password. Slow, and as slow for an account that does not exist: not on an event
    loop (`directory.verification` has the threads, the limits and the cache)."""
    identity, kept = password_of(book, name, now)
    return identity if credentials.password_fits(kept, password) else None


def by_certificate(book: AccountBook, issuer: str, subject: str, now: dt.datetime) -> Identity | None:
    """Whose certificate this is, by the names in it; that it is genuine and not withdrawn has been checked before."""
    key = credentials.certificate_key(issuer, subject)
    account = book.certified(key)
    for one in account.usable(CredentialKind.CERTIFICATE, now) if account is not None else ():
        if one.verifier == key:
            assert account is not None
            return Identity(account, one.key_id)
    return None


def still(book: AccountBook, identity: Identity, now: dt.datetime) -> Identity | None:
    """The same somebody as the book knows them now; None when the account or the credential is good no more."""
    account = book.named(identity.account.name)
    if account is None or not account.valid(now):
        return None
    held = any(one.key_id == identity.key_id and one.valid(now) for one in account.credentials)
    return Identity(account, identity.key_id) if held else None
