"""What goes wrong with a delivery, from its source to what a node shows: told in one line, served as yesterday, mended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.model import Kind
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from directory.settings import Settings
from importers import columns
from importers.nightly.night import Outcome, run_night, sources_of
from importers.report import ImportOptions
from importers.runs import apply_run
from tests.importers.files import mailbox, write

NOW = dt.datetime.now(dt.UTC)
OLD, NEW = "ancien.mssante.fr", "nouveau.mssante.fr"
_MOVED = 1_000
ADDRESSES = [f"n{n}@{OLD}" for n in range(_MOVED)] + [f"a{n}@d{n % 97}.fr" for n in range(_MOVED)]


class Node:
    """A register fed by nights, and the index that follows it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._source = database, folder / "source"
        self._settings = Settings(data_dir=folder / "data", mailboxes_source=str(self._source))
        self._path = self._settings.index_path
        self._follower = Follower(RegistryRegister(database.url), self._path, 2**28)

    def night(self, hours_ago: int, addresses: list[str], spoiled: Callable[[bytes], bytes] = bytes) -> Outcome:
        """One delivery, and the night that finds it."""
        name = f"Extraction_Correspondance_MSSante_{NOW - dt.timedelta(hours=hours_ago):%Y%m%d%H%M}.txt"
        path = write(self._source, columns.MAILBOX, [mailbox(address, None) for address in addresses], name=name)
        path.write_bytes(spoiled(path.read_bytes()))
        (outcome,) = run_night(self._database, self._settings, sources_of(self._settings)).outcomes
        return outcome

    def apply(self, outcome: Outcome, *, without_removals: bool = False) -> str:
        assert outcome.run_id is not None
        return apply_run(self._database, outcome.run_id, ImportOptions(), without_removals=without_removals).status

    def shows(self) -> set[str]:
        """The addresses that are looked up with success."""
        if self._path.exists():
            self._follower.step()
        else:
            build_index(RegistryRegister(self._database.url), self._path, map_bytes=2**28, workers=1)
        with Index.open(self._path, map_bytes=2**28).read() as snapshot:
            asked = [*ADDRESSES, *moved()]
            return {address for address in asked if snapshot.get(Kind.MAILBOX, address) is not None}


def moved() -> list[str]:
    return [address.replace(OLD, NEW) for address in ADDRESSES]


@pytest.fixture
def node(database: Database, tmp_path: Path) -> Node:
    node = Node(database, tmp_path)
    assert node.night(40, ADDRESSES).status == "applied"
    assert node.shows() == set(ADDRESSES)
    return node


def _cut(file: bytes) -> bytes:
    return file[: file.rindex(b"\n", 0, len(file) * 7 // 10) - 3]


def _renamed(file: bytes) -> bytes:
    return file.replace(columns.MAILBOX.columns["address"].encode(), b"Courriel", 1)


@pytest.mark.parametrize(
    ("spoiled", "why"),
    [(_cut, "the last one, is cut: the file is truncated"), (_renamed, "the column 'Adresse BAL' is missing")],
    ids=["cut at 70 %", "a column renamed"],
)
def test_a_broken_file_is_refused_and_the_next_sound_one_is_taken(
    node: Node, spoiled: Callable[[bytes], bytes], why: str
) -> None:
    outcome = node.night(20, ADDRESSES, spoiled)
    assert outcome.status == "failed"
    (reason,) = outcome.reasons
    assert why in reason
    assert "\n" not in reason
    assert node.shows() == set(ADDRESSES)
    assert node.night(1, ADDRESSES[:-1]).status == "applied"
    assert node.shows() == set(ADDRESSES[:-1])


def test_six_percent_removals_are_held_and_a_human_takes_them_or_not(node: Node) -> None:
    left = ADDRESSES[: len(ADDRESSES) * 94 // 100]
    outcome = node.night(20, left)
    assert outcome.status == "held"
    assert outcome.reasons[0] == "it would remove 120 of 2000 mailboxes (6.0%, limit 5%)"
    assert node.shows() == set(ADDRESSES)
    node.apply(outcome, without_removals=True)
    assert node.shows() == set(ADDRESSES)
    assert node.apply(outcome) == "applied"
    assert node.shows() == set(left)


def test_an_operator_that_moves_a_thousand_addresses_is_held_by_name_until_a_human_agrees(node: Node) -> None:
    outcome = node.night(20, moved())
    assert outcome.status == "held"
    assert f"1000 mailboxes would move from the domain {OLD} to {NEW}" in outcome.reasons
    assert not any("\n" in reason for reason in outcome.reasons)
    assert node.shows() == set(ADDRESSES)
    assert node.apply(outcome) == "applied"
    assert node.shows() == set(moved())
