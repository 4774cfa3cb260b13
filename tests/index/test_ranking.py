"""Which of the matches come first, in sentences a doctor would say."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.index import ranking
from directory.index.documents import prepare
from directory.index.follow import Follower
from directory.index.layout import static_order
from directory.index.reader import Index, Snapshot
from directory.model import Holder, Mailbox, Record
from directory.query import And, Field, Is, Like, Not, Or, Predicate, Query, Resolves
from tests.index import oracle
from tests.index.people import AT, PEOPLE, person
from tests.index.register_of_records import RegisterOfRecords
from tests.index.strategies import leaves, mailboxes, predicates, records
from tests.index.test_index import KINDS, MAP, keys, made


def _structure(number: int, name: str) -> Mailbox:
    holder = Holder(organization_name=name, organization_identifier_type="FINESS")
    return Mailbox(address=f"s{number}@ch.mssante.fr", kind="ORG", holders=(holder,), created_at=AT, modified_at=AT)


def _at(address: str, family: str, given: str, *, trusted: bool = True) -> Mailbox:
    holder = Holder(family_name=family, given_name=given)
    return Mailbox(address=address, kind="PER", trusted=trusted, holders=(holder,), created_at=AT, modified_at=AT)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    more = [_structure(1, "MARTIN"), _at("martin.cabinet@medecin.mssante.fr", "ZOLA", "Emile")]
    index = made(RegisterOfRecords.of([*PEOPLE, *more]), tmp_path_factory.mktemp("index"))
    with index.read() as opened:
        yield opened


def thunderbird(typed: str) -> Predicate:
    """Thunderbird's autocompletion: `%v` is all that was typed, `%v1` its first word, `%v2-` the others."""
    first, _, others = typed.partition(" ")
    name = Like(Field.CN, middle=(first, others) if others else (first,))
    parts = [Like(field, middle=(typed,)) for field in (Field.MAIL, Field.SN)]
    return Or((name, *parts, Like(Field.GIVEN_NAME, middle=(first,))))


def found(snapshot: Snapshot, predicate: Predicate) -> list[str]:
    """Who is found, by surname."""
    page = snapshot.find(Query(predicate=predicate))
    return [match.document.field(Field.SN)[0] for match in page.matches]


def why(snapshot: Snapshot, predicate: Predicate) -> list[str]:
    page = snapshot.find(Query(predicate=predicate))
    return [ranking.explained(snapshot, predicate, match.document.number) for match in page.matches]


def test_martin_gives_the_surname_compounds_beginnings_given_names_addresses_a_structure_then_the_rest(
    snapshot: Snapshot,
) -> None:
    martin = thunderbird("martin")
    assert found(snapshot, martin) == [
        "martin", "saint-martin", "martineau", "durand", "zola", "martin", "demartini",
    ]  # fmt: skip
    assert why(snapshot, martin) == [
        "the surname is “martin”",
        "the surname has the word “martin”",
        "the surname begins with “martin”",
        "a given name begins with “martin”",
        "the address begins with “martin”",
        "a structure whose name has the word “martin”",
        "the surname contains “martin”",
    ]


@pytest.mark.parametrize("typed", ["mar", "mart", "marti"])
def test_the_surnames_that_begin_so_come_before_the_given_names_however_little_is_typed(
    snapshot: Snapshot, typed: str
) -> None:
    surnames = found(snapshot, Like(Field.CN, middle=(typed,)))
    assert surnames.index("martineau") < surnames.index("saint-martin") < surnames.index("durand")
    assert surnames.index("durand") < surnames.index("demartini")


def test_of_two_words_those_who_bear_both_come_first(snapshot: Snapshot) -> None:
    sophie = thunderbird("sophie martin")
    assert found(snapshot, sophie)[0] == "martin"
    assert why(snapshot, sophie)[0] == "bears every word as a name"
    assert found(snapshot, Resolves("soph mar")) == ["martin"]


def test_two_words_that_are_still_being_typed_are_taken_as_beginnings(tmp_path: Path) -> None:
    people = [*person(1, "ABEL", "Sophie-Marguerite", "LYON"), *person(2, "MARTIN", "Sophie", "LYON")]
    people += person(3, "BEL", "Annesophie Amart", "LYON")
    with made(RegisterOfRecords.of(people), tmp_path).read() as snapshot:
        typed = Like(Field.CN, middle=("soph", "mart"))
        assert found(snapshot, typed) == ["martin", "bel"]
        assert why(snapshot, typed)[0] == "has names that begin with every word"


def test_a_surname_of_two_words_is_known_as_one(tmp_path: Path) -> None:
    people = [*person(1, "ABEL LE GALL", "Ana", "LYON"), *person(2, "LE GALL", "Zoe", "LYON")]
    with made(RegisterOfRecords.of(people), tmp_path).read() as snapshot:
        assert found(snapshot, thunderbird("le gall")) == ["le gall", "abel le gall"]


