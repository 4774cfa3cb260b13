"""Framing and decoding: linear, bounded, and of one mind with ldaptor's codec."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ldaptor.protocols import pureber, pureldap

from directory.errors import QueryTooComplex
from directory.query import And, AtLeast, AtMost, Field, Has, Is, Like, Near, Not, Or, Predicate, Undefined
from ldap_server import messages
from ldap_server.ber import Framer, Malformed, TooLarge
from ldap_server.filters import FilterDecoder
from ldap_server.messages import Search

NAMES = {"sn": Field.SN, "CN": Field.CN, "mail": Field.MAIL, "gn": Field.GIVEN_NAME, "l": Field.CITY}
UNKNOWN = ["unknown", "cn;lang-fr", "1.2.3.4"]


def decode(data: bytes, depth: int = 20, terms: int = 256) -> Search:
    envelope = messages.open_envelope(data, 10)
    return messages.decode_search(envelope, FilterDecoder(depth, terms), 256)


def encode(filter_: object, **more: object) -> bytes:
    request = pureldap.LDAPSearchRequest(
        baseObject="ou=bal,o=mssante,c=fr", filter=filter_, **{"attributes": ["cn", "mail"], **more}
    )
    return bytes(pureldap.LDAPMessage(request, id=7).toWire())


_text = st.text(min_size=1, max_size=8).map(lambda value: value.encode())
_attributes = st.sampled_from([*NAMES, *UNKNOWN])


def _ava(kind: type, make: type) -> st.SearchStrategy[tuple[object, Predicate]]:
    def both(attribute: str, value: bytes) -> tuple[object, Predicate]:
        wire = kind(
            attributeDesc=pureldap.LDAPAttributeDescription(attribute),
            assertionValue=pureldap.LDAPAssertionValue(value),
        )
        if attribute not in NAMES:
            return wire, Undefined()
        field = NAMES[attribute]
        return wire, Undefined() if make in (AtLeast, AtMost) else make(field, value.decode())

    return st.builds(both, _attributes, _text)


def _substrings(
    attribute: str, initial: bytes | None, middle: list[bytes], final: bytes | None
) -> tuple[object, Predicate]:
    parts: list[object] = [pureldap.LDAPFilter_substrings_initial(initial)] if initial else []
    parts += [pureldap.LDAPFilter_substrings_any(part) for part in middle]
    parts += [pureldap.LDAPFilter_substrings_final(final)] if final else []
    wire = pureldap.LDAPFilter_substrings(type=attribute, substrings=parts)
    if attribute not in NAMES or not parts:
        return wire, Undefined()
    meant = Like(
        NAMES[attribute],
        initial.decode() if initial else None,
        tuple(part.decode() for part in middle),
        final.decode() if final else None,
    )
    return wire, meant


_leaf: st.SearchStrategy[tuple[object, Predicate]] = st.one_of(
    _ava(pureldap.LDAPFilter_equalityMatch, Is),
    _ava(pureldap.LDAPFilter_approxMatch, Near),
    _ava(pureldap.LDAPFilter_greaterOrEqual, AtLeast),
    _ava(pureldap.LDAPFilter_lessOrEqual, AtMost),
    st.sampled_from([*NAMES]).map(lambda name: (pureldap.LDAPFilter_present(name), Has(NAMES[name]))),
    st.builds(_substrings, _attributes, st.none() | _text, st.lists(_text, max_size=3), st.none() | _text),
)


def _grow(parts: st.SearchStrategy[tuple[object, Predicate]]) -> st.SearchStrategy[tuple[object, Predicate]]:
    several = st.lists(parts, max_size=4)
    return st.one_of(
        several.map(lambda found: (pureldap.LDAPFilter_and([w for w, _ in found]), And(tuple(p for _, p in found)))),
        several.map(lambda found: (pureldap.LDAPFilter_or([w for w, _ in found]), Or(tuple(p for _, p in found)))),
        parts.map(lambda found: (pureldap.LDAPFilter_not(found[0]), Not(found[1]))),
    )


_filters = st.recursive(_leaf, _grow, max_leaves=8)


@settings(max_examples=150, deadline=None)
@given(both=_filters, size=st.integers(0, 5000), types_only=st.booleans())
def test_a_search_encoded_by_ldaptor_is_decoded_with_the_same_meaning(
    both: tuple[object, Predicate], size: int, types_only: bool
) -> None:
    wire, meant = both
    search = decode(encode(wire, sizeLimit=size, typesOnly=types_only))
    assert (search.filter, search.size_limit, search.types_only) == (meant, size, types_only)
    assert (search.base, search.scope, search.attributes) == ("ou=bal,o=mssante,c=fr", 2, ("cn", "mail"))


@settings(max_examples=200, deadline=None)
@given(both=_filters, data=st.data())
def test_altered_bytes_are_refused_or_read_and_nothing_else_happens(
    both: tuple[object, Predicate], data: st.DataObject
) -> None:
    wire = bytearray(encode(both[0]))
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    try:
        for message in Framer(65536).feed(bytes(wire)):
            decode(message)
    except (Malformed, QueryTooComplex):
        pass


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_framed_or_refused(data: bytes) -> None:
    try:
        for message in Framer(1024).feed(data):
            messages.open_envelope(message, 10)
    except Malformed:
        pass


def test_a_message_is_the_same_at_whatever_byte_the_stream_is_split() -> None:
    wire = encode(pureldap.LDAPFilter_present("cn"))
    for split in range(len(wire) + 1):
        framer = Framer(65536)
        assert [*framer.feed(wire[:split]), *framer.feed(wire[split:])] == [wire]


def test_several_messages_in_one_segment_come_out_in_order() -> None:
    wires = [encode(pureldap.LDAPFilter_present(name)) for name in ("cn", "sn", "mail")]
    assert list(Framer(65536).feed(b"".join(wires))) == wires


def test_a_message_that_arrives_byte_by_byte_is_read() -> None:
    wire = encode(pureldap.LDAPFilter_present("cn" * 500))
    framer = Framer(65536)
    found = [message for byte in wire for message in framer.feed(bytes([byte]))]
    assert found == [wire]


def test_lengths_longer_than_needed_are_read_as_outlook_sends_them() -> None:
    wire = encode(pureldap.LDAPFilter_present("cn"))
    body = wire[2:]
    assert len(body) < 128
    long = b"\x30\x84" + len(body).to_bytes(4, "big") + body
    assert decode(next(iter(Framer(65536).feed(long)))) == decode(wire)


def test_an_announced_length_of_two_gigabytes_is_refused_by_its_header() -> None:
    with pytest.raises(TooLarge):
        list(Framer(65536).feed(b"\x30\x84\x7f\xff\xff\xff"))


@pytest.mark.parametrize("data", [b"\x30\x80", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n", b"\x30\x85\0\0\0\0\1"])
def test_what_is_not_ldap_is_refused_at_its_first_bytes(data: bytes) -> None:
    with pytest.raises(Malformed):
        list(Framer(65536).feed(data))


def test_nesting_is_bounded_while_decoding() -> None:
    nested: object = pureldap.LDAPFilter_present("cn")
    for _ in range(19):
        nested = pureldap.LDAPFilter_not(nested)
    assert decode(encode(nested)).filter
    with pytest.raises(QueryTooComplex):
        decode(encode(pureldap.LDAPFilter_not(nested)))


def test_width_is_bounded_while_decoding() -> None:
    wide = [pureldap.LDAPFilter_present("cn") for _ in range(255)]
    assert decode(encode(pureldap.LDAPFilter_or(wide))).filter
    with pytest.raises(QueryTooComplex):
        decode(encode(pureldap.LDAPFilter_or([*wide, pureldap.LDAPFilter_present("cn")])))


def test_attributes_and_controls_are_bounded() -> None:
    with pytest.raises(Malformed, match="attributes"):
        decode(encode(pureldap.LDAPFilter_present("cn"), attributes=[f"a{n}" for n in range(257)]))
    request = pureldap.LDAPSearchRequest(baseObject="", filter=pureldap.LDAPFilter_present("cn"))
    control = (b"1.2.3", False, b"")
    wire = bytes(pureldap.LDAPMessage(request, id=1, controls=[control] * 11).toWire())
    with pytest.raises(Malformed, match="controls"):
        messages.open_envelope(wire, 10)


def test_results_are_read_back_by_ldaptor() -> None:
    wire = messages.result(5, messages.SEARCH_DONE, 4, "trop", matched="o=x")
    context = pureldap.LDAPBERDecoderContext_TopLevel(
        inherit=pureldap.LDAPBERDecoderContext_LDAPMessage(
            fallback=pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext()),
            inherit=pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext()),
        )
    )
    message, _ = pureber.berDecodeObject(context, wire)
    assert (message.id, message.value.resultCode, message.value.errorMessage) == (5, 4, b"trop")


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255, 256, 32767, 32768, 2**31 - 1])
def test_integers_are_encoded_in_the_fewest_octets(value: int) -> None:
    encoded = messages.integer(value)
    assert int.from_bytes(encoded[2:], "big", signed=True) == value
    assert encoded[1] == 1 or not (encoded[2] == 0 and encoded[3] < 128)


def test_random_large_filters_do_not_blow_the_stack() -> None:
    dice = random.Random(1)
    deep = b"\x87\x02cn"
    for _ in range(1000):
        deep = messages.tlv(dice.choice([0xA0, 0xA1, 0xA2]), deep)
    body = messages.tlv(4, b"") + b"\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00" + deep + b"\x30\x00"
    with pytest.raises(QueryTooComplex):
        decode(messages.tlv(0x30, messages.integer(1) + messages.tlv(0x63, body)))


def test_approximate_matches_count_for_what_they_cost() -> None:
    """A filter of little else than `~=` is as long in being looked up as one of many more other terms."""

    def filter_of(count: int) -> bytes:
        near = bytes.fromhex("a806040273 6e0400".replace(" ", ""))
        body = near * count
        return b"\xa1" + bytes((0x82,)) + len(body).to_bytes(2, "big") + body

    decoded, _ = FilterDecoder(20, 256).decode(filter_of(15), 0, len(filter_of(15)))
    assert isinstance(decoded, Or)
    with pytest.raises(QueryTooComplex):
        FilterDecoder(20, 256).decode(filter_of(16), 0, len(filter_of(16)))
