"""Credentials prove what they should and nothing else; passwords are checked within limits."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from directory import credentials
from directory.accounts import (
    Account,
    AccountKind,
    AccountList,
    Credential,
    Scope,
    account_name,
    by_certificate,
    new_certificate,
    new_password,
    new_secret,
    scopes_of,
    still,
    verify_password,
    verify_secret,
)
from directory.callers.caller import CallerClass
from directory.errors import BudgetExceeded, InvalidInput, Unavailable
from directory.index.accounts import AccountCopy, pairs
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.settings import Settings
from directory.verification import Passwords
from tests.index.register_of_records import RegisterOfRecords

PEPPER = b"a pepper"
NOW = dt.datetime(2030, 6, 1, tzinfo=dt.UTC)
PASSWORD = "motdepasse de douze"
HOUR = dt.timedelta(hours=1)
ISSUER, SUBJECT = "CN=AC Test,O=Exemple,C=FR", "CN=passerelle.exemple.fr,O=CH Valmorin,C=FR"


def account(name: str, *held: Credential, **more: object) -> Account:
    base = Account(name=name, kind=AccountKind.APPLICATION, scopes=frozenset({Scope.SEARCH}), created_at=NOW)
    return dataclasses.replace(base, credentials=held, **more)  # type: ignore[arg-type]


class Held:
    """What a snapshot of an index with these accounts would give."""

    def __init__(self, *accounts: Account) -> None:
        self._values = dict(pairs(AccountList(PEPPER, accounts)))

    def holds(self, _database: str) -> bool:
        return True

    def value(self, _database: str, key: bytes) -> bytes | None:
        return self._values.get(key)


def book(*accounts: Account) -> AccountCopy:
    return AccountCopy(Held(*accounts))


def test_a_secret_is_recognisable_bears_its_key_id_and_has_256_random_bits() -> None:
    kept, text = new_secret(PEPPER)
    assert re.fullmatch(r"annuaire_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", text)
    assert credentials.key_id_of(text) == kept.key_id
    assert text not in repr(kept)
    assert new_secret(PEPPER)[1] != text


def test_a_secret_proves_its_own_account_only() -> None:
    (one, text), (other, _) = new_secret(PEPPER), new_secret(PEPPER)
    held = book(account("one", one), account("other", other))
    found = verify_secret(held, text, NOW)
    assert found is not None
    assert (found.account.name, found.key_id) == ("one", one.key_id)
    forged = text.replace(one.key_id, other.key_id)
    assert [verify_secret(held, wrong, NOW) for wrong in (forged, text[:-1] + "_", "", "annuaire_x", "é")] == [None] * 5


def test_a_digest_of_another_register_is_worth_nothing_here() -> None:
    kept, text = new_secret(b"another pepper")
    assert verify_secret(book(account("one", kept)), text, NOW) is None


@pytest.mark.parametrize("ended", ["account", "credential"])
def test_what_has_expired_proves_nothing(ended: str) -> None:
    kept, text = new_secret(PEPPER, expires_at=NOW if ended == "credential" else None)
    held = book(account("one", kept, expires_at=NOW if ended == "account" else None))
    assert verify_secret(held, text, NOW - HOUR) is not None
    assert verify_secret(held, text, NOW) is None


def test_a_password_proves_its_own_account_only() -> None:
    held = book(account("one", new_password(PASSWORD)), account("none"))
    found = verify_password(held, "one", PASSWORD, NOW)
    assert found is not None
    assert found.account.name == "one"
    for name, password in (("one", PASSWORD + "."), ("none", PASSWORD), ("nobody", PASSWORD), ("one", "")):
        assert verify_password(held, name, password, NOW) is None


def test_a_wrong_password_and_an_unknown_account_cost_one_check_each(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    fits = credentials.password_fits

    def counted(kept: str, password: str) -> bool:
        checked.append(kept.split("$")[1:4])
        return fits(kept, password)

    monkeypatch.setattr(credentials, "password_fits", counted)
    held = book(account("one", new_password(PASSWORD)), account("secretive", new_secret(PEPPER)[0]))
    for name in ("one", "secretive", "nobody"):
        verify_password(held, name, "wrong", NOW)
    assert len(checked) == 3
    assert checked[0] == checked[1] == checked[2]  # the same algorithm, version and cost


@pytest.mark.parametrize("password", ["short", "x" * 1025, "annuaire_000000000000_"])
def test_a_password_that_is_none_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        new_password(password)


def test_a_certificate_is_known_by_issuer_and_subject_without_case_and_spacing() -> None:
    held = book(account("one", new_certificate(ISSUER, SUBJECT)))
    for issuer, subject in ((ISSUER, SUBJECT), (ISSUER.upper(), SUBJECT.replace("CH Valmorin", "ch  valmorin"))):
        found = by_certificate(held, issuer, subject, NOW)
        assert found is not None
        assert found.account.name == "one"
    assert by_certificate(held, SUBJECT, ISSUER, NOW) is None
    assert by_certificate(held, ISSUER, SUBJECT.replace("Valmorin", "Autre"), NOW) is None


def test_names_that_are_none_are_refused() -> None:
    assert account_name(" Passerelle-CHU.1 ") == "passerelle-chu.1"
    for name in ("", "-x", "x-", "é", "a b", "a" * 64, "a\n"):
        if name.strip() != "a":
            with pytest.raises(InvalidInput):
                account_name(name)
    with pytest.raises(InvalidInput, match="there are: search, resolve"):
        scopes_of(["nope"])
    with pytest.raises(InvalidInput, match="RFC 4514"):
        new_certificate("not a name", SUBJECT)


def test_a_gateway_has_limits_of_its_own() -> None:
    assert account("one").caller_class is CallerClass.KNOWN
    assert account("one", kind=AccountKind.GATEWAY).caller_class is CallerClass.GATEWAY


def test_an_identity_ends_with_its_credential() -> None:
    kept, text = new_secret(PEPPER)
    found = verify_secret(book(account("one", kept)), text, NOW)
    assert found is not None
    assert still(book(account("one", kept)), found, NOW) == found
    assert still(book(account("one")), found, NOW) is None
    assert still(book(), found, NOW) is None
    assert still(book(account("one", kept, expires_at=NOW)), found, NOW) is None


# -- passwords, checked in threads --------------------------------------------------------------------------------------


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def register(tmp_path: Path) -> RegisterOfRecords:
    register = RegisterOfRecords()
    register.commit_accounts(account("one", new_password(PASSWORD)))
    build_index(register, tmp_path, map_bytes=2**26, workers=1)
    return register


def checks(path: Path, clock: Clock, **settings: float) -> Passwords:
    given = Settings(data_dir=path).model_copy(update=settings)
    return Passwords(given, Index.open(path, map_bytes=2**26), clock=clock)


def follow(passwords: Passwords, register: RegisterOfRecords, path: Path) -> None:
    """As the follower does, which is another process: one cannot have an index open twice."""
    passwords._index.close()
    Follower(register, path, 2**26).step()


def test_a_password_found_right_is_remembered_for_a_while(tmp_path: Path, register: RegisterOfRecords) -> None:
    clock = Clock()
    passwords = checks(tmp_path, clock)
    assert passwords.remembered("one", PASSWORD) is None
    found = passwords.check("one", PASSWORD, "::1").result(30)
    assert found is not None
    assert passwords.remembered("one", PASSWORD) == found
    assert passwords.remembered("one", PASSWORD + ".") is None
    clock.now += 61
    assert passwords.remembered("one", PASSWORD) is None
    passwords.close()


def test_a_remembered_password_is_forgotten_when_the_account_is_withdrawn(
    tmp_path: Path, register: RegisterOfRecords
) -> None:
    passwords = checks(tmp_path, Clock())
    passwords.check("one", PASSWORD, "::1").result(30)
    register.commit_accounts()
    follow(passwords, register, tmp_path)
    assert passwords.remembered("one", PASSWORD) is None
    passwords.close()


def test_a_remembered_password_is_forgotten_when_another_takes_its_place(
    tmp_path: Path, register: RegisterOfRecords
) -> None:
    passwords = checks(tmp_path, Clock())
    passwords.check("one", PASSWORD, "::1").result(30)
    register.commit_accounts(account("one", new_password("un autre mot de passe")))
    follow(passwords, register, tmp_path)
    assert passwords.remembered("one", PASSWORD) is None
    passwords.close()


@pytest.mark.parametrize("limit", ["password_failures_per_account", "password_failures_per_address"])
def test_after_some_wrong_passwords_others_are_refused_for_a_minute(
    tmp_path: Path, register: RegisterOfRecords, limit: str
) -> None:
    clock = Clock()
    passwords = checks(tmp_path, clock, **{limit: 2})
    for _ in range(2):
        assert passwords.check("one", "wrong", "::1").result(30) is None
    with pytest.raises(BudgetExceeded) as refused:
        passwords.check("one", PASSWORD, "::1")
    assert 0 < refused.value.retry_after_s <= 60
    elsewhere = ("one", "::2") if limit.endswith("address") else ("other", "::1")
    passwords.check(elsewhere[0], PASSWORD, elsewhere[1]).result(30)
    clock.now += 61
    assert passwords.check("one", PASSWORD, "::1").result(30) is not None
    passwords.close()


def test_wrong_passwords_are_counted_over_all_processes_of_the_node(
    tmp_path: Path, register: RegisterOfRecords
) -> None:
    clock = Clock()
    one = checks(tmp_path, clock, password_failures_per_account=2)
    settings = Settings(data_dir=tmp_path, password_failures_per_account=2)
    workers = [one, Passwords(settings, one._index, clock=clock)]
    for passwords in workers:
        assert passwords.check("one", "wrong", "::1").result(30) is None
    for passwords in workers:
        with pytest.raises(BudgetExceeded):
            passwords.check("one", PASSWORD, "::2")
        passwords.close()


def test_checking_passwords_in_threads_keeps_no_memory() -> None:
    checking = (
        "from concurrent.futures import ThreadPoolExecutor; import psutil\n"
        "from directory import credentials, verification\n"
        "verification.give_memory_back()\n"
        "size = lambda: psutil.Process().memory_info().rss\n"
        "before, wrong = size(), lambda _: credentials.password_fits(credentials.NOBODYS_HASH, 'wrong')\n"
        "with ThreadPoolExecutor(2) as threads:\n"
        "    list(threads.map(wrong, range(6)))\n"
        "    print(size() - before)\n"
    )
    kept = subprocess.run([sys.executable, "-c", checking], check=True, capture_output=True, text=True).stdout
    assert int(kept) < 10 * 2**20


def test_no_more_than_a_few_passwords_wait(
    tmp_path: Path, register: RegisterOfRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(credentials, "password_fits", lambda *_: go.wait(30))
    passwords = checks(tmp_path, Clock(), password_threads=1, password_waiting=1)
    under_way = [passwords.check("one", PASSWORD, "::1") for _ in range(2)]
    with pytest.raises(Unavailable):
        passwords.check("one", PASSWORD, "::1")
    go.set()
    assert all(one.result(30) is not None for one in under_way)
    assert passwords.check("one", PASSWORD, "::1").result(30) is not None
    passwords.close()
