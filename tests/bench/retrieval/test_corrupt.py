"""Each class of query does what its name says, and the same seed gives the same queries."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from bench.retrieval.corrupt import CLASSES, PARTICLES, pairs, queries
from bench.retrieval.judge import Asked, SameName
from bench.retrieval.letters import distance, plain, words
from bench.retrieval.people import People
from bench.retrieval.typos import AZERTY, TYPOS, two_typos, typo

SEED = 5
COUNT = 40
# Errors that can be undone in several ways are told apart by their lengths.
LONGER = {"insertion": 1, "deletion": -1, "substitution": 0, "transposition": 0, "doubled letter": 1}


@pytest.fixture(scope="module")
def drawn(people: People) -> Callable[[str], list[Asked]]:
    several = queries(people, SEED, COUNT)
    return lambda kind: [asked for asked in several if asked.kind == kind]


def name_of(asked: Asked) -> tuple[str, ...]:
    return tuple(sorted(asked.meant.name_words))


def typed(asked: Asked) -> tuple[str, ...]:
    return tuple(sorted(words(asked.text)))


def letters(text: str) -> list[str]:
    return sorted("".join(words(text)))


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_has_queries_and_whoever_is_meant_is_right(drawn: Callable[[str], list[Asked]], kind: str) -> None:
    asked = drawn(kind)

    assert len(asked) == COUNT
    assert all(one.right(one.meant) for one in asked)


def test_the_same_seed_gives_the_same_queries_and_another_seed_gives_others(people: People) -> None:
    texts = [asked.text for asked in queries(people, SEED, 10)]

    assert texts == [asked.text for asked in queries(people, SEED, 10)]
    assert texts != [asked.text for asked in queries(people, SEED + 1, 10)]


def test_a_class_does_not_change_with_the_classes_drawn_beside_it(
    people: People, drawn: Callable[[str], list[Asked]]
) -> None:
    assert queries(people, SEED, COUNT, ["initials"]) == drawn("initials")


def test_accents_differ_from_the_register_in_accents_only(drawn: Callable[[str], list[Asked]]) -> None:
    for asked in drawn("accents"):
        assert typed(asked) == name_of(asked)
        assert not asked.text.isascii() or not (asked.meant.given + asked.meant.family).isascii()
    assert any(unicodedata.is_normalized("NFD", one.text) and not one.text.isascii() for one in drawn("accents"))


@pytest.mark.parametrize("kind", ["case", "order"])
def test_case_and_order_leave_every_word_whole(drawn: Callable[[str], list[Asked]], kind: str) -> None:
    assert all(typed(asked) == name_of(asked) for asked in drawn(kind))


def test_cases_are_mixed(drawn: Callable[[str], list[Asked]]) -> None:
    assert any(one.text.isupper() for one in drawn("case"))
    assert not any(one.text.islower() for one in drawn("case"))


def test_both_orders_of_a_name_are_asked(drawn: Callable[[str], list[Asked]]) -> None:
    first = [words(one.text)[0] in one.meant.family_words for one in drawn("order")]

    assert 0.2 < sum(first) / len(first) < 0.8


def test_separators_change_and_letters_stay(drawn: Callable[[str], list[Asked]]) -> None:
    for asked in drawn("separators"):
        given, family = plain(asked.meant.given), plain(asked.meant.family)
        assert letters(asked.text) == letters(given + family)
        assert asked.text not in (f"{given} {family}", f"{family} {given}")


def test_half_of_a_double_name_stands_for_it(drawn: Callable[[str], list[Asked]]) -> None:
    for asked in drawn("compound half"):
        assert set(typed(asked)) < set(name_of(asked)) or len(typed(asked)) < len(name_of(asked))


def test_particles_come_and_go(drawn: Callable[[str], list[Asked]]) -> None:
    asked = drawn("particle")
    for one in asked:
        assert {*typed(one)} ^ {*name_of(one)} <= PARTICLES
    assert {len(typed(one)) > len(name_of(one)) for one in asked} == {True, False}


@pytest.mark.parametrize("count", [3, 4, 5])
def test_beginnings_have_their_number_of_letters(drawn: Callable[[str], list[Asked]], count: int) -> None:
    asked = drawn(f"prefix {count}")
    for one in asked:
        begun = one.text.split()[-1]
        assert len(begun) == count
        assert any(word.startswith(begun) and word != begun for word in one.meant.name_words)
    assert {len(one.text.split()) > 1 for one in asked} == {True, False}


def test_a_beginning_with_a_typo_is_one_error_from_a_beginning(drawn: Callable[[str], list[Asked]]) -> None:
    for asked in drawn("prefix + typo"):
        begun = asked.text.split()[-1]
        assert min(
            distance(begun, word[:length]) for word in asked.meant.name_words for length in (5, 6, 7)
        ) == 1  # fmt: skip


@pytest.mark.parametrize("kind", TYPOS)
def test_one_typo_is_one_edit_in_one_word_of_four_letters_or_more(
    drawn: Callable[[str], list[Asked]], kind: str
) -> None:
    for asked in drawn(kind):
        meant, written = Counter(name_of(asked)), Counter(typed(asked))
        [right], [wrong] = (meant - written).elements(), (written - meant).elements()
        assert len(right) >= 4
        assert distance(right, wrong) == 1
        assert len(wrong) - len(right) == LONGER[kind]


def test_each_kind_of_typo_is_what_it_is_called() -> None:
    dice = Random(1)
    for _ in range(200):
        word = dice.choice(["martin", "lefebvre", "philippe", "beauchamp"])
        doubled, swapped, beside = (
            typo(dice, word, kind) for kind in ("doubled letter", "transposition", "substitution")
        )
        assert doubled is not None
        assert swapped is not None
        assert beside is not None
        assert any(doubled == word[:at] + word[at] + word[at:] for at in range(len(word)))
        assert sorted(swapped) == sorted(word)
        [(meant, hit)] = [(one, other) for one, other in zip(word, beside, strict=True) if one != other]
        assert hit in AZERTY[meant]


def test_the_keyboard_is_a_french_one() -> None:
    assert set("zqs") <= set(AZERTY["a"] + AZERTY["z"])
    assert "m" in AZERTY["l"]
    assert "b" in AZERTY["n"]
    assert all(letter in AZERTY[other] for letter, others in AZERTY.items() for other in others)


def test_the_first_letter_is_rarely_wrong() -> None:
    dice = Random(1)
    first = [typo(dice, "martinez", "substitution") for _ in range(2000)]

    assert 0.03 < sum(one is not None and one[0] != "m" for one in first) / 2000 < 0.07


def test_two_typos_are_two_edits(drawn: Callable[[str], list[Asked]]) -> None:
    dice = Random(1)
    assert all(distance("fontaine", two_typos(dice, "fontaine") or "") == 2 for _ in range(200))
    for asked in drawn("two typos"):
        assert 1 <= len(set(typed(asked)) - set(name_of(asked))) <= 2


def test_initials_leave_the_family_name_whole(drawn: Callable[[str], list[Asked]]) -> None:
    for asked in drawn("initials"):
        rest = list(typed(asked))
        for word in asked.meant.family_words:
            rest.remove(word)
        assert all(len(word) <= len(asked.meant.given_words) * 2 for word in rest)


def test_letters_typed_as_one_word_may_also_begin_one_name(drawn: Callable[[str], list[Asked]]) -> None:
    for asked in drawn("initials"):
        letters = list((Counter(typed(asked)) - Counter(asked.meant.family_words)).elements())
        if len(letters) == 1 and "." not in asked.text:
            assert asked.right(replace(asked.meant, given=f"{letters[0]}nne"))


def test_phonetic_queries_take_one_word_by_its_pair(drawn: Callable[[str], list[Asked]]) -> None:
    both_ways = {frozenset(pair) for pair in pairs()}
    for asked in drawn("phonetic"):
        meant, written = Counter(name_of(asked)), Counter(typed(asked))
        [right], [wrong] = (meant - written).elements(), (written - meant).elements()
        assert frozenset((right, wrong)) in both_ways


def test_the_list_of_pairs_is_long_and_every_pair_is_two_spellings_of_one_word_each() -> None:
    several = pairs()

    assert len(several) >= 300
    assert len({frozenset(pair) for pair in several}) == len(several)
    assert all(one != other and one.isalpha() and other.isalpha() for one, other in several)


def test_a_town_is_where_the_person_works_and_a_misspelt_one_is_nearly(drawn: Callable[[str], list[Asked]]) -> None:
    for asked in (*drawn("name + city"), *drawn("family name + city")):
        assert asked.places
        assert asked.places <= asked.meant.places
    for asked in drawn("name + misspelt city"):
        assert asked.places
        [meant] = asked.places & asked.meant.places
        [wrong] = asked.places - {meant}
        assert distance(meant, wrong) == 1


@pytest.mark.parametrize("beside", ["city", "profession"])
def test_a_name_is_whole_and_a_family_name_is_alone(drawn: Callable[[str], list[Asked]], beside: str) -> None:
    for asked in drawn(f"name + {beside}"):
        assert not Counter(name_of(asked)) - Counter(typed(asked))
    for asked in drawn(f"family name + {beside}"):
        [reading] = asked.readings
        assert reading == SameName(asked.meant.family_words)
        assert not Counter(asked.meant.family_words) - Counter(typed(asked))


def test_trades_are_asked_in_everyday_words_and_in_the_register_s(drawn: Callable[[str], list[Asked]]) -> None:
    trades = [asked.trade for asked in (*drawn("name + profession"), *drawn("family name + profession"))]

    assert any(trade and trade.codes for trade in trades)
    assert any(trade and trade.words for trade in trades)
