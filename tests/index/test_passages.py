"""Which revisions a node has come to lately."""

from __future__ import annotations

from pathlib import Path

from directory.index import passages
from directory.index.follow import Follower
from directory.index.reader import Index
from tests.index.people import PEOPLE, person
from tests.index.register_of_records import RegisterOfRecords


def test_a_follower_notes_what_it_built_and_what_it_followed(tmp_path: Path) -> None:
    register = RegisterOfRecords.of(PEOPLE)
    follower = Follower(register, tmp_path, map_bytes=2**28)
    follower.step()
    register.commit(person(20, "NOUVEAU", "Alix", "LYON"))
    follower.step()
    follower.step()  # nothing new
    index = Index.open(tmp_path, map_bytes=2**28)
    assert [(one.revision, one.records) for one in index.passages()] == [(1, None), (2, 2)]


def test_only_the_latest_are_kept_and_a_damaged_file_tells_nothing(tmp_path: Path) -> None:
    register = RegisterOfRecords.of(PEOPLE[:2])
    with register.open() as source:
        state = source.state
    for records in range(40):
        passages.note(tmp_path, state, records)
    assert [one.records for one in passages.read(tmp_path)] == list(range(10, 40))
    (tmp_path / "passages").write_bytes(b'[{"revision": ')
    assert passages.read(tmp_path) == []
    passages.note(tmp_path, state, None)
    assert len(passages.read(tmp_path)) == 1
