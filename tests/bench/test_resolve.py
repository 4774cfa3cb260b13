"""How answers of `resolve` are judged."""

from __future__ import annotations

import pytest

from bench.people import Holder
from bench.resolve import draw, judged, mixed
from bench.retrieval.corrupt import FAMILY_CITY, NAME_CITY
from bench.retrieval.people import People, Person

_PEOPLE = [
    Person("81", "MARTIN", "Sophie", ["lyon"], trades=["10"]),
    Person("82", "MARTIN", "Paul", ["lyon"], trades=["10"]),
    Person("83", "LEFEBVRE", "Anne", ["bron"], trades=["10"]),
]
PEOPLE = People(_PEOPLE, {person.national_id: person for person in _PEOPLE})


def resolved(national_id: str) -> dict[str, object]:
    return {"status": "resolved", "practitioner": {"national_id": national_id}}


@pytest.mark.parametrize("kind", [NAME_CITY, FAMILY_CITY])
@pytest.mark.parametrize("seed", range(10))
def test_a_recipient_says_how_many_fit_and_only_they_are_right(seed: int, kind: str) -> None:
    (named,) = draw(PEOPLE, kind, 1, seed)
    fitting = [person for person in _PEOPLE if named.asked.right(person)]
    assert named.fitting == len(fitting) >= 1
    for person in _PEOPLE:
        expected = "resolved right" if person in fitting else "wrong"
        assert judged(named, resolved(person.national_id), PEOPLE) == expected
    expected = "rightly ambiguous" if len(fitting) > 1 else "ambiguous"
    assert judged(named, {"status": "ambiguous"}, PEOPLE) == expected
    assert judged(named, {"status": "unresolved"}, PEOPLE) == "unresolved"
    assert judged(named, resolved("99"), PEOPLE) == "wrong"


def test_the_same_seed_draws_the_same_recipients() -> None:
    assert draw(PEOPLE, NAME_CITY, 30, 7) == draw(PEOPLE, NAME_CITY, 30, 7) != draw(PEOPLE, NAME_CITY, 30, 8)


def test_one_class_gives_whole_names_and_the_other_family_names_alone() -> None:
    whole, family = (draw(PEOPLE, kind, 30, 1) for kind in (NAME_CITY, FAMILY_CITY))
    assert {tuple(sorted(one.name.split())) for one in whole} == {
        ("martin", "sophie"),
        ("martin", "paul"),
        ("anne", "lefebvre"),
    }
    assert {one.name for one in family} == {"martin", "lefebvre"}
    assert {one.fitting for one in whole} == {1}
    assert {one.fitting for one in family} == {1, 2}


def test_a_gateway_gives_numbers_addresses_and_names() -> None:
    holder = Holder(address="a@b.fr", identifier="1", national_id="81", family_name="MARTIN", given_name="Sophie")
    kinds = ["/".join(one) for one in mixed([holder], 10, 1)]
    assert (kinds.count("rpps"), kinds.count("address"), kinds.count("name")) == (3, 3, 4)
