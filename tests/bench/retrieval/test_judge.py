"""Right answers are right by what was meant and by what was typed, and no others are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.retrieval.corrupt import queries
from bench.retrieval.judge import Asked, Figures, Half, Initials, Part, SameName, SameWords, Trade, figures, rank, worst
from bench.retrieval.letters import words
from bench.retrieval.people import People, Person

MARIE = Person(
    "1", "DUPONT", "MARIE", towns=["lyon", "lyon 7"], postal_codes=["69007"], trades=["60"], labels=["Infirmier"]
)
NAMESAKE = Person(
    "2", "Dupont", "Marie", towns=["paris"], trades=["10", "SM54"], labels=["Médecin", "Médecine Générale"]
)
OTHER_SPELLING = Person("3", "DUPOND", "MARIE")
DOUBLE = Person("4", "DUPONT-MOREAU", "MARIE")
CLAIRE = Person("5", "DUPONT", "MARIE-CLAIRE")


def asked(text: str, **more: object) -> Asked:
    return replace(Asked("any", text, MARIE, (SameName(("dupont",), ("marie",)), SameWords(words(text)))), **more)  # type: ignore[arg-type]


def test_namesakes_are_equally_right_and_others_are_not() -> None:
    query = asked("marie dupomt")

    assert query.right(MARIE)
    assert query.right(NAMESAKE)
    assert not any(query.right(person) for person in (OTHER_SPELLING, DOUBLE, CLAIRE))


def test_whoever_is_spelt_as_typed_is_right_too() -> None:
    assert asked("dupond marie").right(OTHER_SPELLING)
    assert not asked("dupon marie").right(OTHER_SPELLING)


def test_the_place_must_fit_where_one_is_given() -> None:
    query = asked("marie dupont lyon", places=frozenset({"lyon"}))

    assert query.right(MARIE)
    assert not query.right(NAMESAKE)


def test_the_place_of_a_mailbox_counts_as_a_place() -> None:
    reachable = replace(NAMESAKE, reached_at=["lyon"])

    assert asked("marie dupont lyon", places=frozenset({"lyon"})).right(reachable)


def test_the_trade_must_fit_where_one_is_given() -> None:
    doctor = asked("marie dupont médecin", trade=Trade(codes=frozenset({"10"})))
    general = asked("marie dupont médecine générale", trade=Trade(words=frozenset({"medecine", "generale"})))

    assert doctor.right(NAMESAKE)
    assert general.right(NAMESAKE)
    assert not doctor.right(MARIE)
    assert not general.right(MARIE)


def test_whoever_fits_the_letters_of_a_beginning_is_right() -> None:
    beginning = Part(("dupont",), ("mar",))

    assert all(beginning.fits(person) for person in (MARIE, DOUBLE, CLAIRE))
    assert not beginning.fits(OTHER_SPELLING)
    assert not Part((), ("mar", "mar")).fits(MARIE)


def test_a_beginning_with_an_error_fits_whoever_begins_so_but_for_one_error() -> None:
    mistyped = Part(("marie",), ("dupno",), errors=1)

    assert mistyped.fits(MARIE)
    assert mistyped.fits(OTHER_SPELLING)
    assert not Part(("marie",), ("dupno",)).fits(MARIE)
    assert not Part(("marie",), ("dpuno",), errors=1).fits(MARIE)


def test_initials_with_a_full_stop_stand_for_the_given_name_only(people: People) -> None:
    for query in queries(people, 3, 60, ["initials"]):
        [family, *_] = query.meant.family_words
        turned = Person("turned", query.meant.given[0] + "XYZ", family)
        assert not (query.right(turned) and "." in query.text)


def test_whoever_fits_the_initials_is_right() -> None:
    assert Initials(("dupont",), ("m",)).fits(CLAIRE)
    assert Initials(("dupont",), ("m", "c")).fits(CLAIRE)
    assert not Initials(("dupont",), ("m", "c")).fits(MARIE)
    assert not Initials(("dupont",), ("j",)).fits(MARIE)
    assert not Initials(("dupont",), ("m",)).fits(DOUBLE)


def test_whoever_has_the_half_that_was_typed_is_right() -> None:
    assert Half(("moreau",), ("marie",)).fits(DOUBLE)
    assert Half(("dupont",), ("claire",)).fits(CLAIRE)
    assert not Half(("moreau",), ("marie",)).fits(MARIE)
    assert not Half(("moreau",), ("claire",)).fits(DOUBLE)


def test_the_rank_is_that_of_the_first_right_answer() -> None:
    query = asked("marie dupomt")

    assert rank(query, [DOUBLE, None, NAMESAKE, MARIE]) == 3
    assert rank(query, [DOUBLE]) == 0
    assert rank(query, []) == 0


def test_figures_and_the_worst_of_them() -> None:
    first, second = figures([1, 2, 0, 1]), figures([1, 1, 0, 0])

    assert first == Figures(queries=4, recall_at_1=0.5, recall_at_10=0.75, mrr_at_10=0.625)
    assert worst([first, second]) == Figures(queries=4, recall_at_1=0.5, recall_at_10=0.5, mrr_at_10=0.5)


@pytest.mark.parametrize("kind", ["insertion", "phonetic", "separators", "name + city"])
def test_a_stranger_is_never_right(people: People, kind: str) -> None:
    stranger = Person("none", "XYZZY", "QWXYZ", towns=["nowhere"])

    assert not any(asked.right(stranger) for asked in queries(people, 3, 20, [kind]))
