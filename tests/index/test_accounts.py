"""The accounts' copy in an index: it comes with a build, follows each change, and is verified like the rest."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.accounts import Account, Credential, new_certificate, new_secret
from directory.index import accounts, store
from directory.index.accounts import AccountCopy
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.index.verify import verify
from tests.directory.test_accounts import ISSUER, NOW, SUBJECT, account
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords

MAP = 2**28
SECRET, _ = new_secret(b"a pepper of tests")
CERTIFICATE = new_certificate(ISSUER, SUBJECT)


@pytest.fixture
def register(tmp_path: Path) -> RegisterOfRecords:
    register = RegisterOfRecords.of(PEOPLE[:4])
    register.commit_accounts(_account(SECRET, CERTIFICATE), account("other"))
    build_index(register, tmp_path, map_bytes=MAP, workers=1)
    return register


def _account(*held: Credential) -> Account:
    return account("one", *held, expires_at=NOW)


@contextlib.contextmanager
def _book(path: Path) -> Iterator[AccountCopy]:
    """The copy, for a moment: one process cannot have an index open twice."""
    index = Index.open(path, map_bytes=MAP)
    with index.read() as snapshot:
        yield snapshot.accounts
    index.close()


def _drop(path: Path) -> None:
    """As an index made before there were accounts."""
    build = store.current_build(path)
    assert build is not None
    environment = store.open_environment(build, MAP, write=True)
    with environment.lmdb.begin(write=True) as txn:
        txn.drop(environment.databases[accounts.DATABASE])
    environment.close()


def test_a_build_carries_the_accounts(tmp_path: Path, register: RegisterOfRecords) -> None:
    with _book(tmp_path) as book:
        assert book.pepper == b"a pepper of tests"
        assert book.named("one") == book.keyed(SECRET.key_id) == book.certified(CERTIFICATE.verifier)
        assert book.named("one") == _account(SECRET, CERTIFICATE)
        assert book.named("nobody") is book.keyed("0") is book.certified("") is None
    assert verify(register, tmp_path, map_bytes=MAP) == []


def test_a_change_is_followed_and_leaves_nothing_of_what_was(tmp_path: Path, register: RegisterOfRecords) -> None:
    other, _ = new_secret(b"a pepper of tests")
    register.commit_accounts(_account(other))
    assert Follower(register, tmp_path, MAP).step()
    with _book(tmp_path) as book:
        assert book.keyed(SECRET.key_id) is book.named("other") is None
        assert book.certified(CERTIFICATE.verifier) is None
        assert book.keyed(other.key_id) == _account(other)
    assert verify(register, tmp_path, map_bytes=MAP) == []


def test_an_index_from_before_there_were_accounts_has_none_until_its_writer_adds_them(
    tmp_path: Path, register: RegisterOfRecords
) -> None:
    _drop(tmp_path)
    register.renewed = False
    with _book(tmp_path) as book:
        assert book.named("one") is None
    assert ("account", "one") in {(found.kind, found.key) for found in verify(register, tmp_path, map_bytes=MAP)}
    assert Follower(register, tmp_path, MAP).step()
    assert not Follower(register, tmp_path, MAP).step()
    with _book(tmp_path) as book:
        assert book.named("one") is not None
    assert verify(register, tmp_path, map_bytes=MAP) == []


_OPEN_BEFORE = """
import sys, time
from pathlib import Path
from directory.index.reader import Index
index = Index.open(Path(sys.argv[1]), map_bytes=2**28)
def known():
    with index.read() as snapshot:
        return snapshot.accounts.named("one") is not None
print(known(), flush=True)
while not known():
    time.sleep(0.01)
print(known(), flush=True)
"""


def test_a_process_that_has_an_old_index_open_sees_the_accounts_when_they_come(
    tmp_path: Path, register: RegisterOfRecords
) -> None:
    _drop(tmp_path)
    reader = subprocess.Popen([sys.executable, "-c", _OPEN_BEFORE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    try:
        assert reader.stdout.readline() == "False\n"
        Follower(register, tmp_path, MAP).step()
        assert reader.stdout.readline() == "True\n"
    finally:
        reader.kill()
        reader.wait()


@pytest.mark.parametrize("difference", ["gone", "more", "other"])
def test_verification_names_an_account_that_differs(
    tmp_path: Path, register: RegisterOfRecords, difference: str
) -> None:
    one, other = register.held.accounts
    held, said = {
        "gone": ((one,), ("other", "in the index, not in the register")),
        "more": ((one, account("new"), other), ("new", "not in the index")),
        "other": ((one, account("other", expires_at=NOW)), ("other", "otherwise in the register")),
    }[difference]
    register.held = dataclasses.replace(register.held, accounts=held)
    found = {(one.kind, one.key, one.what) for one in verify(register, tmp_path, map_bytes=MAP)}
    assert found == {("account", *said)}


def test_what_is_kept_of_passwords_is_not_for_everybody_on_the_machine(
    tmp_path: Path, register: RegisterOfRecords
) -> None:
    assert (tmp_path / "build-1" / "data.mdb").stat().st_mode & 0o007 == 0
