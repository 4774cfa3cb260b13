"""Identifiers: what they look like, and checks that warn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.identifiers import (
    NationalId,
    adeli_ok,
    check_person,
    finess_ok,
    luhn_ok,
    parse_national_id,
    rpps_ok,
    siren_ok,
    siret_ok,
)

digits = st.text("0123456789", min_size=1, max_size=20)


@given(digits)
def test_every_number_has_exactly_one_check_digit(number: str) -> None:
    assert sum(luhn_ok(number + digit) for digit in "0123456789") == 1


@given(digits, st.data())
def test_one_wrong_digit_never_passes(number: str, data: st.DataObject) -> None:
    right = next(number + digit for digit in "0123456789" if luhn_ok(number + digit))
    place = data.draw(st.integers(0, len(right) - 1))
    wrong = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != right[place]))
    assert not luhn_ok(right[:place] + wrong + right[place + 1 :])


@pytest.mark.parametrize("text", ["", "1a", "²", "٣", " 18", "18\n"])
def test_only_plain_digits_are_digits(text: str) -> None:
    assert not luhn_ok(text)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (rpps_ok, "10990001017", "10990001018"),
        (rpps_ok, "10990001017", "1099000101"),
        (rpps_ok, "10990001017", "20990001016"),
        (adeli_ok, "019399997", "19399997"),
        (adeli_ok, "2A9399990", "2C9399990"),
        (finess_ok, "699900015", "699900016"),
        (finess_ok, "2A9990018", "2a9990018"),
        (finess_ok, "2B9990018", "2B999001B"),
        (siren_ok, "356000000", "356000001"),
        (siret_ok, "99990001200017", "99990001200018"),
        (siret_ok, "99990001200017", "999900012000"),
    ],
)
def test_right_identifiers_pass_and_altered_ones_do_not(check, right: str, wrong: str) -> None:  # type: ignore[no-untyped-def]
    assert check(right)
    assert not check(wrong)


def test_la_poste_counts_its_branches_by_another_rule() -> None:
    assert not luhn_ok("35600000049837")
    assert siret_ok("35600000049837")
    assert not siret_ok("35600000049838")


def test_leading_zeros_are_kept() -> None:
    assert parse_national_id("0012600631") == NationalId(type="0", identifier="012600631")


def test_the_check_is_made_without_the_type() -> None:
    parsed = parse_national_id("810990001017")
    assert parsed is not None
    assert check_person(parsed.type, parsed.identifier)
    assert not luhn_ok(str(parsed))


def test_a_type_may_have_two_digits() -> None:
    parsed = parse_national_id("10a.b@medecin.mssante.fr")
    assert parsed == NationalId(type="10", identifier="a.b@medecin.mssante.fr")


@given(st.sampled_from("01345689"), digits)
def test_a_national_identifier_is_printed_as_it_was_read(identifier_type: str, identifier: str) -> None:
    assert str(parse_national_id(identifier_type + identifier)) == identifier_type + identifier


@pytest.mark.parametrize("text", ["", "8", "X10990001017", "@"])
def test_what_is_no_national_identifier_is_none(text: str) -> None:
    assert parse_national_id(text) is None
