"""Decoding what is hostile: the corpus and its mutations, at every split, and of one mind with ldaptor's decoder."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldap_server import dit, messages
from ldap_server.ber import Framer, Malformed
from ldap_server.messages import Search
from tests.fuzz import ldaptor_view
from tests.fuzz.corpus import CORPUS, REQUESTS, SEARCHES
from tests.fuzz.mutation import mutated
from tests.fuzz.reading import LIMIT, read

_dice = st.integers(0, 2**32).map(random.Random)
_pieces = list(CORPUS.values())


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_of_the_corpus_is_one_message_at_whatever_byte_it_is_split(name: str) -> None:
    wire = REQUESTS[name]
    for split in range(len(wire) + 1):
        framer = Framer(LIMIT)
        assert [*framer.feed(wire[:split]), *framer.feed(wire[split:])] == [wire]


@pytest.mark.parametrize("name", sorted(REQUESTS.keys() - {"dn-bad"}))
def test_a_request_of_the_corpus_is_decoded_whole(name: str) -> None:
    (found,) = read(REQUESTS[name])
    assert not isinstance(found, Exception)


@pytest.mark.parametrize("name", [*sorted(CORPUS.keys() - REQUESTS.keys() - {"bad-response"}), "dn-bad"])
def test_what_is_bad_in_the_corpus_is_refused(name: str) -> None:
    (found,) = read(CORPUS[name])
    assert isinstance(found, Exception)


@settings(max_examples=1_500)
@given(name=st.sampled_from(sorted(CORPUS)), dice=_dice)
def test_a_mutation_is_read_or_refused_and_nothing_else_happens(name: str, dice: random.Random) -> None:
    read(mutated(CORPUS[name], _pieces, dice))


@settings(max_examples=300)
@given(name=st.sampled_from(sorted(CORPUS)), dice=_dice, cuts=st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_how_a_stream_is_cut_changes_nothing(name: str, dice: random.Random, cuts: list[int]) -> None:
    stream = REQUESTS["search-sogo"] + mutated(CORPUS[name], _pieces, dice) + REQUESTS["bind-v3"]
    assert _framed([stream]) == _framed(_cut(stream, cuts))


def _cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    pieces: list[bytes] = []
    at = 0
    while at < len(stream):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(stream[at : at + size])
        at += size
    return pieces


def _framed(pieces: list[bytes]) -> tuple[list[bytes], str | None]:
    """The messages of a stream, and what is wrong with the bytes behind them."""
    framer = Framer(LIMIT)
    found: list[bytes] = []
    try:
        for piece in pieces:
            found += framer.feed(piece)
            if framer.fault is not None:
                return found, str(framer.fault)
    except Malformed as error:
        return found, str(error)
    return found, None


@settings(max_examples=1_000)
@given(name=st.sampled_from(sorted(SEARCHES)), dice=_dice)
def test_what_ldaptor_also_decodes_means_the_same_to_both(name: str, dice: random.Random) -> None:
    """Ours refuses more than ldaptor does; what both accept has one meaning."""
    for message in _messages(mutated(SEARCHES[name], list(SEARCHES.values()), dice)):
        _agree(message)


@pytest.mark.parametrize("name", sorted(SEARCHES.keys() - {"search-extensible"}))
def test_the_searches_of_the_corpus_mean_the_same_to_ldaptor(name: str) -> None:
    assert ldaptor_view.operation(SEARCHES[name]) is not None
    _agree(SEARCHES[name])


def _messages(data: bytes) -> list[bytes]:
    try:
        return Framer(LIMIT).feed(data)
    except Malformed:
        return []


def _agree(message: bytes) -> None:
    (found,) = read(message)
    theirs = ldaptor_view.search(message)
    if theirs is None or isinstance(found, Exception):
        return
    operation, _controls = found
    assert isinstance(operation, tuple), f"a search to ldaptor, {operation!r} to us"
    ours = operation[0]
    assert isinstance(ours, Search)
    assert ours == theirs


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=60), st.text(alphabet='abc=,+;"\\#0f <>é', max_size=30)))
def test_a_name_is_parsed_or_refused(name: str) -> None:
    try:
        parsed = dit.parse(name)
    except dit.BadName:
        return
    assert dit.parse(f"  {name}") == parsed


@settings(max_examples=500)
@given(data=st.binary(max_size=60), oid=st.sampled_from(["1.2.840.113556.1.4.319", "1.2.840.113556.1.4.473"]))
def test_the_value_of_a_control_is_read_or_refused(data: bytes, oid: str) -> None:
    value = messages.tlv(4, data)
    listed = messages.tlv(0xA0, messages.tlv(0x30, messages.tlv(4, oid.encode()) + value))
    search = REQUESTS["search-equality"]
    (body,) = _messages(search)
    at = 2 if body[1] < 0x80 else 2 + (body[1] & 0x7F)
    read(messages.tlv(0x30, body[at:] + listed))
