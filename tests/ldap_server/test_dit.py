"""What a filter says of names, said of addresses."""

from __future__ import annotations

import pytest

from directory.query import And, Field, Has, Is, Not, Or, Predicate
from ldap_server.assertions import OfServer
from ldap_server.dit import Tree
from tests.interpreted import interpreted

TREE = Tree("o=mssante,c=fr")
NAMED = OfServer("entryDN", "mail=a@b.fr,ou=bal,o=mssante,c=fr")


def deep(leaf: Predicate, levels: int) -> Predicate:
    """Alternatives of conditions of alternatives …"""
    for level in range(levels):
        leaf = And((Has(Field.SN), leaf)) if level % 2 else Or((Has(Field.SN), leaf))
    return leaf


def test_a_name_is_the_address_in_it_however_deep_it_stands() -> None:
    assert TREE.placed(deep(NAMED, 9)) == deep(Is(Field.MAIL, "a@b.fr"), 9)
    assert TREE.placed(Not(NAMED)) == Not(Is(Field.MAIL, "a@b.fr"))


def test_a_filter_that_says_nothing_of_names_stays_the_one_it_is() -> None:
    asked = deep(Is(Field.SN, "martin"), 9)
    assert TREE.placed(asked) is asked


@interpreted
def test_a_name_is_read_once_however_deep_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def named(_tree: Tree, written: str) -> Predicate:
        read.append(written)
        return Is(Field.MAIL, "a@b.fr")

    monkeypatch.setattr(Tree, "_named", named)
    TREE.placed(deep(NAMED, 20))
    assert len(read) == 1
