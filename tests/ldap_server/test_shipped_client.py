"""The French practice-management client that ships with this vocabulary, as its published source shows it to behave:
one connection for each search, an AND of equalities over what was filled in, values not escaped, and of each attribute
only the first value read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ldaptor.protocols import pureber, pureldap

from directory import text
from ldap_server.messages import tlv
from tests.ldap_server.conftest import Server
from tests.ldap_server.people import PEOPLE
from tests.ldap_server.wire import Reply, Talk, request, search

OF_PERSONS = ["mail", "sn", "givenName", "IdentifiantPP", "TypeIdentifiantPP", "profession", "l"]
OF_STRUCTURES = ["mail", "o", "description", "IdentifiantPM", "TypeIdentifiantPM", "l"]
PERSON = next(one for one in PEOPLE if one.kind == "PER" and one.holders[0].profession and one.holders[0].address.city)
STRUCTURE = next(one for one in PEOPLE if one.kind == "ORG" and one.holders[0].address.city)


def filter_of(**filled: str) -> Any:
    """As its LDAP library makes one of `(&(attribute=value)…)`: a star in a value is a wildcard."""
    return pureldap.LDAPFilter_and([_assertion(attribute, value) for attribute, value in filled.items()])


def _assertion(attribute: str, value: str) -> Any:
    if value == "*":
        return pureldap.LDAPFilter_present(attribute)
    if "*" not in value:
        return pureldap.LDAPFilter_equalityMatch(
            attributeDesc=pureldap.LDAPAttributeDescription(attribute),
            assertionValue=pureldap.LDAPAssertionValue(value.encode("cp1252", "replace") if _latin(value) else value),
        )
    initial, *middle, final = value.split("*")
    parts = [pureldap.LDAPFilter_substrings_initial(initial)] if initial else []
    parts += [pureldap.LDAPFilter_substrings_any(part) for part in middle if part]
    parts += [pureldap.LDAPFilter_substrings_final(final)] if final else []
    return pureldap.LDAPFilter_substrings(type=attribute, substrings=parts)


def _latin(value: str) -> bool:
    return any(ord(letter) > 127 for letter in value)


def found(server: Server, attributes: list[str] = OF_PERSONS, /, **filled: str) -> list[Reply]:
    server.connect().close()  # it opens a connection and closes it before it connects
    with Talk(server) as talk:
        bound = talk.ask(lambda number: request(pureldap.LDAPBindRequest(version=3), number))
        assert bound[-1].code == 0
        entries = talk.ask(lambda number: search(filter_of(**filled), number, attributes=attributes))
        talk.send(request(pureldap.LDAPUnbindRequest(), 3))
        assert entries[-1].code in (0, 4)
        return entries[:-1]


def first(entry: Reply, attribute: str) -> str:
    return next(iter(entry.attributes.get(attribute, [])), "")


def test_with_nothing_filled_in_it_gets_what_the_limit_allows(server: Server) -> None:
    assert len(found(server)) == len(PEOPLE)


@pytest.mark.parametrize("attribute", OF_PERSONS)
def test_a_person_is_found_by_the_first_value_of_each_attribute(server: Server, attribute: str) -> None:
    (entry,) = found(server, mail=PERSON.address)
    value = first(entry, attribute)
    assert value
    assert PERSON.address in {first(one, "mail") for one in found(server, **{attribute: value})}


@pytest.mark.parametrize("attribute", OF_STRUCTURES)
def test_a_structure_is_found_by_the_first_value_of_each_attribute(server: Server, attribute: str) -> None:
    (entry,) = found(server, OF_STRUCTURES, mail=STRUCTURE.address)
    value = first(entry, attribute)
    assert value
    assert STRUCTURE.address in {first(one, "mail") for one in found(server, OF_STRUCTURES, **{attribute: value})}


def test_the_first_values_are_the_ones_to_use(server: Server) -> None:
    holder = PERSON.holders[0]
    assert holder.profession is not None
    (entry,) = found(server, mail=PERSON.address)
    assert first(entry, "mail") == PERSON.address
    assert (first(entry, "sn"), first(entry, "givenName")) == (holder.family_name, holder.given_name)
    assert (first(entry, "IdentifiantPP"), first(entry, "TypeIdentifiantPP")) == (holder.identifier, "8")
    assert first(entry, "profession") == holder.profession.code
    (entry,) = found(server, OF_STRUCTURES, mail=STRUCTURE.address)
    assert first(entry, "TypeIdentifiantPM") in ("FINESS", "SIRET", "SIREN")
    assert first(entry, "o") in first(entry, "description")


def test_criteria_narrow_one_another(server: Server) -> None:
    holder = PERSON.holders[0]
    filled = {"sn": str(holder.family_name), "givenName": str(holder.given_name), "TypeIdentifiantPP": "8"}
    assert {first(one, "sn") for one in found(server, **filled)} == {holder.family_name}
    assert found(server, **filled, l="NULLE PART") == []


@pytest.mark.parametrize("typed", ["LEF*", "*FEV*", "*evre", "lef*re"])
def test_a_star_in_a_value_is_a_wildcard(server: Server, typed: str) -> None:
    names = {text.fold(first(entry, "sn")) for entry in found(server, sn=typed)}
    assert "lefevre" in names
    pattern = typed.lower().replace("*", ".*")
    assert all(re.fullmatch(pattern, name) for name in names)


def test_a_star_alone_asks_whether_there_is_a_value(server: Server) -> None:
    found_ones = found(server, profession="*")
    assert 0 < len(found_ones) < len(PEOPLE)
    assert all(first(entry, "profession") for entry in found_ones)


def test_a_star_that_reaches_the_server_inside_an_equality_is_a_letter_like_any_other(server: Server) -> None:
    """Sent as the bytes of an equality, a star is no wildcard (RFC 4511 section 4.5.1.7.1)."""
    equality = tlv(0xA3, tlv(4, b"sn") + tlv(4, b"LEF*"))

    class Raw(pureber.BERBase):  # type: ignore[misc]
        def toWire(self) -> bytes:
            return equality

    with Talk(server) as talk:
        entries, done = talk.search(Raw())
    assert (entries, done.code) == ([], 0)


@pytest.mark.parametrize("typed", ["Lefèvre", "LEFÈVRE", "LEFEVRE", "lefevre"])
def test_letters_sent_in_its_own_character_set_are_understood(server: Server, typed: str) -> None:
    assert (
        {first(entry, "sn") for entry in found(server, sn=typed)}
        == {first(entry, "sn") for entry in found(server, sn="lefevre")}
        != set()
    )


def test_attribute_names_come_as_the_schema_spells_them_whatever_was_asked(server: Server) -> None:
    (entry,) = found(server, [name.lower() for name in OF_PERSONS], mail=PERSON.address)
    assert set(entry.attributes) == set(OF_PERSONS)


def test_social_professions_are_found_by_the_codes_it_still_sends(server: Server) -> None:
    today = {first(entry, "mail") for entry in found(server, profession="41")}
    assert {first(entry, "mail") for entry in found(server, profession="200")} == today != set()


def test_a_filter_that_an_unescaped_parenthesis_broke_never_leaves_it_and_the_server_goes_on(server: Server) -> None:
    assert found(server, sn="O'(Kelleran)") == []
