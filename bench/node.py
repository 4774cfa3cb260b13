"""A running `annuaire serve` on a data folder, on free loopback ports, ended with the block."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from bench.ldap.client import Client, Refused

_ROOT: Final = Path(__file__).resolve().parent.parent
_PATIENCE_S: Final = 60.0
_PREFIX: Final = "ANNUAIRE_"

BASE: Final = "ou=bal,o=mssante,c=fr"
"""Below which a node has the mailboxes, where no setting says otherwise."""

PUBLIC: Final[dict[str, Any]] = {
    "profile": "public",
    "anonymous_entries_per_day": 10_000_000,
    "anonymous_short_patterns_per_day": 1_000_000,
}
"""Settings under which all that is asked is counted, against budgets that are not spent."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`host:port`."""
        host, separator, port = text.rpartition(":")
        if not separator or not port.isdigit():
            raise ValueError(f"not host:port: {text}")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Node:
    """What is served, and by which process; None where nothing is."""

    pid: int
    ldap: Address | None
    http: Address | None
    ldaps: Address | None = None


@contextlib.contextmanager
def serving(data: Path, *, ldap_workers: int = 2, http_workers: int = 0, **settings: object) -> Iterator[Node]:
    """Serve a data folder whose index is built; further settings by their name in small letters.

    Raises:
        RuntimeError: its index is not built, or it does not start, or does not answer in time.
    """
    index_state(data)  # it would be built while we measure
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "serve"],
        env=environment(data, ldap_workers=ldap_workers, http_workers=http_workers, **settings),
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        node = _announced(process.pid, process.stderr)
        threading.Thread(target=process.stderr.read, daemon=True).start()
        _wait_for_answers(node)
        yield node
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment(data: Path, **settings: object) -> dict[str, str]:
    """The environment of a command on a data folder: settings of the caller's shell do not reach it."""
    ours = {"data_dir": data.absolute(), "ldap_port": 0, "http_port": 0, "log_level": "WARNING", **settings}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
    return {**kept, **{_PREFIX + name.upper(): str(value) for name, value in ours.items()}}


def annuaire(data: Path, *arguments: str) -> str:
    """What a command prints on standard output.

    Raises:
        RuntimeError: it failed; the message is what it said.
    """
    command = [sys.executable, "-m", "cli.main", *arguments]
    done = subprocess.run(command, env=environment(data), cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"annuaire {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def index_state(data: Path) -> str:
    """Epoch and revision of the index of a data folder.

    Raises:
        RuntimeError: it is not built, or by another version of the program.
    """
    status = json.loads(annuaire(data, "index", "status", "--json"))
    if not status["available"]:
        raise RuntimeError(f"{data}: {status['error']}; build it first: annuaire index build")
    return f"{status['epoch']} {status['revision']}"


def _announced(pid: int, lines: IO[str]) -> Node:
    said = ""
    for line in lines:
        said += line
        if line.startswith("serving "):
            found = {scheme: Address(host, int(port)) for scheme, host, port in _URL.findall(line)}
            return Node(pid, found.get("ldap"), found.get("http"), found.get("ldaps"))
    raise RuntimeError(f"annuaire serve did not start: {said.strip()}")


_URL: Final = re.compile(r"(ldaps?|http)://([^:\s]+):(\d+)")


def _wait_for_answers(node: Node) -> None:
    if node.ldap is None:
        return
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with Client(node.ldap.host, node.ldap.port) as client:
                client.search("", "(objectClass=*)", scope=0)
                return
        except (OSError, Refused):
            if time.monotonic() > deadline:
                raise RuntimeError("annuaire serve does not answer") from None
            time.sleep(0.1)
