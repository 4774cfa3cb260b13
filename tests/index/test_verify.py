"""Verification names each kind of difference, and what it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyroaring import BitMap

from directory.index import layout, store
from directory.index.build import build_index
from directory.index.reader import Index
from directory.index.store import Environment
from directory.index.verify import Difference, verify
from directory.model import Kind
from directory.query import Field
from tests.index.people import PEOPLE, person
from tests.index.register_of_records import RegisterOfRecords

MAP = 2**28
BOX = "box1@medecin.mssante.fr"


@pytest.fixture
def register(tmp_path: Path) -> RegisterOfRecords:
    register = RegisterOfRecords.of(PEOPLE)
    build_index(register, tmp_path, map_bytes=MAP, workers=1)
    return register


def _named(register: RegisterOfRecords, path: Path) -> set[tuple[str, str, str]]:
    return {(found.kind, found.key, found.what) for found in verify(register, path, map_bytes=MAP)}


def test_a_record_that_is_gone_is_named(tmp_path: Path, register: RegisterOfRecords) -> None:
    del register.records[Kind.MAILBOX, BOX]
    found = _named(register, tmp_path)
    assert ("mailbox", BOX, "in the index, not in the register") in found


def test_a_record_that_is_missing_is_named(tmp_path: Path, register: RegisterOfRecords) -> None:
    for record in person(77, "NEUF", "Jean", "LYON"):
        register.records[(Kind.MAILBOX, "box77@medecin.mssante.fr") if "Mailbox" in type(record).__name__ else
                         (Kind.PRACTITIONER, "810990000077")] = record  # fmt: skip
    assert _named(register, tmp_path) == {
        ("mailbox", "box77@medecin.mssante.fr", "not in the index"),
        ("practitioner", "810990000077", "not in the index"),
    }


def test_an_index_that_lags_is_named(tmp_path: Path, register: RegisterOfRecords) -> None:
    register.commit()
    assert [found.kind for found in verify(register, tmp_path, map_bytes=MAP)] == ["revision"]


Plant = Callable[[Any, Mapping[str, Any]], None]


def _stranger(txn: Any, databases: Mapping[str, Any]) -> None:
    key = layout.word_key("name", "martin")
    ids = layout.decode_posting(txn.get(key, db=databases["words"])) | BitMap([0, 9999])
    txn.put(key, layout.encode_posting(ids), db=databases["words"])


def _lost_member(txn: Any, databases: Mapping[str, Any]) -> None:
    txn.delete(layout.term_key(Field.MAIL, BOX), db=databases["terms"])


def _other_order(txn: Any, databases: Mapping[str, Any]) -> None:
    key = layout.id_key(3)
    txn.put(key, b"9" + txn.get(key, db=databases["values"])[1:], db=databases["values"])


def _unlisted(txn: Any, databases: Mapping[str, Any]) -> None:
    with txn.cursor(db=databases["lexicon"]) as cursor:
        cursor.first()
        cursor.delete()


def _mislisted(txn: Any, databases: Mapping[str, Any]) -> None:
    txn.put(b"dzzz", b"martin", db=databases["lexicon"])


def _orphan(txn: Any, databases: Mapping[str, Any]) -> None:
    txn.put(layout.id_key(500), txn.get(layout.id_key(0), db=databases["documents"]), db=databases["documents"])


def _damage(path: Path, plant: Plant) -> None:
    environment: Environment = store.open_environment(path / "build-1", MAP, write=True)
    with environment.lmdb.begin(write=True) as txn:
        plant(txn, environment.databases)
    environment.close()


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (_stranger, "holds document 9999, which does not belong there"),
        (_lost_member, "missing in terms"),
        (_other_order, "other values or another place in the static order"),
        (_other_order, "its id is not its rank"),
        (_unlisted, "missing under"),
        (_mislisted, "where no document has it from"),
        (_orphan, "no record of the register has this id"),
    ],
)
def test_a_planted_difference_is_named(tmp_path: Path, register: RegisterOfRecords, plant: Plant, said: str) -> None:
    _damage(tmp_path, plant)
    found: list[Difference] = verify(register, tmp_path, map_bytes=MAP)
    assert any(said in str(difference) for difference in found), found


def _without(database: str, key: bytes) -> Plant:
    def plant(txn: Any, databases: Mapping[str, Any]) -> None:
        assert txn.delete(key, db=databases[database])

    return plant


def _with(database: str, key: bytes, value: bytes) -> Plant:
    def plant(txn: Any, databases: Mapping[str, Any]) -> None:
        txn.put(key, value, db=databases[database])

    return plant


@pytest.mark.parametrize("database", ["documents", "entries", "terms", "grams", "beginnings", "present", "ids"])
def test_one_key_that_is_lost_or_too_many_is_all_that_is_named(
    tmp_path: Path, register: RegisterOfRecords, database: str
) -> None:
    mail, number = layout.term_key(Field.MAIL, BOX), _number(tmp_path)
    stray = layout.id_key(1)
    plants: dict[str, tuple[Plant, tuple[str, str, str]]] = {
        "documents": (_with(database, layout.id_key(number), b"?"), ("mailbox", BOX, "another document in the index")),
        "entries": (_without(database, layout.id_key(number)), ("mailbox", BOX, "another LDAP entry in the index")),
        "terms": (_without(database, mail), ("mailbox", BOX, f"missing in terms {mail!r}")),
        "grams": (
            _with(database, layout.gram_key(Field.SN, "zqz"), stray),
            ("grams", repr(layout.gram_key(Field.SN, "zqz")), "holds document 1, which does not belong there"),
        ),
        "beginnings": (
            _with(database, layout.beginning_key("name", "zqz"), stray),
            ("beginnings", repr(layout.beginning_key("name", "zqz")), "holds document 1, which does not belong there"),
        ),
        "present": (
            _with(database, b"\xfe", stray),
            ("present", repr(b"\xfe"), "holds document 1, which does not belong there"),
        ),
        "ids": (
            _with(database, layout.record_key(Kind.MAILBOX, "zz@nowhere.example"), stray),
            ("mailbox", "zz@nowhere.example", "in the index, not in the register"),
        ),
    }
    plant, named = plants[database]
    _damage(tmp_path, plant)
    assert _named(register, tmp_path) == {named}


def _number(path: Path) -> int:
    index = Index.open(path, map_bytes=MAP)
    with index.read() as snapshot:
        found = snapshot.value("ids", layout.record_key(Kind.MAILBOX, BOX))
    index.close()
    assert found is not None
    return layout.id_of(found)


def test_several_processes_name_the_same_and_leave_nothing_behind(tmp_path: Path, register: RegisterOfRecords) -> None:
    _damage(tmp_path, _lost_member)
    before = set(tmp_path.iterdir())
    alone = verify(register, tmp_path, map_bytes=MAP)
    assert verify(register, tmp_path, map_bytes=MAP, workers=2) == alone != []
    assert set(tmp_path.iterdir()) == before
