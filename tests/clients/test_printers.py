"""Multifunction printers: one attribute, few results, old versions."""

from __future__ import annotations

import pytest

from tests.clients.conversation import Client, Search
from tests.clients.guides import sent
from tests.clients.people import DUPONT, LEFEVRE
from tests.ldap_server.conftest import Server

ATTRIBUTES = ["cn", "mail", "facsimileTelephoneNumber"]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("block", "typed", "address"),
    [
        ("begins", "dupont", DUPONT),
        ("begins", "jean", DUPONT),
        ("includes", "lefe", LEFEVRE),
        ("ends", "vre", LEFEVRE),
    ],
)
def test_a_printer_finds_an_address_by_the_way_it_is_set_to_compare(
    directory: Server, version: int, block: str, typed: str, address: str
) -> None:
    with Client(directory) as client:
        assert client.bind(version=version) == 0
        found = client.search(Search(sent("printers", block, text=typed), ATTRIBUTES, size=100, time=60))
    assert (found.code, found.addresses) == (0, [address])


def test_a_small_screen_shows_as_many_as_it_asked_for(directory: Server) -> None:
    with Client(directory) as client:
        client.bind(version=2)
        found = client.search(Search(sent("printers", "begins", text="martin"), ATTRIBUTES, size=25, time=30))
    assert (found.code, len(found.entries)) == (4, 25)
