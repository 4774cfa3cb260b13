"""The guides are true: every example of each of them runs as it stands, and shows what it is there to show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.web import guide
from api.web.guide_texts import HTTP, LDAP, NAMES, source
from tests.contract.node import Demo


@dataclass(frozen=True, slots=True)
class Example:
    """A fenced block: its language, what its output has to hold, and what stands there."""

    language: str
    shows: str
    code: str


def examples(name: str, tongue: str) -> list[Example]:
    found = re.findall(r"^```(\w+) (.+?)\n(.*?)^```$", source(name, tongue), re.MULTILINE | re.DOTALL)
    return [Example(*one) for one in found]


def test_every_operation_is_named_in_french(node: Demo) -> None:
    openapi = httpx.get(f"{node.http}/openapi.json", timeout=60).json()
    english = [one.summary for one in guide.operations(openapi, node.http, "en")]
    french = [one.summary for one in guide.operations(openapi, node.http, "fr")]
    assert [one for one in french if one in english] == []


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_give_the_same_examples_and_each_says_what_it_shows(name: str) -> None:
    assert examples(name, "fr") == examples(name, "en")
    assert source(name, "fr").count("```") == 2 * len(examples(name, "fr")) > 6


_EXAMPLES = list(dict.fromkeys(example for name in NAMES for example in examples(name, "fr")))


@pytest.mark.parametrize("example", _EXAMPLES, ids=lambda example: example.code[:60])
def test_an_example_runs_as_it_stands(example: Example, node: Demo, tmp_path: Path) -> None:
    code = example.code.replace(HTTP, node.http).replace(LDAP, node.ldap)
    if code.startswith("ldapsearch") and not any(Path(one, "ldapsearch").exists() for one in os.get_exec_path()):
        pytest.skip("ldapsearch (ldap-utils) is not installed")
    command = [sys.executable, "-c", code] if example.language == "python" else ["sh", "-euc", code]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = os.environ | {"PATH": path, "ANNUAIRE_DATA_DIR": str(node.folder)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert example.shows in done.stdout
