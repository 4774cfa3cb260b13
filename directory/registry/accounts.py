"""The register's accounts: made, renewed and withdrawn here, and told to every node by the change feed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from directory.accounts import Account, AccountKind, AccountList, Credential, CredentialKind, Scope
from directory.errors import InvalidInput, NotFound
from directory.registry import feed
from directory.registry.database import Database
from directory.registry.tables import account, account_credential, account_pepper

_KEPT: Final = dt.timedelta(days=30)  # expired credentials, for who looks at the list


def add(
    database: Database,
    name: str,
    kind: AccountKind,
    scopes: Iterable[Scope],
    credential: Credential,
    *,
    expires_at: dt.datetime | None = None,
) -> None:
    """A new account with its first credential.

    Raises:
        InvalidInput: there is an account of this name, or was one; or the certificate is another account's.
    """
    with database.writing() as connection:
        found = _row(connection, name)
        if found is not None:
            was = "there was an account" if found.revoked_at is not None else "there is an account"
            raise InvalidInput(f"{was} named {name}: names are not given twice")
        row = {"name": name, "kind": kind, "scopes": " ".join(sorted(scopes)), "expires_at": expires_at}
        connection.execute(insert(account).values(row))
        _give(connection, name, credential)
        feed.publish_accounts(connection, [name])


def rotate(database: Database, name: str, credential: Credential, grace: dt.timedelta) -> None:
    """Another credential for an account. Those of its kind that it had are good for `grace` longer; a password ends at
    once, as there is one at a time.

    Raises:
        NotFound: there is no such account, or it is revoked.
        InvalidInput: the certificate is another account's.
    """
    with database.writing() as connection:
        _required(connection, name)
        now = dt.datetime.now(dt.UTC)
        until = now if credential.kind is CredentialKind.PASSWORD else now + grace
        of_kind = (account_credential.c.account == name) & (account_credential.c.kind == credential.kind)
        longer = or_(account_credential.c.expires_at.is_(None), account_credential.c.expires_at > until)
        connection.execute(update(account_credential).where(of_kind & longer).values(expires_at=until))
        past = account_credential.c.expires_at < now - _KEPT
        connection.execute(delete(account_credential).where((account_credential.c.account == name) & past))
        _give(connection, name, credential)
        feed.publish_accounts(connection, [name])


def revoke(database: Database, name: str) -> None:
    """Withdraw an account at once: its name stays taken, its credentials are forgotten.

    Raises:
        NotFound: there is no such account, or it is revoked already.
    """
    with database.writing() as connection:
        _required(connection, name)
        connection.execute(delete(account_credential).where(account_credential.c.account == name))
        connection.execute(update(account).where(account.c.name == name).values(revoked_at=dt.datetime.now(dt.UTC)))
        feed.publish_accounts(connection, [name])


def list_accounts(database: Database) -> list[Account]:
    """All accounts, the revoked ones among them, in the order of their names."""
    with database.reading() as connection:
        return _read(connection, revoked=True)


def pepper(database: Database) -> bytes:
    with database.reading() as connection:
        return _pepper(connection)


def read_accounts(connection: Connection) -> AccountList:
    """What nodes verify against."""
    return AccountList(_pepper(connection), tuple(_read(connection, revoked=False)))


def _pepper(connection: Connection) -> bytes:
    return bytes(connection.execute(select(account_pepper.c.pepper)).scalar_one())


def _read(connection: Connection, *, revoked: bool) -> list[Account]:
    held: dict[str, list[Credential]] = {}
    for row in connection.execute(select(account_credential).order_by(account_credential.c.key_id)):
        held.setdefault(row.account, []).append(_credential(row))
    wanted = select(account).order_by(account.c.name)
    if not revoked:
        wanted = wanted.where(account.c.revoked_at.is_(None))
    return [_account(row, held.get(row.name, ())) for row in connection.execute(wanted)]


def _row(connection: Connection, name: str) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(account).where(account.c.name == name).with_for_update()).one_or_none()


def _required(connection: Connection, name: str) -> None:
    found = _row(connection, name)
    if found is None or found.revoked_at is not None:
        raise NotFound(f"there is no account named {name}" + (": it is revoked" if found is not None else ""))


def _give(connection: Connection, name: str, credential: Credential) -> None:
    if credential.kind is CredentialKind.CERTIFICATE:
        _refuse_another(connection, name, credential)
    connection.execute(
        insert(account_credential).values(
            key_id=credential.key_id,
            account=name,
            kind=credential.kind,
            verifier=credential.verifier,
            created_at=credential.created_at,
            expires_at=credential.expires_at,
        )
    )


def _refuse_another(connection: Connection, name: str, credential: Credential) -> None:
    """A certificate speaks for one account, and stands there once."""
    same = (account_credential.c.kind == credential.kind) & (account_credential.c.verifier == credential.verifier)
    owner = connection.execute(select(account_credential.c.account).where(same)).scalars().first()
    if owner is not None and owner != name:
        raise InvalidInput(f"this certificate is the account {owner}'s")
    connection.execute(delete(account_credential).where(same))


def _account(row: Row[tuple[object, ...]], held: Iterable[Credential]) -> Account:
    return Account(
        name=row.name,
        kind=AccountKind(row.kind),
        scopes=frozenset(map(Scope, row.scopes.split())),
        created_at=row.created_at.astimezone(dt.UTC),
        expires_at=_utc(row.expires_at),
        revoked_at=_utc(row.revoked_at),
        credentials=tuple(held),
    )


def _credential(row: Row[tuple[object, ...]]) -> Credential:
    return Credential(
        key_id=row.key_id,
        kind=CredentialKind(row.kind),
        verifier=row.verifier,
        created_at=row.created_at.astimezone(dt.UTC),
        expires_at=_utc(row.expires_at),
    )


def _utc(moment: dt.datetime | None) -> dt.datetime | None:
    return moment.astimezone(dt.UTC) if moment is not None else None
