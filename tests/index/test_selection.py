"""Whole results: the distinct values of a field searched in memory, and documents gone through from any of them on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from directory.errors import QueryTooComplex
from directory.index import layout, order, selection
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index, Snapshot
from directory.index.selection import Written, select
from directory.index.vocabulary import Places, Vocabulary, begins_word, matches_parts
from directory.model import Kind, Practitioner
from directory.query import Anything, Field, Is, Like, Starts
from tests.index.people import PEOPLE, person
from tests.index.register_of_records import RegisterOfRecords
from tests.interpreted import interpreted

_VALUES = st.text(alphabet="ab -é1", min_size=1, max_size=8)


def vocabulary(values: set[str]) -> Vocabulary:
    """Each value with the document of its place, every third with another one as well."""
    encoded = sorted(value.encode() for value in values)
    documents = [BitMap([at, 100_000 + at] if at % 3 == 0 else [at]) for at in range(len(encoded))]
    return Vocabulary.of(encoded, [layout.encode_posting(ids) for ids in documents])


def told(listed: Vocabulary, found: Places) -> set[bytes]:
    """The values found, each once, and told by their documents too."""
    places = found.tolist()
    assert len(set(places)) == len(places)
    assert listed.documents(found) == BitMap([*places, *(100_000 + at for at in places if at % 3 == 0)])
    return {listed.value(place) for place in places}


@given(st.sets(_VALUES, min_size=1), _VALUES)
def test_a_vocabulary_finds_the_values_that_begin_so_hold_it_or_go_on_so_at_a_word(values: set[str], part: str) -> None:
    listed, asked = vocabulary(values), part.encode()
    folded = {value.encode() for value in values}
    assert told(listed, listed.beginning(asked)) == {value for value in folded if value.startswith(asked)}
    assert told(listed, listed.containing(asked)) == {value for value in folded if asked in value}
    assert told(listed, listed.starting(asked)) == {value for value in folded if begins_word(value, asked)}


@given(
    st.sets(_VALUES, min_size=1), st.lists(_VALUES, max_size=2), st.sampled_from(["", "a"]), st.sampled_from(["", "b"])
)
def test_a_vocabulary_finds_the_values_that_are_made_of_pieces(
    values: set[str], middle: list[str], initial: str, final: str
) -> None:
    if not (initial or middle or final):
        return
    pieces = initial.encode(), [part.encode() for part in middle], final.encode()
    expected = {value.encode() for value in values if matches_parts(value.encode(), *pieces)}
    listed = vocabulary(values)
    assert told(listed, listed.holding(*pieces)) == expected


@pytest.mark.parametrize(
    ("value", "part", "begins"),
    [("martin-dubois", "dubois", True), ("martin-dubois", "ubois", False), ("d'arvillers", "arv", True),
     ("le gall", "le g", True), ("éa", "a", False), ("aa a", "a", True), ("ba ab", "a", True)],
)  # fmt: skip
def test_a_word_begins_behind_what_is_no_letter(value: str, part: str, begins: bool) -> None:
    assert begins_word(value.encode(), part.encode()) is begins


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    """An index of which a third came later, out of order."""
    path: Path = tmp_path_factory.mktemp("selection")
    register = RegisterOfRecords.of(PEOPLE)
    build_index(register, path, map_bytes=2**28, workers=1)
    later = [one for number in range(20, 26) for one in person(number, f"NOM{number % 4}{number}", "Anne", "LYON")]
    register.commit([*later, *person(3, "AAMARTINEAU", "Paul", "BRON")])
    Follower(register, path, map_bytes=2**28).step()
    index = Index.open(path, map_bytes=2**28)
    with index.read() as opened:
        assert opened.late()
        yield opened
    index.close()


def test_whatever_follows_a_document_follows_it_in_static_order(snapshot: Snapshot) -> None:
    every = select(snapshot, Anything(), Kind.PRACTITIONER, 5.0)
    in_order = every.after(snapshot, None, len(every))
    assert in_order == sorted(in_order, key=snapshot.order)
    for place, number in enumerate(in_order):
        assert every.after(snapshot, number, 100) == in_order[place + 1 :]
        assert every.after(snapshot, number, 2) == in_order[place + 1 : place + 3]
        some = BitMap(in_order[::2])
        assert list(order.following(snapshot, some, number)) == [one for one in in_order[place + 1 :] if one in some]


@pytest.mark.parametrize(
    ("predicate", "names"),
    [
        (Starts(Field.SN, "martin"), {"MARTIN", "SAINT-MARTIN"}),
        (Starts(Field.SN, "quesnoy"), {"D'ARVILLERS-QUESNOY"}),
        (Starts(Field.SN, ""), set()),
        (Like(Field.SN, middle=("marti",)), {"MARTIN", "SAINT-MARTIN", "DEMARTINI", "AAMARTINEAU"}),
        (Like(Field.SN, initial="d", final="i"), {"DEMARTINI"}),
        (Is(Field.SN, "Œuvrard"), {"ŒUVRARD"}),
    ],
)
def test_names_are_told_from_the_distinct_ones(
    snapshot: Snapshot, predicate: Starts | Like | Is, names: set[str]
) -> None:
    found = select(snapshot, predicate, Kind.PRACTITIONER, 5.0)
    people = {one.national_id: one.family_name for one in PEOPLE if isinstance(one, Practitioner)}
    people["810990000003"] = "AAMARTINEAU"
    assert {people[snapshot.document(number).key] for number in found.ids} == names


@interpreted
def test_what_only_the_record_tells_is_read_of_few_documents_only(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Written("Martin", lambda json: b'"MARTIN"' in json)
    assert len(select(snapshot, Starts(Field.SN, "martin"), Kind.PRACTITIONER, 5.0, (check,))) == 1
    monkeypatch.setattr(selection, "_READ", 3)
    with pytest.raises(QueryTooComplex):
        select(snapshot, Anything(), Kind.PRACTITIONER, 5.0, (check,))
