"""The command line: exit codes, sentences, and output for machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import directory
from cli.main import app
from importers import columns
from tests.importers.files import mailbox, write

_COMMANDS = [
    [],
    *[
        [name]
        for name in ("demo", "serve", "import", "runs", "status", "check", "index", "search", "generate", "migrate")
    ],
    *[["import", name] for name in ("rpps", "mailboxes", "trusted-domains")],
    *[["runs", name] for name in ("show", "apply", "revert")],
    *[["index", name] for name in ("build", "status", "verify")],
    *[["account", name] for name in ("add", "rotate", "revoke", "list")],
]


@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
def test_every_command_of_the_contract_has_its_help(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "ANNUAIRE_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(Path(__file__).parents[2])}


def run(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)


def test_an_unknown_setting_is_a_usage_error_that_names_it(environ: dict[str, str]) -> None:
    done = run({**environ, "ANNUAIRE_COLOUR": "blue"}, "status")
    assert done.returncode == 2
    assert "ANNUAIRE_COLOUR" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_option_is_a_usage_error(environ: dict[str, str]) -> None:
    assert run(environ, "status", "--nope").returncode == 2


def test_exit_codes_tell_done_refused_and_held_apart(environ: dict[str, str], tmp_path: Path) -> None:
    rows = [mailbox(f"n{number}@x.mssante.fr", number) for number in range(200)]
    whole = write(tmp_path / "a", columns.MAILBOX, rows)
    most = write(tmp_path / "b", columns.MAILBOX, rows[50:])
    assert run(environ, "import", "mailboxes", str(whole)).returncode == 0
    tried = run(environ, "import", "mailboxes", str(most), "--dry-run")
    assert (tried.returncode, "it would be held" in tried.stderr) == (3, True)
    held = run(environ, "import", "mailboxes", str(most), "--json")
    assert held.returncode == 3
    report = json.loads(held.stdout)
    assert report["status"] == "held"
    refused = run(environ, "import", "rpps", str(whole))
    assert refused.returncode == 1
    assert refused.stderr.startswith("annuaire: ")
    told = json.loads(run(environ, "import", "rpps", str(whole), "--json").stdout)
    assert (told["error"]["reason"], f"annuaire: {told['error']['message']}\n") == ("wrong-file", refused.stderr)
    runs = json.loads(run(environ, "runs", "--json").stdout)
    assert [one["status"] for one in runs] == ["refused", "refused", "held", "dry-run", "applied"]
    assert not any("rejected_lines" in one for one in runs)
    shown = json.loads(run(environ, "runs", "show", str(report["run_id"]), "--json").stdout)
    assert shown["reasons"]
    sources = {"ANNUAIRE_MAILBOXES_SOURCE": str(tmp_path / "a"), "ANNUAIRE_RPPS_SOURCE": str(tmp_path / "none")}
    checks = {check["name"]: check for check in json.loads(run(environ | sources, "check", "--json").stdout)}
    assert f"annuaire runs apply {report['run_id']}" in checks["last imports"]["hint"]
    assert not checks["last imports"]["ok"]
    assert (checks["source of mailboxes"]["ok"], checks["source of rpps"]["ok"]) == (True, False)
    assert "mailboxes" in run(environ, "status").stdout
    assert run(environ, "runs", "apply", str(report["run_id"])).returncode == 0
    assert run(environ, "runs", "revert", "1").returncode == 0
    assert run(environ, "runs", "show", "99").returncode == 1
    checks = json.loads(run(environ, "check", "--json").stdout)
    assert {check["name"] for check in checks} >= {"database", "schema", "register", "index", "disk"}
    assert any(check["hint"] for check in checks if not check["ok"])


def test_it_says_which_version_it_is(environ: dict[str, str]) -> None:
    assert run(environ, "--version").stdout == f"annuaire {directory.__version__}\n"


def test_a_search_that_finds_nothing_says_so(environ: dict[str, str], tmp_path: Path) -> None:
    rows = write(tmp_path / "a", columns.MAILBOX, [mailbox("n1@x.mssante.fr", 1)])
    assert run(environ, "import", "mailboxes", str(rows)).returncode == 0
    assert run(environ, "index", "build").returncode == 0
    nobody, found = run(environ, "search", "zzzzqqqq"), run(environ, "search", "nom1")
    assert (nobody.returncode, nobody.stdout, nobody.stderr) == (1, "", "nothing found\n")
    assert (found.returncode, "n1@x.mssante.fr" in found.stdout) == (0, True)
    as_json = run(environ, "search", "zzzzqqqq", "--json")
    assert (as_json.returncode, json.loads(as_json.stdout)["matches"]) == (1, [])


def test_a_country_is_written_as_asked(environ: dict[str, str], tmp_path: Path) -> None:
    done = run(environ, "generate", str(tmp_path / "c"), "--professionals", "30", "--seed", "5", "--json")
    manifest = json.loads(done.stdout)
    assert (manifest["professionals"], manifest["seed"]) == (30, 5)
    assert all((tmp_path / "c" / name).exists() for name in manifest["files"].values())
