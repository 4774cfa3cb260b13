"""What the load generator sends is what was meant: read again by the server's own decoder."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.ldap import filters
from bench.ldap.encoding import element, elements, integer, search_request, tlv, write_requests
from bench.ldap.filters import All, AnyOf, Comparison, Filter, Negation, Presence, Substrings, encode, escape, parse
from bench.ldap.mixes import MIXES
from bench.people import Holder
from directory.query import And, Field, Has, Is, Like, Near, Not, Or, Predicate
from ldap_server import messages
from ldap_server.filters import FilterDecoder
from ldap_server.messages import Search

FIELDS = {"mail": Field.MAIL, "cn": Field.CN, "sn": Field.SN, "givenName": Field.GIVEN_NAME}
WHO = Holder(
    address="Jean-Marc.DUPONT(1)@chu.exemple.mssante.fr",
    identifier="10900000174",
    national_id="810900000174",
    family_name="DUPONT",
    given_name="JEAN MARC",
)


def read(text: str, size_limit: int = 0) -> Search:
    """What our server understands of a filter's text."""
    request = search_request(
        "ou=bal,o=mssante,c=fr", encode(parse(text)), attributes=("cn", "mail"), size_limit=size_limit
    )
    return messages.decode_search(messages.open_envelope(request, 10), FilterDecoder(20, 256), 256)


_value = st.text(min_size=1, max_size=12).filter(lambda value: value.isprintable())
_name = st.sampled_from(list(FIELDS))
_leaf: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Comparison, st.sampled_from(["", "~"]), _name, _value),
    st.builds(Presence, _name),
    st.builds(Substrings, _name, _value, st.lists(_value, max_size=3).map(tuple), _value),
)
_filters = st.recursive(
    _leaf,
    lambda parts: st.one_of(
        st.lists(parts, max_size=3).map(lambda some: All(tuple(some))),
        st.lists(parts, max_size=3).map(lambda some: AnyOf(tuple(some))),
        parts.map(Negation),
    ),
    max_leaves=6,
)


def written(wanted: Filter) -> str:
    match wanted:
        case All(parts):
            return f"(&{''.join(map(written, parts))})"
        case AnyOf(parts):
            return f"(|{''.join(map(written, parts))})"
        case Negation(part):
            return f"(!{written(part)})"
        case Presence(attribute):
            return f"({attribute}=*)"
        case Comparison(sign, attribute, value):
            return f"({attribute}{sign}={escape(value)})"
        case Substrings(attribute, initial, middle, final):
            return f"({attribute}={'*'.join(map(escape, (initial, *middle, final)))})"


def meant(wanted: Filter) -> Predicate:
    match wanted:
        case All(parts):
            return And(tuple(map(meant, parts)))
        case AnyOf(parts):
            return Or(tuple(map(meant, parts)))
        case Negation(part):
            return Not(meant(part))
        case Presence(attribute):
            return Has(FIELDS[attribute])
        case Comparison(sign, attribute, value):
            return (Near if sign else Is)(FIELDS[attribute], value)
        case Substrings(attribute, initial, middle, final):
            return Like(FIELDS[attribute], initial or None, middle, final or None)


@settings(max_examples=50, deadline=None)
@given(_filters)
def test_a_filter_is_written_read_encoded_and_decoded_with_the_same_meaning(wanted: Filter) -> None:
    assert parse(written(wanted)) == wanted
    assert read(written(wanted)).filter == meant(wanted)


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 32767, 32768, 2**31 - 1])
def test_every_size_limit_arrives_as_it_was_given(size: int) -> None:
    assert read("(cn=a)", size_limit=size).size_limit == size


def test_a_request_carries_base_scope_and_attributes() -> None:
    search = read("(cn=a)")
    assert (search.base, search.scope, search.attributes) == ("ou=bal,o=mssante,c=fr", 2, ("cn", "mail"))


