"""Postfix's own lookups with the table of the guide page."""

from __future__ import annotations

import pytest

from tests.clients.guides import HOST, snippet
from tests.clients.mail_servers import Postmap
from tests.clients.people import DUPONT, KELLERAN, MARTINS, MERVEILLES, URGENCES
from tests.ldap_server.conftest import Server


def table(server: Server, *changes: tuple[str, str]) -> str:
    """The page's table, for the test's server."""
    text = snippet("postfix", "mssante.cf").replace(f"{HOST}:3890", f"{server.host}:{server.port}")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("bind", ["no", "yes"])
def test_postfix_finds_a_mailbox_and_nothing_for_another_address(
    directory: Server, postmap: Postmap, version: int, bind: str
) -> None:
    described = table(directory, ("version = 3", f"version = {version}"), ("bind = no", f"bind = {bind}"))
    mssante = postmap.table("mssante.cf", described)
    assert postmap.query(mssante, DUPONT) == DUPONT
    assert postmap.query(mssante, "nobody@medecin.exemple.mssante.fr") is None


def test_case_and_an_apostrophe_in_an_address_do_not_matter(directory: Server, postmap: Postmap) -> None:
    mssante = postmap.table("mssante.cf", table(directory))
    assert postmap.query(mssante, DUPONT.upper()) == DUPONT
    assert postmap.query(mssante, KELLERAN) == KELLERAN


@pytest.mark.parametrize("key", ["*", "jean.dupont@*", "a)(mail=*", "\\2a", "jean.dupont@medecin.exemple.mssante.fr)"])
def test_signs_of_a_filter_in_an_address_find_nobody(directory: Server, postmap: Postmap, key: str) -> None:
    assert postmap.query(postmap.table("mssante.cf", table(directory)), key) is None


@pytest.mark.parametrize("version", [2, 3])
def test_a_list_of_recipients_gives_those_that_exist(directory: Server, postmap: Postmap, version: int) -> None:
    mssante = postmap.table("mssante.cf", table(directory, ("version = 3", f"version = {version}")))
    there = [DUPONT, URGENCES, MERVEILLES, *(f"c.martin{n}@infirmier.exemple.mssante.fr" for n in range(MARTINS))]
    elsewhere = [f"c.martin{n}@elsewhere.example.org" for n in range(MARTINS)]
    mixed = [address for pair in zip(there, elsewhere, strict=False) for address in pair] + there[len(elsewhere) :]
    assert postmap.query_all(mssante, "\n".join(mixed)) == [(address, address) for address in there]


def test_other_attributes_can_be_the_answer(directory: Server, postmap: Postmap) -> None:
    changed = table(directory, ("result_attribute = mail", "result_attribute = IdentifiantPP"))
    assert postmap.query(postmap.table("number.cf", changed), DUPONT) == "10991000001"


def test_postfixs_own_defaults_find_nothing_and_are_no_error(directory: Server, postmap: Postmap) -> None:
    changed = table(directory, ("query_filter = (mail=%s)\nresult_attribute = mail\n", ""))
    assert postmap.query(postmap.table("defaults.cf", changed), DUPONT) is None


def test_a_directory_that_cannot_be_reached_is_an_error_and_not_an_unknown_address(
    directory: Server, postmap: Postmap
) -> None:
    unreachable = table(directory, (f":{directory.port}", ":1"))
    with pytest.raises(RuntimeError, match="query error"):
        postmap.query(postmap.table("unreachable.cf", unreachable), DUPONT)
