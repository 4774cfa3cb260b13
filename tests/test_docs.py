"""The papers are true: settings come from the code, quoted commands exist, links lead somewhere, compose fits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from cli.docs import settings_page
from cli.main import app
from directory.errors import InvalidInput
from directory.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_settings_page_is_made_from_the_code() -> None:
    assert (ROOT / "docs/settings.md").read_text("utf-8") == settings_page(), "run `make docs`"


def test_an_unknown_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_LDAP_PROT", "389")
    with pytest.raises(InvalidInput, match="ANNUAIRE_LDAP_PROT"):
        Settings.load()


def test_a_setting_out_of_range_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_LDAP_PORT", "70000")
    with pytest.raises(InvalidInput, match="ANNUAIRE_LDAP_PORT"):
        Settings.load()


def test_an_unknown_name_in_the_env_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("ANNUAIRE_NOPE=1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="ANNUAIRE_NOPE"):
        Settings.load()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_quoted_in_a_page_exists(page: Path) -> None:
    root = get_command(app)
    for quoted in re.findall(r"`annuaire ([a-z][a-z-]*)(?: ([a-z-]+))?", page.read_text("utf-8")):
        command = root.commands.get(quoted[0])  # type: ignore[attr-defined]
        assert command is not None, f"annuaire {quoted[0]}"
        if quoted[1] and hasattr(command, "commands"):
            assert quoted[1] in command.commands, " ".join(quoted)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_local_link_of_a_page_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_file_named_in_a_page_exists(page: Path) -> None:
    for name in re.findall(
        r"`((?:directory|importers|api|ldap_server|cli|migrations|tests)/[\w/]+\.py)`", page.read_text()
    ):
        assert (ROOT / name).exists(), name


def test_compose_hands_the_node_only_settings_that_exist() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    known = {"ANNUAIRE_" + name.upper() for name in Settings.model_fields}
    for service in ("migrate", "node", "nightly"):
        assert set(compose["services"][service]["environment"]) <= known


def test_compose_starts_the_node_after_the_schema_is_current() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for service in ("node", "nightly"):
        assert services[service]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"