def test_an_empty_initial_or_final_is_not_sent() -> None:
    assert read("(cn=*dup*)").filter == Like(Field.CN, None, ("dup",), None)
    assert read("(cn=dup*)").filter == Like(Field.CN, "dup", (), None)


@pytest.mark.parametrize("text", ["", "cn=a", "(cn=a", "(cn=a))", "(&(cn=a)", "(cn)", "(=a)", "(cn=a)(cn=b)"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: mix.name)
def test_every_mix_makes_a_filter_that_the_server_understands(mix: object) -> None:
    text = mix.filter_of(WHO)  # type: ignore[attr-defined]
    assert text == text.replace("DUPONT", "dupont")
    assert "Undefined" not in repr(read(text).filter)


def test_signs_of_the_filter_language_in_an_address_are_escaped() -> None:
    assert read(MIXES[0].filter_of(WHO) or "").filter == Is(Field.MAIL, "jean-marc.dupont(1)@chu.exemple.mssante.fr")


def test_thunderbird_splits_a_whole_name_at_its_first_blank() -> None:
    whole = next(mix for mix in MIXES if mix.name == "thunderbird-whole").filter_of(WHO)
    assert whole == ("(|(cn=*jean*marc dupont*)(mail=*jean marc dupont*)(givenName=*jean*)(sn=*jean marc dupont*))")


def test_the_requests_of_a_mix_are_distinct_and_the_same_for_the_same_seed() -> None:
    people = [
        Holder(address=f"a{n}@b.fr", identifier=str(n // 2), national_id=str(n), family_name="MARTIN", given_name="LÉA")
        for n in range(50)
    ]
    mix = MIXES[1]
    drawn = mix.draw(people, seed=1, count=20)
    assert len(set(drawn)) == len(drawn) == 20
    assert drawn == mix.draw(people, seed=1, count=20) != mix.draw(people, seed=2, count=20)
    assert len(mix.draw(people, seed=1, count=1000)) == 25


def test_the_file_of_requests_holds_each_behind_its_length(tmp_path: Path) -> None:
    requests = [b"abc", b"", b"x" * 300]
    assert write_requests(tmp_path / "file", requests) == 3
    data, found = (tmp_path / "file").read_bytes(), []
    while data:
        (size,) = struct.unpack_from("<I", data)
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    assert found == requests


@given(st.integers(-(2**40), 2**40))
def test_integers_are_encoded_in_the_fewest_octets(value: int) -> None:
    _, start, end = element(integer(value), 0)
    octets = integer(value)[start:end]
    assert int.from_bytes(octets, "big", signed=True) == value
    assert len(octets) == 1 or (octets[0], octets[1] >> 7) not in ((0, 0), (0xFF, 1))


@given(st.lists(st.tuples(st.sampled_from([4, 0x30, 0x81]), st.binary(max_size=400)), max_size=5))
def test_elements_are_walked_as_they_were_written(some: list[tuple[int, bytes]]) -> None:
    data = b"".join(tlv(tag, content) for tag, content in some)
    assert [(tag, data[start:end]) for tag, start, end in elements(data, 0, len(data))] == some


def test_a_cut_element_is_told() -> None:
    with pytest.raises(IndexError):
        element(tlv(4, b"abc")[:-1], 0)


ENTRY = {"cn": ["Léa MARTIN", "MARTIN Léa"], "sn": ["MARTIN"], "mail": ["lea@b.fr"]}


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("(cn=martin léa)", True),
        ("(cn=martin lea)", False),
        ("(cn=*tin*l*a)", True),
        ("(|(sn=x*)(mail=*@b.fr))", True),
        ("(&(sn=mar*)(!(mail=lea*)))", False),
        ("(givenName=*)", False),
    ],
)
def test_a_filter_is_judged_over_an_entry(text: str, true: bool) -> None:
    assert filters.holds(parse(text), ENTRY, str.casefold) is true
