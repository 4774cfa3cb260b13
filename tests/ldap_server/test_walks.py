"""Walks: pages that stay those of the revision they began with, on whichever worker, within bounds."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ldaptor.protocols import pureldap

from directory.index.build import build_index
from directory.index.follow import Follower
from directory.model import Kind
from ldap_server import controls
from ldap_server.ber import SEQUENCE, Reader
from ldap_server.messages import Control, integer, tlv
from ldap_server.walks import Bounds, Kept, Walks
from tests.index.register_of_records import RegisterOfRecords
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.people import PEOPLE
from tests.ldap_server.test_controls import least, sort
from tests.ldap_server.wire import EVERYONE, Reply, Talk, filter_of

MAP = 2**28


def page(size: int, cookie: bytes = b"") -> Control:
    return Control(controls.PAGED_RESULTS, True, tlv(SEQUENCE, integer(size) + tlv(4, cookie)))


def cookie_of(done: Reply) -> bytes:
    body = Reader(done.controls[controls.PAGED_RESULTS]).inside(SEQUENCE)
    body.integer()
    return body.octets()


@pytest.fixture
def register() -> RegisterOfRecords:
    return RegisterOfRecords.of(PEOPLE)


@pytest.fixture
def folder(tmp_path: Path, register: RegisterOfRecords) -> Path:
    build_index(register, tmp_path / "index", map_bytes=MAP, workers=1)
    return tmp_path


@pytest.fixture
def pair(folder: Path) -> Iterator[Server]:
    """Two workers on an index that the test changes."""
    yield from serving(folder, workers=2)


def everyone(server: Server) -> dict[str, dict[str, list[str]]]:
    with Talk(server) as talk:
        return {entry.dn: entry.attributes for entry in talk.search(attributes=[b"*"])[0]}


def walked(server: Server, size: int, *more: Control) -> list[list[Reply]]:
    """The pages of a walk, each asked for on a connection of its own."""
    pages, cookie = [], b""
    while True:
        with Talk(server) as talk:
            entries, done = talk.search(EVERYONE, page(size, cookie), *more, attributes=[b"*"])
        assert done.code == 0
        pages.append(entries)
        cookie = cookie_of(done)
        if not cookie:
            return pages


@pytest.mark.parametrize("size", [1, 9, 70, 1000])
def test_pages_partition_the_whole_in_its_order(server: Server, size: int) -> None:
    with Talk(server) as talk:
        whole, _ = talk.search()
    pages = walked(server, size)
    assert [entry.dn for one in pages for entry in one] == [entry.dn for entry in whole]
    assert {len(one) for one in pages[:-1]} <= {size}


def test_pages_of_a_sorted_search_follow_one_another(server: Server) -> None:
    names = [least(entry, "cn") for one in walked(server, 9, sort("cn")) for entry in one]
    assert names == sorted(names)
    assert len(names) == len(PEOPLE)


def test_a_walk_stays_on_its_revision_while_the_index_follows_changes(
    pair: Server, folder: Path, register: RegisterOfRecords
) -> None:
    before = everyone(pair)
    with Talk(pair) as talk:
        entries, done = talk.search(EVERYONE, page(10), attributes=[b"*"])
    found = {entry.dn: entry.attributes for entry in entries}
    rounds = 0
    while cookie_of(done):
        # Every mailbox changes with every page, and new ones appear.
        rounds += 1
        changed = [
            dataclasses.replace(
                one, holders=tuple(dataclasses.replace(h, family_name=f"CHANGÉ{rounds}") for h in one.holders)
            )
            for one in PEOPLE
        ]
        register.commit([*changed, dataclasses.replace(PEOPLE[0], address=f"new{rounds}@x.mssante.fr")])
        assert Follower(register, folder / "index", MAP).step()
        with Talk(pair) as talk:
            entries, done = talk.search(EVERYONE, page(10, cookie_of(done)), attributes=[b"*"])
        assert not found.keys() & {entry.dn for entry in entries}
        found |= {entry.dn: entry.attributes for entry in entries}
    assert rounds >= 6
    assert found == before
    assert everyone(pair) != before


def test_what_is_withdrawn_meanwhile_is_not_sent(folder: Path, register: RegisterOfRecords) -> None:
    for server in serving(folder):
        before = everyone(server)
        with Talk(server) as talk:
            first, done = talk.search(EVERYONE, page(10))
            gone = [one for one in PEOPLE if one.address not in {entry.attributes["mail"][0] for entry in first}][:30]
            register.commit(removed=[(Kind.MAILBOX, one.address.lower()) for one in gone])
            assert Follower(register, folder / "index", MAP).step()
            rest, done = talk.search(EVERYONE, page(1000, cookie_of(done)))
        named = {entry.attributes["mail"][0] for entry in [*first, *rest]}
        assert named == {one.address for one in PEOPLE} - {one.address for one in gone}
        assert len(before) == len(PEOPLE)


def test_what_is_withdrawn_is_wiped_from_walks_and_the_rest_stays(folder: Path, register: RegisterOfRecords) -> None:
    for server in serving(folder):
        with Talk(server) as talk:
            first, done = talk.search(EVERYONE, page(10))
            sent = {entry.attributes["mail"][0] for entry in first}
            gone, *staying = (one.address for one in PEOPLE if one.address not in sent)
            (walk,) = (folder / "walks").iterdir()
            made_at = walk.stat().st_mtime
            assert gone.encode() in walk.read_bytes()
            register.commit(removed=[(Kind.MAILBOX, gone.lower())])
            assert Follower(register, folder / "index", MAP).step()
            disappears(gone, walk)
            assert walk.stat().st_mtime == pytest.approx(made_at)
            rest, _ = talk.search(EVERYONE, page(1000, cookie_of(done)))
    assert {entry.attributes["mail"][0] for entry in rest} == set(staying)


def disappears(address: str, walk: Path) -> None:
    until = time.monotonic() + 30
    while address.lower().encode() in walk.read_bytes().lower():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_walk_ends_with_code_4_where_the_size_limit_leaves_something_out(indexed: Path) -> None:
    for server in serving(indexed, LDAP_SIZE_LIMIT="25"):
        with Talk(server) as talk:
            codes: list[tuple[int, int]] = []
            cookie = b""
            while not codes or cookie:
                entries, done = talk.search(EVERYONE, page(10, cookie))
                codes.append((len(entries), done.code))
                cookie = cookie_of(done)
        assert codes == [(10, 0), (10, 0), (5, 4)]


@pytest.mark.parametrize("cookie", [b"forged", b"x" * 20, b"\x00" * 300], ids=["short", "of the right size", "long"])
def test_a_forged_cookie_is_refused(server: Server, cookie: bytes) -> None:
    with Talk(server) as talk:
        entries, done = talk.search(EVERYONE, page(3, cookie))
    assert (entries, done.code, done.controls) == ([], 53, {})


@pytest.mark.parametrize(
    "other",
    [{"filter_": filter_of("(sn=*)")}, {"attributes": [b"cn"]}, {"scope": 1}, {"typesOnly": 1}],
    ids=["filter", "attributes", "scope", "types"],
)
def test_a_cookie_belongs_to_its_search(server: Server, other: dict[str, object]) -> None:
    with Talk(server) as talk:
        cookie = cookie_of(talk.search(EVERYONE, page(3))[1])
        filter_ = other.pop("filter_", EVERYONE)
        assert talk.search(filter_, page(3, cookie), **other)[1].code == 53
        assert talk.search(EVERYONE, page(3, cookie))[1].code == 0


def test_a_cookie_serves_no_other_sort(server: Server) -> None:
    with Talk(server) as talk:
        cookie = cookie_of(talk.search(EVERYONE, page(3), sort("sn"))[1])
        assert talk.search(EVERYONE, page(3, cookie), sort("cn"))[1].code == 53


def test_a_walk_that_is_given_up_or_at_its_end_cannot_go_on(server: Server) -> None:
    with Talk(server) as talk:
        cookie = cookie_of(talk.search(EVERYONE, page(3))[1])
        entries, done = talk.search(EVERYONE, page(0, cookie))
        assert (entries, done.code, cookie_of(done)) == ([], 0, b"")
        assert talk.search(EVERYONE, page(3, cookie))[1].code == 53
        cookie = cookie_of(talk.search(EVERYONE, page(3))[1])
        assert cookie_of(talk.search(EVERYONE, page(1000, cookie))[1]) == b""
        assert talk.search(EVERYONE, page(3, cookie))[1].code == 53


def test_a_search_that_fits_a_page_leaves_no_walk_behind(folder: Path) -> None:
    for server in serving(folder):
        walked(server, 1000)
        assert not (folder / "walks").exists()
        walked(server, 9)
        assert list((folder / "walks").iterdir()) == []


def test_walks_of_a_client_beyond_its_share_lose_the_oldest(indexed: Path) -> None:
    for server in serving(indexed, LDAP_WALKS_PER_CLIENT="2"):
        with Talk(server) as talk:
            cookies = [cookie_of(talk.search(EVERYONE, page(3))[1]) for _ in range(3)]
            assert [talk.search(EVERYONE, page(3, cookie))[1].code for cookie in cookies] == [53, 0, 0]


@pytest.mark.parametrize("bad", [page(-1), Control(controls.PAGED_RESULTS, True, None)], ids=["negative", "no value"])
def test_a_page_that_is_none_is_a_protocol_error(server: Server, bad: Control) -> None:
    with Talk(server) as talk:
        assert talk.search(EVERYONE, bad)[1].code == 2


def test_entries_of_the_server_itself_come_on_one_page(server: Server) -> None:
    with Talk(server) as talk:
        entries, done = talk.search(pureldap.LDAPFilter_present("objectClass"), page(1), baseObject="", scope=0)
    assert (len(entries), done.code, cookie_of(done)) == (1, 0, b"")


# -- the files ---------------------------------------------------------------------------------------------------------

ENTRIES = [Kept(f"a{number}@x.fr", bytes([number]) * 100) for number in range(10)]
STAMP = b"0123456789abcdef"


def walks(folder: Path, **more: float) -> Walks:
    bounds = {"walks": 100, "walks_per_client": 100, "size_bytes": 2**20, "age_s": 1000.0, **more}
    return Walks(folder / "walks", Bounds(**bounds))  # type: ignore[arg-type]


def alive(kept: Walks, cookies: dict[str, bytes]) -> list[str]:
    return [owner for owner, cookie in cookies.items() if kept.page(owner, STAMP, cookie, 1) is not None]


def test_a_walk_is_read_by_whoever_shares_its_folder(tmp_path: Path) -> None:
    cookie = walks(tmp_path).begin("me", STAMP, ENTRIES, complete=False)
    first = walks(tmp_path).page("me", STAMP, cookie, 4)
    assert first is not None
    assert (list(first.entries), first.complete) == (ENTRIES[:4], False)
    last = walks(tmp_path).page("me", STAMP, first.cookie, 400)
    assert last is not None
    assert (list(last.entries), last.cookie) == (ENTRIES[4:], b"")


def test_a_walk_is_nobody_elses(tmp_path: Path) -> None:
    cookie = walks(tmp_path).begin("me", STAMP, ENTRIES, complete=True)
    assert walks(tmp_path).page("you", STAMP, cookie, 4) is None
    assert walks(tmp_path).page("me", b"f" * 16, cookie, 4) is None


def test_all_walks_together_are_bounded_in_number_and_bytes(tmp_path: Path) -> None:
    few = walks(tmp_path, walks=3)
    cookies = {f"client {number}": few.begin(f"client {number}", STAMP, ENTRIES, complete=True) for number in range(5)}
    assert len(alive(few, cookies)) == 3
    small = walks(tmp_path, size_bytes=3000)
    cookies["late"] = small.begin("late", STAMP, ENTRIES, complete=True)
    assert "late" in alive(small, cookies)
    assert sum(file.stat().st_size for file in (tmp_path / "walks").iterdir()) <= 3000


def test_a_walk_that_is_too_old_is_refused_and_removed(tmp_path: Path) -> None:
    kept = walks(tmp_path)
    cookie = kept.begin("me", STAMP, ENTRIES, complete=True)
    (file,) = (tmp_path / "walks").iterdir()
    os.utime(file, (1, 1))
    assert kept.page("me", STAMP, cookie, 4) is None
    kept.sweep(now=1e9)
    assert not file.exists()


def test_only_the_servers_own_user_may_read_walks(tmp_path: Path) -> None:
    walks(tmp_path).begin("me", STAMP, ENTRIES, complete=True)
    assert (tmp_path / "walks").stat().st_mode & 0o077 == 0
