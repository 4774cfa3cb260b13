"""Search and ranking, in sentences a doctor would say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directory import text
from directory.index.reader import Snapshot
from directory.model import Kind
from directory.query import Field, Near, Query, Resolves, TextQuery
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords
from tests.index.test_index import made


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    index = made(RegisterOfRecords.of(PEOPLE), tmp_path_factory.mktemp("index"))
    with index.read() as opened:
        yield opened


def names(snapshot: Snapshot, typed: str) -> list[str]:
    page = snapshot.search(TextQuery(text=typed, kinds=(Kind.MAILBOX,)))
    return [match.document.values((Field.SN,))[Field.SN][0] for match in page.matches]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lefebvre", "lefebvre"),
        ("LEFÈBVRE", "lefebvre"),  # accents and case
        ("lefevre", "lefebvre"),  # by ear
        ("lefbvre", "lefebvre"),  # a letter missing
        ("leffebvre", "lefebvre"),  # a letter doubled
        ("lefebrve", "lefebvre"),  # two letters swapped
        ("lefebvte", "lefebvre"),  # a neighbouring key
        ("efebvre", "lefebvre"),  # the first letter missing
        ("mefebvre", "lefebvre"),  # the first letter wrong
        ("d'arvilers-uesnoy", "d'arvillers-quesnoy"),  # one typo in each half
        ("filippe lefebvre", "lefebvre"),
        ("philippe lefebvre", "lefebvre"),
        ("lefebvre philippe lyon", "lefebvre"),  # words in any order
        ("martin kine", "martin"),  # an everyday word
        ("tibo marseille", "thibault"),  # phonetics
        ("quesnoy", "d'arvillers-quesnoy"),  # half of a compound name
        ("darvillers", "d'arvillers-quesnoy"),  # without the apostrophe
        ("arvillers generaliste", "d'arvillers-quesnoy"),
        ("oeuvrard", "oeuvrard"),  # a ligature
        ("10990000007", "thibault"),
        ("box9@medecin.mssante.fr", "oeuvrard"),
        ("lefeb", "lefebvre"),  # still typing
        ("thibault 13", "thibault"),  # a word that does not fit is given up
    ],
)
def test_what_is_typed_finds_who_is_meant_first(snapshot: Snapshot, typed: str, meant: str) -> None:
    assert names(snapshot, typed)[:1] == [meant]


def test_nonsense_finds_nobody(snapshot: Snapshot) -> None:
    assert names(snapshot, "xqzwvj") == []


def test_a_search_explains_each_step_and_each_part_of_a_score(snapshot: Snapshot) -> None:
    page = snapshot.search(TextQuery(text="lefevre lyon", explain=True))
    assert [(step["step"], step.get("word")) for step in page.steps[:2]] == [("expand", "lefevre"), ("expand", "lyon")]
    assert {step["step"] for step in page.steps[2:]} == {"collect"}
    why = page.matches[0].why
    assert why is not None
    assert "lefebvre" in str(why["lefevre"])
    assert "place" in str(why["lyon"])
    assert why["names not asked for"]


def test_a_person_is_not_shown_twice_for_having_a_mailbox(snapshot: Snapshot) -> None:
    page = snapshot.search(TextQuery(text="10990000001"))
    assert len({match.document.kind for match in page.matches}) == len(page.matches)


def test_nearly_equal_includes_what_sounds_alike_and_typos(snapshot: Snapshot) -> None:
    for typed in ("lefevre", "lefebre", "LEFEBVRE"):
        page = snapshot.find(Query(predicate=Near(Field.SN, typed)))
        assert [match.document.key for match in page.matches] == ["box1@medecin.mssante.fr"]


def test_a_letter_may_be_missing_from_a_short_given_name(snapshot: Snapshot) -> None:
    page = snapshot.find(Query(predicate=Near(Field.GIVEN_NAME, "pul")))
    assert [match.document.key for match in page.matches] == ["box3@medecin.mssante.fr"]


def test_an_ambiguous_name_is_resolved_by_the_beginnings_of_words(snapshot: Snapshot) -> None:
    page = snapshot.find(Query(predicate=Resolves("lef phil")))
    assert [match.document.key for match in page.matches] == ["box1@medecin.mssante.fr"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lefevre", "lefebvre"),
        ("philippe", "filippe"),
        ("thibault", "tibault"),
        ("renault", "reno"),
        ("moreau", "moro"),
        ("dupont", "dupond"),
        ("sylvie", "silvie"),
        ("leclercq", "leclerc"),
        ("christophe", "kristof"),
    ],
)
def test_words_that_sound_alike_share_their_key(one: str, other: str) -> None:
    assert text.phonetic(one) == text.phonetic(other)


@pytest.mark.parametrize(("one", "other"), [("martin", "morton"), ("bernard", "renard"), ("petit", "patou")])
def test_words_that_sound_apart_do_not(one: str, other: str) -> None:
    assert text.phonetic(one) != text.phonetic(other)
