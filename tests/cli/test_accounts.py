"""`annuaire account`: what is shown, what is never shown again, and what is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from directory.registry.database import Database
from tests.cli.test_commands import environ, run
from tests.directory.test_accounts import ISSUER, PASSWORD, SUBJECT

__all__ = ["environ"]


@pytest.fixture
def served(environ: dict[str, str], database: Database) -> dict[str, str]:
    return {**environ, "ANNUAIRE_DATABASE_URL": database.engine.url.render_as_string(hide_password=False)}


def listed(environ: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(run(environ, "account", "list", "--json").stdout)}


def test_an_account_is_added_rotated_and_revoked_and_a_secret_is_shown_once(served: dict[str, str]) -> None:
    added = run(served, "account", "add", "Passerelle", "--kind", "gateway", "--expires", "2040-01-01")
    secret = added.stdout.strip()
    assert re.fullmatch(r"annuaire_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", secret)
    account = listed(served)["passerelle"]
    assert (account["kind"], account["scopes"], account["expires_at"]) == (
        "gateway",
        ["resolve"],
        "2040-01-01T00:00:00Z",
    )
    rotated = run(served, "account", "rotate", "passerelle", "--grace-days", "3")
    assert rotated.stdout.strip() not in ("", secret)
    shown = run(served, "account", "list").stdout + json.dumps(listed(served))
    assert secret.split("_")[1] in shown
    for never in (secret, secret.split("_", 2)[2], "verifier"):
        assert never not in shown
    assert run(served, "account", "revoke", "passerelle").returncode == 0
    again = run(served, "account", "add", "passerelle")
    assert again.returncode == 2
    assert "there was an account named passerelle" in again.stderr


def test_a_password_is_read_from_standard_input_and_a_certificate_by_its_names(served: dict[str, str]) -> None:
    command = [sys.executable, "-m", "cli.main", "account", "add", "jeanne", "--kind", "person", "--password"]
    for password, code in (("court", 2), (PASSWORD, 0)):
        done = subprocess.run(
            command, env=served, input=password + "\n", capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
    done = run(served, "account", "add", "pont", "--issuer", ISSUER, "--subject", SUBJECT)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    (certificate,) = listed(served)["pont"]["credentials"]
    assert certificate["subject"] == SUBJECT.lower()


@pytest.mark.parametrize(
    "wrong",
    [
        ["add", "x y"],
        ["add", "x", "--kind", "nope"],
        ["add", "x", "--scopes", "nope"],
        ["add", "x", "--secret", "--password"],
        ["add", "x", "--issuer", ISSUER],
        ["add", "x", "--certificate", "/nowhere.pem"],
        ["add", "x", "--certificate", __file__],
        ["add", "x", "--expires", "tomorrow"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_a_usage_error(served: dict[str, str], wrong: list[str]) -> None:
    done = run(served, "account", *wrong)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
