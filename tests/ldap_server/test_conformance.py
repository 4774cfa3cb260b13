"""The page on conformance is true to the tests: each of its lines points at some, and they exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ldap-conformance.md").read_text()
ROWS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| Section", "| RFC, section", "| Specification"))
]


def pointed_at(row: str) -> Iterator[tuple[str, str]]:
    """File and name of each test that a line points at."""
    for file, name in re.findall(r"`([\w/.]+)::(test_\w+)`", row):
        yield (file if "/" in file else f"tests/ldap_server/{file}.py"), name


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_line_points_at_tests_that_exist(row: str) -> None:
    tests = list(pointed_at(row))
    assert tests
    for file, name in tests:
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file}::{name}"


@pytest.mark.parametrize(
    "specification",
    ["4511", "4512", "4513", "4514", "4515", "4517", "4518", "4519", "2696", "2891", "3876", "4528", "4532", "3909", "3673",
     "4526", "4529", "6171", "draft-ietf-ldapext-ldapv3-vlv-09"],
)  # fmt: skip
def test_the_page_speaks_of_every_specification(specification: str) -> None:
    assert specification in PAGE


def test_a_line_says_whether_it_holds() -> None:
    assert {row.split("|")[2].strip() for row in ROWS} == {"holds", "differs", "more"}
