"""docs/operations.md is true: its commands run from top to bottom, on a small invented country."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import site
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest
from sqlalchemy import create_engine, text

from directory.registry import embedded
from directory.registry.embedded import Embedded
from importers.synthetic import generate

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs/operations.md"
UNITS: Final = ROOT / "deploy/systemd"
_ELSEWHERE: Final = "<!-- needs a container engine -->"
_BLOCK: Final = re.compile(rf"^({re.escape(_ELSEWHERE)}\n)?```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEW_MACHINE: Final = "tar --extract --file=/var/backups/annuaire/node.tar"
_SHIPPED: Final = ("directory", "importers", "api", "ldap_server", "cli", "migrations", "docs", "deploy")
_FILES: Final = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "requirements.lock", "requirements-compile.lock")
# What a test has no right to, and what would take packages from a registry that are installed here already.
_STAND_INS: Final = {
    "useradd": 'for last; do :; done; mkdir -p "{root}/var/lib/$last"',
    "chown": "true",
    "chgrp": "true",
    "systemctl": 'exec "{python}" "{systemctl}" "{root}/etc/systemd/system" "$@"',
    "python3": '"{python}" "$@" && cd "$3"/lib/python*/site-packages && rm -r setuptools* && echo "{pinned}" > pinned.pth',
}


def blocks() -> list[tuple[int, str, bool]]:
    """The page's commands: the line where each block begins, what it says, and whether it can run here."""
    page = PAGE.read_text("utf-8")
    return [(page.count("\n", 0, found.start(2)) + 1, found[2], not found[1]) for found in _BLOCK.finditer(page)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_all_commands_of_the_page_run_here_but_those_of_containers() -> None:
    elsewhere = [said for _, said, here in blocks() if not here]
    assert len(elsewhere) == 1
    assert all(line.startswith(("echo ", "docker ")) for line in elsewhere[0].splitlines())
    assert PAGE.read_text("utf-8").count("```sh") == len(blocks())


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[int]:
    """A PostgreSQL that is reached by TCP; its port."""
    server, port = Embedded(tmp_path / "own server"), _free_port()
    server.acquire()
    engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in (
            f"port = {port}", "listen_addresses = '127.0.0.1'", "wal_level = replica", "max_wal_senders = 4", "fsync = off",
        ):  # fmt: skip
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
    engine.dispose()
    server.stop()
    server.ensure_running()
    yield port
    server.release()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """The root of a machine of our own; whatever runs there in the end is ended."""
    root = tmp_path / "machine"
    for folder in ("etc/systemd/system", "opt/annuaire", "var", "bin", "pinned"):
        (root / folder).mkdir(parents=True)
    pinned = Path(next(path for path in site.getsitepackages() if Path(path, "pip").exists()))
    for entry in pinned.iterdir():
        if "annuaire" not in entry.name:
            (root / "pinned" / entry.name).symlink_to(entry)
    yield root
    for process in psutil.process_iter(["cmdline"]):
        if any(str(root) in word for word in process.info["cmdline"] or ()):
            process.kill()


@pytest.mark.volume  # four minutes: by hand, before the page or what it runs is published
@pytest.mark.timeout(600)
def test_the_commands_of_the_page_run_from_top_to_bottom(machine: Path, own_server: int, tmp_path: Path) -> None:
    country = machine / "srv/extracts"
    generate(country, professionals=200)
    for file in country.glob("*_*.txt"):  # tonight's
        file.rename(country / f"{file.stem.rpartition('_')[0]}_{dt.datetime.now(dt.UTC):%Y%m%d%H%M}.txt")
    (machine / "etc/annuaire").mkdir()
    shutil.copy(country / "whitelist-ca.pem", machine / "etc/annuaire/igc-sante.pem")

    def here(said: str) -> str:
        for folder in ("/opt/annuaire", "/etc/annuaire", "/etc/systemd/system", "/var/lib/annuaire", "/var/backups"):
            said = re.sub(rf"(?<![\w.]){folder}", str(machine) + folder, said)
        said = re.sub(r"https://\S+", str(country), said)
        said = said.replace("PORT=3890", f"PORT={_free_port()}").replace("PORT=8080", f"PORT={_free_port()}")
        return said.replace("db.example.org", f"127.0.0.1:{own_server}")

    checkout = machine / "checkout"
    for name in _SHIPPED:
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name in _FILES:
        shutil.copy(ROOT / name, checkout)
    for unit in (checkout / "deploy/systemd").iterdir():
        unit.write_text(here(unit.read_text()))
    means = {"root": machine, "python": sys.executable, "systemctl": ROOT / "tests/systemctl.py"}
    for name, does in _STAND_INS.items():
        stand_in = machine / "bin" / name
        stand_in.write_text("#!/bin/sh\n" + does.format(**means, pinned=machine / "pinned") + "\n")
        stand_in.chmod(0o755)

    course = ["set -euo pipefail"]
    for line, said, runs in blocks():
        if runs:
            course.append(f"echo '--- {PAGE.name}:{line}' >&2")
            if _NEW_MACHINE in said:
                course.append(here("rm -r /var/lib/annuaire/*"))
            course.append(here(said))
    done = subprocess.run(
        ["bash", "-c", "\n".join(course)],
        cwd=checkout,
        env={
            "PATH": f"{machine / 'bin'}:{embedded.program('psql').parent}:{os.environ['PATH']}",
            "HOME": str(machine),
            "LC_ALL": "C.UTF-8",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "ANNUAIRE_WHITELIST_CA_FILE": str(country / "whitelist-ca.pem"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def test_the_units_are_what_systemd_can_read(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in UNITS.iterdir():
        # The program stands elsewhere than on a machine where it is installed.
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/annuaire/.venv/bin/annuaire", "/bin/true"))
    done = subprocess.run(
        [verify, "verify", *sorted(map(str, tmp_path.iterdir()))], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_units_that_share_the_embedded_server_share_the_folder_of_its_socket() -> None:
    for unit in UNITS.glob("*.service"):
        assert "\nPrivateTmp=" not in unit.read_text()
