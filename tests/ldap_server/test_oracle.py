"""ldapsearch, python-ldap and ldap3 agree with plain evaluation on five hundred random filters."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass

import ldap3
import pytest

from directory.index.documents import prepare
from directory.query import And, AtLeast, AtMost, Field, Has, Is, Like, Not, Or, Predicate, Undefined
from tests.index import oracle
from tests.ldap_server.conftest import Server
from tests.ldap_server.people import PEOPLE

BASE = "ou=bal,o=mssante,c=fr"
COUNT = 500
_FIELDS = (Field.SN, Field.CN, Field.GIVEN_NAME, Field.MAIL, Field.ORGANIZATION, Field.CITY, Field.TITLE, Field.SERVICE,
           Field.POSTAL_CODE)  # fmt: skip
_ESCAPED = {ord(char): f"\\{ord(char):02x}" for char in "*()\\\x00"}
DOCUMENTS = [prepare(record) for record in PEOPLE]


@dataclass
class Writer:
    """Draws filters whose pieces come from the data, so that many match."""

    dice: random.Random

    def value(self, field: Field) -> str:
        held = [value for document in DOCUMENTS for value in document.values.get(field, ())]
        return self.dice.choice(held)

    def piece(self, field: Field) -> str:
        value = self.value(field)
        start = self.dice.randrange(len(value))
        return value[start : start + self.dice.randint(1, 6)].strip() or value[:1]

    def written(self, text: str) -> str:
        text = self.dice.choice([text, text.upper(), text.title()])
        return text.translate(_ESCAPED)

    def leaf(self) -> tuple[str, Predicate, str]:
        """A filter, what it means, and its kind."""
        field = self.dice.choice(_FIELDS)
        kind = self.dice.choice(["equality", "substrings", "substrings", "presence", "approximate", "extensible",
                                 "greater", "less", "undefined"])  # fmt: skip
        if kind == "equality":
            value = self.value(field)
            return f"({field}={self.written(value)})", Is(field, value), kind
        if kind == "presence":
            field = self.dice.choice([*_FIELDS, Field.PAPERLESS, Field.IDENTIFIER])
            return f"({field}=*)", Has(field), kind
        if kind == "approximate":
            value = self.value(Field.MAIL)
            return f"(mail~={self.written(value)})", Is(Field.MAIL, value), kind
        if kind == "extensible":
            value = self.value(Field.SN)
            return f"(sn:caseIgnoreMatch:={self.written(value)})", Is(Field.SN, value), kind
        if kind in ("greater", "less"):
            moment = f"2026{self.dice.randint(1, 3):02d}{self.dice.randint(1, 28):02d}000000Z"
            if kind == "greater":
                return f"(modifyTimestamp>={moment})", AtLeast(Field.MODIFIED, moment), kind
            return f"(modifyTimestamp<={moment})", AtMost(Field.MODIFIED, moment), kind
        if kind == "undefined":
            return self.dice.choice(["(unknownAttr=x)", "(sn>=a)", "(cn;lang-fr=x)"]), Undefined(), kind
        return (*self.substrings(field), kind)

    def substrings(self, field: Field) -> tuple[str, Predicate]:
        value = self.value(field)
        initial = value[: self.dice.randint(1, 4)].strip() if self.dice.random() < 0.4 else None
        final = value[-self.dice.randint(1, 4) :].strip() if self.dice.random() < 0.3 else None
        middle = tuple(self.piece(field) for _ in range(self.dice.randint(0 if initial or final else 1, 2)))
        parts = [initial or "", *middle, final or ""]
        return f"({field}={'*'.join(map(self.written, parts))})", Like(field, initial, middle, final)

    def filter(self, depth: int = 0) -> tuple[str, Predicate, Counter[str]]:
        draw = self.dice.random()
        if depth >= 3 or draw < 0.45:
            text, meaning, kind = self.leaf()
            return text, meaning, Counter([kind])
        if draw < 0.62:
            text, meaning, kinds = self.filter(depth + 1)
            kinds = kinds + Counter(["negation"])
            if "unknown" in text or "(sn>=a)" in text or ";lang" in text:
                kinds["undefined under negation"] += 1
            return f"(!{text})", Not(meaning), kinds
        parts = [self.filter(depth + 1) for _ in range(self.dice.randint(1, 3))]
        texts = "".join(text for text, _, _ in parts)
        meanings = tuple(meaning for _, meaning, _ in parts)
        kinds = sum((kinds for _, _, kinds in parts), Counter())
        if draw < 0.78:
            return f"(&{texts})", And(meanings), kinds + Counter(["conjunction"])
        return f"(|{texts})", Or(meanings), kinds + Counter(["disjunction"])


@pytest.fixture(scope="module")
def asked() -> list[tuple[str, set[str]]]:
    """The filters, each with the addresses that plain evaluation finds."""
    writer = Writer(random.Random(20260115))
    kinds: Counter[str] = Counter()
    drawn: list[tuple[str, set[str]]] = []
    matching = 0
    for _ in range(COUNT):
        text, meaning, found = writer.filter()
        right = {document.key for document in DOCUMENTS if oracle.truth(meaning, document.values) is True}
        matching += bool(right)
        kinds.update(found.keys())
        drawn.append((text, right))
    assert matching >= COUNT / 2
    assert len(kinds) == 12
    assert min(kinds.values()) >= 20, kinds
    return drawn


def _address(dn: str) -> str:
    return dn.split(",")[0].removeprefix("mail=").replace("\\", "").lower()


def test_ldap3_agrees_with_plain_evaluation(server: Server, asked: list[tuple[str, set[str]]]) -> None:
    where = ldap3.Server(server.host, server.port, get_info=ldap3.NONE)
    client = ldap3.Connection(where, auto_bind=True, check_names=False, receive_timeout=10)
    for text, right in asked:
        client.search(BASE, text, attributes=["1.1"])
        assert client.result["result"] == 0, text
        assert {_address(entry["dn"]) for entry in client.response} == right, text


def test_python_ldap_agrees_with_plain_evaluation(server: Server, asked: list[tuple[str, set[str]]]) -> None:
    ldap = pytest.importorskip("ldap", reason="python-ldap is not installed")
    client = ldap.initialize(server.url)
    client.simple_bind_s("", "")
    for text, right in asked:
        entries = client.search_s(BASE, ldap.SCOPE_SUBTREE, text, ["1.1"])
        assert {_address(dn) for dn, _ in entries} == right, text


def test_ldapsearch_agrees_with_plain_evaluation(server: Server, asked: list[tuple[str, set[str]]]) -> None:
    if shutil.which("ldapsearch") is None:
        pytest.skip("ldapsearch (ldap-utils) is not installed")
    command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", server.url, "-b", BASE]
    for text, right in asked:
        done = subprocess.run([*command, text, "1.1"], capture_output=True, text=True, timeout=20, check=True)
        names = [line.removeprefix("dn: ") for line in done.stdout.splitlines() if line.startswith("dn: ")]
        assert {_address(name) for name in names} == right, text
