"""The OpenAPI is true: what it says may be asked can be, and answers are of the kinds that it declares."""

from __future__ import annotations

import re
import subprocess

import httpx

from api import examples
from tests.contract.node import Demo
from tests.contract.openapi import asked


def test_no_answer_breaks_what_the_openapi_promises_and_none_is_an_error_of_ours(node: Demo) -> None:
    command = asked(node.http, "--generation-deterministic", "--max-examples", "10")
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(\d\d) selected / \1 total", done.stdout)


def test_what_examples_name_is_in_the_demonstration(node: Demo) -> None:
    for path in (f"practitioners/{examples.RPPS}", f"practitioners/{examples.NATIONAL_ID}", f"mailboxes/{examples.ADDRESS}",
                 f"organizations/{examples.FINESS}", f"organizations/{examples.STRUCTURE}"):  # fmt: skip
        assert httpx.get(f"{node.http}/v1/{path}", timeout=60).status_code == 200, path
    results = httpx.post(f"{node.http}/v1/resolve", json=_resolve_example(node), timeout=60).json()["results"]
    assert [result["status"] for result in results] == ["resolved"] * 3
    assert {result["practitioner"]["rpps"] for result in results} == {examples.RPPS}


def _resolve_example(node: Demo) -> object:
    return httpx.get(f"{node.http}/openapi.json", timeout=60).json()["components"]["schemas"]["Recipients"]["example"]


def test_a_method_that_is_not_supported_is_told_of_those_that_are(node: Demo) -> None:
    for path, methods in (("/v1/search", "GET, HEAD"), ("/v1/trusted-domains/check", "POST"), ("/docs", "GET, HEAD")):
        answer = httpx.delete(node.http + path, timeout=60)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)
