"""Activities that end: told by the register from the revision that ended them, the same by a followed index and one
that is built anew."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.verify import verify
from directory.registry import loading
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from directory.registry.withdrawals import lift, withdraw
from importers import columns
from importers.report import ImportOptions
from importers.rpps import import_rpps
from importers.runs import revert_run
from tests.importers.files import person, structure, write

MAP = 2**26
OPTIONS = ImportOptions(guards=False, allow_older=True)
A, B, C = "F699900015", "F699900023", "F699900031"

Row = Mapping[str, str]


def works(number: int, at: str = A, mode: str = "S", **more: str) -> Row:
    return {**person(number), **structure(at), "practice_mode": mode, **more}


def register_is(database: Database, folder: Path, *rows: Row) -> int:
    report = import_rpps(database, [write(folder / "rpps", columns.ACTIVITY, list(rows))], OPTIONS)
    return report.run_id


def ended(database: Database) -> dict[tuple[str, str, int], dt.datetime]:
    """Person, structure and number of the activities that are told to have ended, and when."""
    with RegistryRegister(database.url).open() as source:
        return {(one.national_id[-1], one.organization_key, one.number): one.at for one in source.ended()}


def committed_at(database: Database) -> dt.datetime:
    with RegistryRegister(database.url).open() as source:
        assert source.state.committed_at is not None
        return source.state.committed_at


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> Database:
    register_is(database, tmp_path, works(1), works(1, B), works(2), works(2, mode="L"), works(3))
    return database


def test_after_a_first_load_nothing_has_ended(filled: Database) -> None:
    assert ended(filled) == {}


def test_an_activity_that_a_person_dropped_ended_with_the_revision_that_says_so(
    filled: Database, tmp_path: Path
) -> None:
    register_is(filled, tmp_path, works(1, B), works(2), works(2, mode="L"), works(3))
    assert ended(filled) == {("1", A, 1): committed_at(filled)}


def test_all_activities_of_who_leaves_have_ended(filled: Database, tmp_path: Path) -> None:
    register_is(filled, tmp_path, works(2), works(2, mode="L"), works(3))
    assert set(ended(filled)) == {("1", A, 1), ("1", B, 1)}


def test_of_activities_that_are_alike_the_last_ones_end(filled: Database, tmp_path: Path) -> None:
    register_is(filled, tmp_path, works(1), works(1, B), works(2, mode="L"), works(3))
    assert set(ended(filled)) == {("2", A, 2)}


def test_an_activity_of_another_mode_goes_on(filled: Database, tmp_path: Path) -> None:
    register_is(filled, tmp_path, works(1, mode="L"), works(1, B), works(2), works(2, mode="L"), works(3))
    assert ended(filled) == {}


def test_an_activity_in_another_profession_is_another_one(filled: Database, tmp_path: Path) -> None:
    nurse = works(3, profession="60", profession_label="Infirmier")
    register_is(filled, tmp_path, works(1), works(1, B), works(2), works(2, mode="L"), nurse)
    assert set(ended(filled)) == {("3", A, 1)}


def test_an_activity_that_came_back_has_not_ended(filled: Database, tmp_path: Path) -> None:
    register_is(filled, tmp_path, works(2), works(3))
    assert set(ended(filled)) == {("1", A, 1), ("1", B, 1), ("2", A, 2)}
    register_is(filled, tmp_path, works(1, B), works(2), works(3))
    assert set(ended(filled)) == {("1", A, 1), ("2", A, 2)}


def test_an_activity_that_ended_twice_ended_the_last_time(filled: Database, tmp_path: Path) -> None:
    register_is(filled, tmp_path, works(1), works(2), works(3))
    register_is(filled, tmp_path, works(1), works(1, B), works(2), works(3))
    register_is(filled, tmp_path, works(1), works(2), works(3))
    assert ended(filled)["1", B, 1] == committed_at(filled)


def test_reverting_to_an_earlier_run_is_a_change_like_any_other(filled: Database, tmp_path: Path) -> None:
    import_rpps(filled, [write(tmp_path / "second", columns.ACTIVITY, [works(1), works(3), works(3, B)])], OPTIONS)
    revert_run(filled, 1, OPTIONS)
    assert ended(filled) == {("3", B, 1): committed_at(filled)}


def test_who_is_withdrawn_has_ended_nothing_until_it_is_lifted(filled: Database, tmp_path: Path) -> None:
    register_is(filled, tmp_path, works(1), works(2), works(2, mode="L"))
    for key in ("810990000001", "810990000003"):
        withdraw(filled, key, "threatened", "the officer")
    assert ended(filled) == {}
    register_is(filled, tmp_path, works(2))
    assert set(ended(filled)) == {("2", A, 2)}
    lift(filled, "810990000001", "no longer", "the officer")
    assert set(ended(filled)) == {("1", A, 1), ("1", B, 1), ("2", A, 2)}


def test_nothing_that_ended_at_a_withdrawn_structure_is_told(filled: Database, tmp_path: Path) -> None:
    register_is(filled, tmp_path, works(1), works(3))
    withdraw(filled, A, "moved to a secret place", "the officer")
    assert set(ended(filled)) == {("1", B, 1)}


def test_a_withdrawn_person_that_left_is_not_told_of(filled: Database, tmp_path: Path) -> None:
    withdraw(filled, "10990000003", "threatened", "the officer")
    register_is(filled, tmp_path, works(1), works(1, B), works(2), works(2, mode="L"))
    with RegistryRegister(filled.url).open() as source:
        assert list(source.left()) == []


def test_what_ended_more_than_thirty_days_ago_is_forgotten_with_the_next_revision(
    filled: Database, tmp_path: Path
) -> None:
    register = RegistryRegister(filled.url)
    register_is(filled, tmp_path, works(1), works(2), works(3))
    with filled.writing() as connection:
        for structure_key, days in ((A, 31), (B, 29)):
            connection.execute(
                text("UPDATE ended_activity SET at = at - make_interval(days => :days) WHERE organization_key = :key"),
                {"days": days, "key": structure_key},
            )
    build_index(register, tmp_path / "index", map_bytes=MAP, workers=1)
    assert verify(register, tmp_path / "index", map_bytes=MAP) == []
    register_is(filled, tmp_path, works(1), works(2))
    assert set(ended(filled)) == {("1", B, 1), ("3", A, 1)}
    Follower(register, tmp_path / "index", map_bytes=MAP).step()
    assert verify(register, tmp_path / "index", map_bytes=MAP) == []


def test_a_night_without_changes_writes_no_row(filled: Database, tmp_path: Path) -> None:
    rows = works(1), works(2), works(3)
    register_is(filled, tmp_path, *rows)
    before = written(filled)
    register_is(filled, tmp_path, *rows)
    assert len(before) == 2
    assert written(filled) == before


def written(database: Database) -> list[tuple[str, ...]]:
    """Each row, with the transaction that wrote it."""
    statement = "SELECT CAST(xmin AS text), national_id, organization_key FROM ended_activity ORDER BY 2, 3"
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_after_a_load_that_replaces_everything_nothing_has_ended(
    filled: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_is(filled, tmp_path, works(1), works(2), works(3))
    assert ended(filled)
    monkeypatch.setattr(loading, "_fills_a_kind", lambda plan: True)
    register_is(filled, tmp_path, works(1))
    assert ended(filled) == {}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_register_tells_what_ended_and_a_followed_index_holds_it(
    database: Database, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    register, index = RegistryRegister(database.url), tmp_path / "index"
    everybody = [works(number, at) for number in range(1, 7) for at in (A, B, C)]
    register_is(database, tmp_path, *everybody)
    build_index(register, index, map_bytes=MAP, workers=1)
    follower = Follower(register, index, map_bytes=MAP)
    present, over, hidden = _counted(everybody), dict[tuple[str, str, int], dt.datetime](), set[str]()
    for _ in range(12):
        decided = chance.choice(["810990000002", "810990000003", B, "", "", ""])
        if decided and chance.random() < 0.8:
            (lift if decided in hidden else withdraw)(database, decided, "a reason", "the officer")
            hidden ^= {decided}
        elif (rows := _any_rows(chance)) and register_is(database, tmp_path, *rows):
            before, present = present, _counted(rows)
            for (who, at), number in before.items():
                still = range(present[who, at] + 1, number + 1)
                over |= {(who, at, one): committed_at(database) for one in still}
            over = {key: when for key, when in over.items() if key[2] > present[key[:2]]}
        if chance.random() < 0.7:
            follower.step()
            assert verify(register, index, map_bytes=MAP) == []
        people = {key[-1] for key in hidden - {B}}
        told = {key: when for key, when in over.items() if key[0] not in people and key[1] not in hidden}
        # Who works at a structure that is withdrawn works, as it is shown, at none.
        told = {key: when for key, when in told.items() if key[1] or not any(present[key[0], one] for one in hidden)}
        assert ended(database) == told


def _any_rows(chance: random.Random) -> Sequence[Row]:
    rows: list[Row] = [works(7)]
    for number in range(1, 7):
        if chance.random() < 0.8:
            rows.append(person(number))
            rows += [
                {**person(number), "practice_mode": mode} if at is None else works(number, at, mode)
                for at in (A, B, C, None)
                for mode in "SL"
                if chance.random() < 0.4
            ]
    return rows


def _counted(rows: Sequence[Row]) -> Counter[tuple[str, str]]:
    """How many activities each person has at each structure."""
    active = (row for row in rows if "practice_mode" in row)
    return Counter((row["national_id"][-1], row.get("key", "")) for row in active)
