"""Exim's own lookups as the guide page writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.guides import HOST, snippet
from tests.clients.mail_servers import expand
from tests.clients.people import DUPONT, KELLERAN
from tests.ldap_server.conftest import Server


def looked_up(server: Server, folder: Path, address: str, lookup: str | None = None) -> str:
    configuration = snippet("exim", "exim.conf").replace(f"{HOST}::3890", f"{server.host}::{server.port}")
    assert f"::{server.port}" in configuration
    text = lookup or snippet("exim", "expansion").strip()
    return expand(folder, configuration, text.replace("$local_part@$domain", address))


def test_exim_finds_a_mailbox_and_says_unknown_for_another_address(directory: Server, exim_folder: Path) -> None:
    assert looked_up(directory, exim_folder, DUPONT) == DUPONT
    assert looked_up(directory, exim_folder, "nobody@medecin.exemple.mssante.fr") == ":unknown:"


def test_case_and_an_apostrophe_in_an_address_do_not_matter(directory: Server, exim_folder: Path) -> None:
    assert looked_up(directory, exim_folder, DUPONT.upper()) == DUPONT
    assert looked_up(directory, exim_folder, KELLERAN) == KELLERAN


@pytest.mark.parametrize("address", ["*", "jean.dupont@*", "a)(mail=*"])
def test_signs_of_a_filter_in_an_address_find_nobody(directory: Server, exim_folder: Path, address: str) -> None:
    assert looked_up(directory, exim_folder, address) == ":unknown:"


def test_several_entries_come_with_ldapm(directory: Server, exim_folder: Path) -> None:
    several = "${lookup ldapm{size=100 ldap:///ou=bal,o=mssante,c=fr?mail?sub?(l=lyon)}{$value}{none}}"
    assert DUPONT in looked_up(directory, exim_folder, "", several).splitlines()
