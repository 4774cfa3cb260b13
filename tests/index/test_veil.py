"""The veil: a withdrawal is in force for readers before the index has followed it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from directory.index import veil
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.index.veil import Veil
from directory.model import Kind
from directory.query import Anything, Field, Is, Like, Not, Query, TextQuery
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords

MAP = 2**26
ADDRESS = "box1@medecin.mssante.fr"  # Philippe Lefebvre's


def built(path: Path) -> RegisterOfRecords:
    register = RegisterOfRecords.of(PEOPLE)
    build_index(register, path, map_bytes=MAP, workers=1)
    return register


def drawn(path: Path, epoch: str, revision: int) -> None:
    veil.write(path, Veil(epoch, [(revision, Kind.MAILBOX, ADDRESS), (revision, Kind.PRACTITIONER, "810990000001")]))


def shown(path: Path) -> set[str]:
    """Every way in which the mailbox is still to be had."""
    index = Index.open(path, map_bytes=MAP)
    queries = {
        "equality": Query(predicate=Is(Field.MAIL, ADDRESS)),
        "everything": Query(predicate=Anything()),
        "negation": Query(predicate=Not(Is(Field.SN, "martin"))),
        "infix": Query(predicate=Like(Field.CN, middle=("febv",))),
        "every kind": Query(predicate=Is(Field.SN, "lefebvre"), kinds=tuple(Kind)),
    }
    hidden = {ADDRESS, "810990000001"}
    with index.read() as snapshot:
        ways = {
            name for name, query in queries.items() if hidden & {m.document.key for m in snapshot.find(query).matches}
        }
        if hidden & {m.document.key for m in snapshot.search(TextQuery(text="lefebvre lyon")).matches}:
            ways.add("search")
        if snapshot.get(Kind.MAILBOX, ADDRESS) is not None:
            ways.add("key")
        if snapshot.counts()[Kind.MAILBOX] == len(PEOPLE) // 2:
            ways.add("counts")
    index.close()
    return ways


ALL = {"equality", "everything", "negation", "infix", "every kind", "search", "key", "counts"}


def test_a_veiled_record_is_found_in_no_way(tmp_path: Path) -> None:
    register = built(tmp_path)
    assert shown(tmp_path) == ALL
    drawn(tmp_path, register.epoch, 2)
    assert shown(tmp_path) == set()


def test_a_veil_ends_with_the_revision_that_says_the_same(tmp_path: Path) -> None:
    register = built(tmp_path)
    drawn(tmp_path, register.epoch, 1)
    assert shown(tmp_path) == ALL


def test_revisions_of_another_epoch_say_nothing_so_the_veil_stays(tmp_path: Path) -> None:
    built(tmp_path)
    drawn(tmp_path, "00000000-0000-0000-0000-000000000002", 1)
    assert shown(tmp_path) == set()


def test_an_open_index_notices_a_veil_and_its_end(tmp_path: Path) -> None:
    register = built(tmp_path)
    index = Index.open(tmp_path, map_bytes=MAP)

    def there() -> bool:
        with index.read() as snapshot:
            return bool(snapshot.find(Query(predicate=Is(Field.MAIL, ADDRESS))).matches)

    assert there()
    drawn(tmp_path, register.epoch, 2)
    until(lambda: not there())
    veil.write(tmp_path, veil.NOTHING)
    until(there)
    index.close()


def test_a_follower_that_is_busy_hides_all_the_same(tmp_path: Path) -> None:
    register = built(tmp_path)
    busy, stop = threading.Event(), threading.Event()

    class Busy(Follower):
        def _follow(self, stop: threading.Event) -> None:
            busy.set()
            stop.wait()

    follower = Busy(register, tmp_path, map_bytes=MAP)
    thread = threading.Thread(target=follower.run, args=(stop,))
    thread.start()
    try:
        assert busy.wait(5)
        register.withdrawn.append((2, Kind.MAILBOX, ADDRESS))
        register.withdrawn.append((2, Kind.PRACTITIONER, "810990000001"))
        register.commit()
        until(lambda: not shown(tmp_path))
    finally:
        stop.set()
        thread.join(10)


def until(holds: object) -> None:
    assert callable(holds)
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < 5
        time.sleep(0.02)
