"""Ways from a typed word to the words it may be: the lexicon, the costs of slips, what a query is made of."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from directory.index import lexicon, slips
from directory.index.reader import Snapshot
from directory.index.typed import typed_words
from tests.index.people import person
from tests.index.register_of_records import RegisterOfRecords
from tests.index.test_index import made

WORDS = st.text(alphabet="abcde", min_size=3, max_size=9)
NAMES = ("lefebvre", "kowalczyk", "bouchard", "maisonneuve", "guilbert", "wojciechowski", "delacroix", "fontaine")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    people = [record for number, name in enumerate(NAMES) for record in person(number, name.upper(), "Anne", "LYON")]
    with made(RegisterOfRecords.of(people), tmp_path_factory.mktemp("words")).read() as opened:
        yield opened


def slipped(dice: random.Random, word: str) -> str:
    """The word with a letter more, less, other or swapped."""
    at = dice.randrange(len(word))
    letter = dice.choice(ascii_lowercase)
    return dice.choice(
        (
            word[:at] + letter + word[at:],
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
        )
    )


@given(WORDS, WORDS)
def test_words_one_edit_apart_share_a_key(one: str, other: str) -> None:
    if OSA.distance(one, other) <= 1:
        assert lexicon.lexicon_keys(one) & lexicon.lexicon_keys(other)


@pytest.mark.parametrize("word", ["", "le", "9e", "x" * 41, "ch2"])
def test_numbers_and_very_short_or_long_words_have_no_keys(word: str) -> None:
    assert lexicon.lexicon_keys(word) == set()


def test_every_word_one_edit_away_is_found(snapshot: Snapshot) -> None:
    dice = random.Random(1)
    for _ in range(400):
        meant = dice.choice(NAMES)
        assert meant in lexicon.one_edit_away(snapshot, slipped(dice, meant))


def test_nearly_every_word_two_edits_away_is_found(snapshot: Snapshot) -> None:
    dice = random.Random(2)
    tries = [(meant, slipped(dice, slipped(dice, meant))) for meant in dice.choices(NAMES, k=1000)]
    found = sum(meant in lexicon.two_edits_away(snapshot, typed) for meant, typed in tries)
    assert found >= 960


def test_a_word_longer_than_any_costs_nothing_and_leads_nowhere(snapshot: Snapshot) -> None:
    dice = random.Random(1)
    endless = "".join(dice.choice(ascii_lowercase) for _ in range(60_000))  # its swaps alone would take gigabytes
    assert lexicon.two_edits_away(snapshot, endless) == lexicon.one_edit_away(snapshot, endless) == []
    assert lexicon.sounding_like(snapshot, endless) == set()


def test_nothing_further_away_is_found(snapshot: Snapshot) -> None:
    assert lexicon.one_edit_away(snapshot, "lefevre") == ["lefebvre"]
    assert lexicon.one_edit_away(snapshot, "lefvre") == []
    assert lexicon.two_edits_away(snapshot, "lefvre") == ["lefebvre"]
    assert lexicon.two_edits_away(snapshot, "lefr") == []


@given(st.text(alphabet="abcd", min_size=3, max_size=8), st.text(alphabet="abcd", min_size=0, max_size=3))
def test_a_beginning_with_one_letter_amiss_leads_to_how_the_word_begins(beginning: str, rest: str) -> None:
    dice = random.Random(beginning + rest)
    typed = slipped(dice, beginning)
    word = beginning + rest
    if OSA.distance(typed, beginning) == 1:
        assert any(word.startswith(letters) for letters in {typed, *lexicon.amiss(typed)})


@pytest.mark.parametrize(
    ("typed", "likelier", "than"),
    [
        ("moulin", "moullin", "mouling"),  # a letter doubled rather than another one missing
        ("mattin", "martin", "maptin"),  # the key beside rather than one far away
        ("dupond", "dupont", "rupond"),  # any letter rather than the first
        ("marrtin", "martin", "marptin"),
        ("lemy", "lemay", "lamy"),  # a letter left out rather than one far away
    ],
)
def test_common_slips_cost_less(typed: str, likelier: str, than: str) -> None:
    assert slips.one_letter(typed, likelier) < slips.one_letter(typed, than)


@given(WORDS, WORDS)
def test_a_slip_costs_something_and_two_cost_more_than_one(one: str, other: str) -> None:
    distance, cost = OSA.distance(one, other), slips.cost(one, other)
    if distance > 2:
        assert cost is None
    else:
        assert cost is not None
        assert (cost == 0) is (distance == 0)
        if distance:
            assert (cost >= slips.two_letters(one, other)) is (distance == 2)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("Lefèbvre, Philippe", ["lefebvre", "philippe"]),
        ("jean-rené d'arvillers", ["jean", "rene", "d", "arvillers"]),
        ("123 456 789 00012", ["12345678900012"]),  # a SIRET as it is printed
        ("01 02", ["01", "02"]),
        ("martin 69003", ["martin", "69003"]),
        ("jean.martin@chu-lyon.mssante.fr dr", ["jean.martin@chu-lyon.mssante.fr", "dr"]),
        ("a b c d e f g h i j k l m n", list("abcdefghijkl")),
        ("   ", []),
    ],
)
def test_a_query_is_read_as_words_numbers_and_addresses(query: str, words: list[str]) -> None:
    assert [one.word for one in typed_words(query)] == words


def test_the_last_word_may_still_be_being_typed_unless_a_space_follows() -> None:
    assert [one.last for one in typed_words("jean mart")] == [False, True]
    assert [one.last for one in typed_words("jean martin ")] == [False, False]


def test_an_article_is_no_initial() -> None:
    assert [(one.word, one.article) for one in typed_words("d'orme d orme")] == [
        ("d", True),
        ("orme", False),
        ("d", False),
        ("orme", False),
    ]


def test_no_query_is_too_long_or_too_strange(tmp_path: Path) -> None:
    with made(RegisterOfRecords.of(person(1, "MARTIN", "Anne", "LYON")), tmp_path).read() as opened:
        from directory.query import TextQuery

        for typed in ("a" * 200, "é" * 200, "1" * 200, "@" * 200, "'" * 200, "ab " * 60, "\x00", "%", "😀", "x@" * 90):
            opened.search(TextQuery(text=typed))
