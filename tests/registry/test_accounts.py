"""Accounts in the register: each change is one revision that nodes follow."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from directory.accounts import (
    AccountKind,
    Credential,
    CredentialKind,
    Identity,
    Scope,
    new_certificate,
    new_password,
    new_secret,
    verify_secret,
)
from directory.errors import InvalidInput, NotFound
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.index.verify import verify
from directory.registry import accounts
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from directory.registry.status import state_of
from tests.directory.test_accounts import ISSUER, PASSWORD, SUBJECT

MAP = 2**26
WEEK = dt.timedelta(days=7)
SCOPES = frozenset({Scope.RESOLVE})


def added(database: Database, name: str, credential: Credential | None = None) -> str:
    """A gateway, and its secret."""
    made, text = new_secret(accounts.pepper(database))
    accounts.add(database, name, AccountKind.GATEWAY, SCOPES, credential or made)
    return text


def proved(path: Path, secret: str) -> Identity | None:
    index = Index.open(path, map_bytes=MAP)
    with index.read() as snapshot:
        found = verify_secret(snapshot.accounts, secret, dt.datetime.now(dt.UTC))
    index.close()
    return found


def test_a_change_of_accounts_reaches_a_node_as_one_revision_that_touches_no_record(
    database: Database, tmp_path: Path
) -> None:
    register = RegistryRegister(database.url)
    build_index(register, tmp_path, map_bytes=MAP, workers=1)
    text = added(database, "one")
    with register.open() as source:
        changes = source.changes(state_of(database).epoch, 0)
    assert (changes.state.revision, changes.keys, changes.accounts, changes.reset) == (1, frozenset(), True, False)
    assert Follower(register, tmp_path, MAP).step()
    found = proved(tmp_path, text)
    assert found is not None
    assert (found.account.kind, found.account.scopes) == (AccountKind.GATEWAY, SCOPES)
    accounts.revoke(database, "one")
    Follower(register, tmp_path, MAP).step()
    assert proved(tmp_path, text) is None
    assert verify(register, tmp_path, map_bytes=MAP) == []


def test_an_earlier_secret_is_good_for_the_grace_and_an_earlier_password_is_not(database: Database) -> None:
    added(database, "one")
    added(database, "two", new_password(PASSWORD))
    before = dt.datetime.now(dt.UTC)
    accounts.rotate(database, "one", new_secret(accounts.pepper(database))[0], WEEK)
    accounts.rotate(database, "two", new_password(PASSWORD), WEEK)
    one, two = accounts.list_accounts(database)
    assert len(one.usable(CredentialKind.SECRET, before + WEEK - dt.timedelta(seconds=1))) == 2
    assert len(one.usable(CredentialKind.SECRET, before + WEEK + dt.timedelta(minutes=1))) == 1
    assert len(two.usable(CredentialKind.PASSWORD, dt.datetime.now(dt.UTC))) == 1


def test_a_second_rotation_does_not_lengthen_the_life_of_the_first_secret(database: Database) -> None:
    added(database, "one")
    (first,) = accounts.list_accounts(database)[0].credentials
    for grace in (dt.timedelta(days=1), WEEK):
        accounts.rotate(database, "one", new_secret(accounts.pepper(database))[0], grace)
    held = {one.key_id: one for one in accounts.list_accounts(database)[0].credentials}
    end = held[first.key_id].expires_at
    assert end is not None
    assert end < dt.datetime.now(dt.UTC) + dt.timedelta(days=2)


def test_a_name_is_given_once(database: Database) -> None:
    added(database, "one")
    with pytest.raises(InvalidInput, match="there is an account named one"):
        added(database, "one")
    accounts.revoke(database, "one")
    with pytest.raises(InvalidInput, match="there was an account named one"):
        added(database, "one")
    (revoked,) = accounts.list_accounts(database)
    assert revoked.revoked_at is not None
    assert revoked.credentials == ()


@pytest.mark.parametrize("name", ["nobody", "gone"])
def test_who_is_not_there_can_be_neither_rotated_nor_revoked(database: Database, name: str) -> None:
    added(database, "gone")
    accounts.revoke(database, "gone")
    revision = state_of(database).revision
    with pytest.raises(NotFound, match=name):
        accounts.revoke(database, name)
    with pytest.raises(NotFound, match=name):
        accounts.rotate(database, name, new_password(PASSWORD), WEEK)
    assert state_of(database).revision == revision


def test_a_certificate_speaks_for_one_account(database: Database) -> None:
    added(database, "one", new_certificate(ISSUER, SUBJECT))
    with pytest.raises(InvalidInput, match="the account one's"):
        added(database, "two", new_certificate(ISSUER, SUBJECT.upper()))
    accounts.rotate(database, "one", new_certificate(ISSUER, SUBJECT), WEEK)
    (one,) = accounts.list_accounts(database)
    assert [held.expires_at for held in one.credentials] == [None]
    accounts.revoke(database, "one")
    added(database, "two", new_certificate(ISSUER, SUBJECT))


def test_an_account_made_first_does_not_make_the_first_import_a_follow(database: Database) -> None:
    from directory.registry.loading import begin

    added(database, "one")
    with begin(database) as merge:
        assert merge.first_load
