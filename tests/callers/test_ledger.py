"""The file of counters that all processes of a node share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.callers.ledger import Account, Ledger
from directory.errors import Unavailable

TODAY = 20_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counters" / "callers"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(path, 64)
    yield opened
    opened.close()


def marks(account: Account) -> int:
    return int.from_bytes(account.entries, "little").bit_count()


def test_a_caller_finds_what_it_has_had_again(ledger: Ledger) -> None:
    ledger.account("192.0.2.7", TODAY).mark_entries([1, 8191, 1])
    assert marks(ledger.account("192.0.2.7", TODAY)) == 2
    assert marks(ledger.account("192.0.2.8", TODAY)) == 0


def test_entries_and_patterns_are_kept_apart(ledger: Ledger) -> None:
    account = ledger.account("192.0.2.7", TODAY)
    account.mark_patterns([0, 1023])
    account.mark_entries([0])
    assert (marks(account), int.from_bytes(account.patterns, "little").bit_count()) == (1, 2)


def test_a_new_day_begins_with_nothing(ledger: Ledger) -> None:
    yesterday = ledger.account("192.0.2.7", TODAY)
    yesterday.mark_entries([1, 2, 3])
    assert marks(ledger.account("192.0.2.7", TODAY + 1)) == 0
    assert not yesterday.current


def test_what_was_counted_survives_a_restart(ledger: Ledger, path: Path) -> None:
    ledger.account("192.0.2.7", TODAY).mark_entries([5])
    again = Ledger.open(path, 64)
    assert marks(again.account("192.0.2.7", TODAY)) == 1
    again.close()


def test_what_another_process_marks_is_seen_at_once(ledger: Ledger, path: Path) -> None:
    account = ledger.account("192.0.2.7", TODAY)
    other = (
        "import sys; from pathlib import Path; from directory.callers.ledger import Ledger\n"
        f"Ledger.open(Path(sys.argv[1]), 64).account('192.0.2.7', {TODAY}).mark_entries([5, 6])"
    )
    subprocess.run([sys.executable, "-c", other, str(path)], check=True)
    assert marks(account) == 2


def test_the_file_keeps_its_size_and_the_greatest_spender_whoever_comes(ledger: Ledger, path: Path) -> None:
    spender = ledger.account("192.0.2.7", TODAY)
    spender.mark_entries(list(range(50)))
    size = path.stat().st_size
    for number in range(5000):
        ledger.account(f"2001:db8:{number:x}::/64", TODAY).mark_entries([number % 8192, (number + 1) % 8192])
    assert path.stat().st_size == size
    assert spender.current
    assert marks(ledger.account("192.0.2.7", TODAY)) == 50


def test_accounts_of_another_day_go_before_those_of_today(ledger: Ledger) -> None:
    for number in range(200):
        ledger.account(f"old {number}", TODAY - 1).mark_entries(list(range(90)))
    light = [ledger.account(f"new {number}", TODAY) for number in range(8)]
    assert all(account.current for account in light)


def test_a_place_that_went_to_somebody_else_is_no_longer_current(ledger: Ledger) -> None:
    first = ledger.account("first", TODAY)
    for number in range(5000):
        ledger.account(f"{number}", TODAY).mark_entries([number])
    assert not first.current


def test_the_file_tells_nobody_who_asked(ledger: Ledger, path: Path) -> None:
    ledger.account("192.0.2.7", TODAY).mark_entries([1])
    assert b"192.0.2.7" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0


def test_another_size_or_a_cut_or_foreign_file_begins_anew(ledger: Ledger, path: Path) -> None:
    ledger.account("192.0.2.7", TODAY).mark_entries([1])
    for spoiled in (path.read_bytes()[:5000], b"something else", b""):
        path.write_bytes(spoiled)
        anew = Ledger.open(path, 64)
        assert marks(anew.account("192.0.2.7", TODAY)) == 0
        anew.close()
    larger = Ledger.open(path, 128)
    assert marks(larger.account("192.0.2.7", TODAY)) == 0
    larger.close()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="counters of callers"):
        Ledger.open(tmp_path / "file" / "callers", 64)
