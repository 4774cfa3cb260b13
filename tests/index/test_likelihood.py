"""Who comes first, and who comes at all, where several persons may be meant by what was typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from directory.index.answers import Page
from directory.model import Kind
from directory.query import Field, TextQuery
from tests.index.people import person
from tests.index.register_of_records import RegisterOfRecords
from tests.index.test_index import made

Search = Callable[..., list[str]]


@pytest.fixture
def among(tmp_path: Path) -> Search:
    """What is found by some words among persons given as (family, given, town): "given family", best first."""

    def search(typed: str, *persons: tuple[str, str, str]) -> list[str]:
        register = RegisterOfRecords.of(
            [record for number, one in enumerate(persons, 1) for record in person(number, *one)]
        )
        with made(register, tmp_path).read() as snapshot:
            return _names(snapshot.search(TextQuery(text=typed, kinds=(Kind.PRACTITIONER,), limit=10)))

    return search


def _names(page: Page) -> list[str]:
    fields = (Field.GIVEN_NAME, Field.SN)
    return [" ".join(" ".join(match.document.field(field)) for field in fields) for match in page.matches]


def test_a_particle_that_was_typed_comes_before_many_without_it(among: Search) -> None:
    many = [("NORMAND", "Marie", "LYON") for _ in range(40)]
    assert among("le-normand marie", *many, ("LE NORMAND", "Marie", "LYON"))[0] == "marie le normand"


@pytest.mark.parametrize(
    ("typed", "family"), [("kheira desa", "DE SA"), ("ahvane kheira", "AH-VANE"), ("kheira ndiaye", "N'DIAYE")]
)
def test_short_names_are_found_though_typed_as_one_word(among: Search, typed: str, family: str) -> None:
    assert among(typed, (family, "Kheira", "LYON"), ("DESCHAMPS", "Kheira", "LYON"))[:1] == [f"kheira {family.lower()}"]


def test_the_second_initial_stands_for_the_second_given_name(among: Search) -> None:
    several = [("FOURNIER", given, "LYON") for given in ("Marie", "Marthe", "Marie-Chantal", "Chantal Marie")]
    assert among("m.-ch. fournier", *several)[0] == "marie-chantal fournier"


def test_a_letter_left_out_is_likelier_than_one_far_away(among: Search) -> None:
    several = [("LAMY", "Isabelle", "LYON"), ("LEVY", "Isabelle", "LYON"), ("LEMAY", "Isabelle", "LYON")]
    assert among("isabelle lemy", *several)[0] == "isabelle lemay"


def test_who_has_a_family_name_that_begins_so_comes_before_namesakes_in_a_town_that_does(among: Search) -> None:
    several = [("DUPONT", "Jocelyn", "SAINT-LEU"), ("SAINTOYANT", "Jocelyn", "LYON")]
    assert among("jocelyn saint", *several)[0] == "jocelyn saintoyant"


@pytest.mark.parametrize(("typed", "meant"), [("helene vil", "VIAL"), ("vil helene", "VIAL"), ("helene vila", "VILLA")])
def test_a_short_name_may_be_misspelt_though_many_begin_so(among: Search, typed: str, meant: str) -> None:
    begun = [(f"VILA{ending}", "Hélène", "LYON") for ending in ("INE", "RD", "NO", "RET", "SSE", "TTE") * 4]
    assert f"helene {meant.lower()}" in among(typed, *begun, (meant, "Hélène", "LYON"))


def test_the_beginnings_of_names_come_before_misspelt_ones(among: Search) -> None:
    begun = [(f"VILLE{ending}", "Hélène", "LYON") for ending in ("RS", "TTE", "NEUVE")]
    assert [name.split()[1][:5] for name in among("helene vil", ("VIAL", "Hélène", "LYON"), *begun)[:3]] == [
        "ville"
    ] * 3


def test_few_guesses_are_not_all_that_is_looked_at(among: Search) -> None:
    several = [("MASSON", "Lynda", "LYON"), ("MASSOM", "Linda", "LYON")]
    assert set(among("masson linda", *several)) == {"lynda masson", "linda massom"}


def test_a_guessed_name_leaves_room_for_others(among: Search) -> None:
    common = [("RAVEL", given, "LYON") for given in ("Anne", "Blaise", "Camille", "Denis", "Eva", "Flore") * 5]
    found = among("rabvele", *common, ("RAVELEAU", "Flora", "LYON"))
    assert "flora raveleau" in found
    assert len([name for name in found[:5] if name.endswith(" ravel")]) > 2  # the likeliest guess is not pushed away


def test_another_guess_is_seen_beside_many_of_the_likeliest(among: Search) -> None:
    martins = [("MARTIN", "Corinne", "LYON") for _ in range(40)]
    found = among("matin corinne", *martins, ("MARIN", "Corinne", "LYON"))
    assert found[0] == "corinne martin"
    assert "corinne marin" in found