def test_among_equals_trusted_domains_come_first_then_the_alphabet(tmp_path: Path) -> None:
    boxes = [_at(f"{given}@a.mssante.fr", "MARTIN", given) for given in ("Zoe", "Ana", "Luc")]
    boxes.append(_at("elsewhere@b.mssante.fr", "MARTIN", "Abel", trusted=False))
    with made(RegisterOfRecords.of(boxes), tmp_path).read() as snapshot:
        page = snapshot.find(Query(predicate=Is(Field.SN, "martin")))
        given = [match.document.field(Field.GIVEN_NAME)[0] for match in page.matches]
    assert given == ["ana", "luc", "zoe", "abel"]


def test_what_stands_under_a_negation_does_not_count(snapshot: Snapshot) -> None:
    asked = And((Like(Field.CN, middle=("a",)), Not(Is(Field.SN, "martin"))))
    assert ranking.asked_for(asked).words == ("a",)


def test_a_filter_says_of_every_match_what_all_of_its_parts_together_say() -> None:
    surname, given = Is(Field.SN, "Le Gàll"), Like(Field.GIVEN_NAME, initial="Mar")
    said = ranking.said_by(And((surname, given, Not(Is(Field.SN, "durand")), Or((Is(Field.SN, "petit"),)))))
    assert said == ranking.Said(frozenset({"le gall"}), frozenset({"le", "gall"}), frozenset({"le", "gall", "mar"}))


@pytest.mark.parametrize(
    "asked",
    [
        Or((Is(Field.SN, "martin"), Is(Field.SN, "durand"))),
        Not(Is(Field.SN, "martin")),
        Is(Field.CN, "martin"),
        Like(Field.SN, middle=("mar",)),
        Like(Field.GIVEN_NAME, initial="jean "),  # no word begins so
    ],
)
def test_nothing_is_said_of_every_match_by_what_some_need_not_satisfy(asked: Predicate) -> None:
    assert ranking.said_by(asked) == ranking.Said()


@settings(max_examples=25, deadline=None)
@given(people=st.lists(records(), max_size=14), asked=leaves())
def test_the_first_are_the_same_whatever_the_limit_and_pages_go_on_where_they_ended(
    people: list[Record], asked: Predicate
) -> None:
    with tempfile.TemporaryDirectory() as name, made(RegisterOfRecords.of(people), Path(name)).read() as snapshot:
        whole = keys(snapshot, asked)
        for limit in range(1, len(whole) + 1):
            page = snapshot.find(Query(predicate=asked, limit=limit, kinds=KINDS))
            assert [f"{match.document.kind}:{match.document.key}" for match in page.matches] == whole[:limit]
            assert page.complete == (limit == len(whole))
            assert keys(snapshot, asked, offset=limit) == whole[limit:]


@settings(max_examples=40, deadline=None)
@given(people=st.lists(mailboxes(), max_size=14), asked=st.lists(predicates(), min_size=4, max_size=4))
def test_mailboxes_stand_where_plain_evaluation_puts_them(people: list[Record], asked: list[Predicate]) -> None:
    register = RegisterOfRecords.of(people)
    prepared = [prepare(record) for record in register.records.values()]
    with tempfile.TemporaryDirectory() as name, made(register, Path(name)).read() as snapshot:
        for predicate in asked:
            matching = [one for one in prepared if oracle.truth(predicate, one.values) is True]
            words, pieces = oracle.asked_for(predicate)
            matching.sort(key=lambda one: (oracle.standing(words, pieces, one.values), static_order(one.record)))
            page = snapshot.find(Query(predicate=predicate))
            assert [match.document.key for match in page.matches] == [one.key for one in matching]


@settings(max_examples=15, deadline=None)
@given(
    first=st.lists(mailboxes(), min_size=6, max_size=12),
    later=st.lists(mailboxes(), min_size=1, max_size=12),
    asked=st.lists(predicates(), min_size=4, max_size=4),
)
def test_changed_mailboxes_take_their_place_among_those_of_the_build(
    first: list[Record], later: list[Record], asked: list[Predicate]
) -> None:
    register = RegisterOfRecords.of(first)
    with tempfile.TemporaryDirectory() as name:
        made(register, Path(name))
        for record in later:
            register.commit([record], [next(iter(register.records))])
            Follower(register, Path(name), MAP).step()
        with Index.open(Path(name), map_bytes=MAP).read() as snapshot:
            for predicate in asked:
                page = snapshot.find(Query(predicate=predicate, limit=3))
                documents = [match.document for match in page.matches]
                stand = [(oracle_standing(predicate, one.values()), snapshot.order(one.number)) for one in documents]
                assert stand == sorted(stand)


def oracle_standing(predicate: Predicate, values: oracle.Values) -> tuple[int, int]:
    return oracle.standing(*oracle.asked_for(predicate), values)
