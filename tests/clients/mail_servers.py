"""Postfix's and Exim's lookup programs as `tests/install_clients.sh` unpacks them: nothing is installed or started."""

from __future__ import annotations

import functools
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

UNPACKED: Final = Path(__file__).parent.parent.parent / ".venv" / "clients"

_MAIN_CF: Final = """\
compatibility_level = 3.6
myhostname = gateway.example.org
mail_owner = postfix
setgid_group = postdrop
default_privs = nobody
shlib_directory = {root}/usr/lib/postfix
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
meta_directory = {folder}
queue_directory = {folder}
data_directory = {folder}
"""
# What both programs look up by name at their start, and what an unpacked package has not made.
_PASSWD: Final = (
    "root:x:0:0::/:/bin/sh\n"
    "postfix:x:64001:64001::/:/bin/false\n"
    "Debian-exim:x:64003:64003::/:/bin/false\n"
    "nobody:x:65534:65534::/:/bin/false\n"
)
_GROUP: Final = "root:x:0:\npostfix:x:64001:\npostdrop:x:64002:\nDebian-exim:x:64003:\nnogroup:x:65534:\n"


@dataclass(frozen=True, slots=True)
class Postmap:
    """`postmap` with a configuration of its own in a folder."""

    folder: Path

    @classmethod
    def prepare(cls, folder: Path) -> Postmap:
        _keep(folder / "main.cf", _MAIN_CF.format(root=UNPACKED, folder=folder))
        (folder / "dynamicmaps.cf").write_text("ldap\tpostfix-ldap.so\tdict_ldap_open\n")
        return cls(folder)

    def table(self, name: str, text: str) -> Path:
        """Keep a table's description."""
        return _keep(self.folder / name, text)

    def query(self, table: Path, key: str) -> str | None:
        """What `postmap -q KEY` finds; None when it finds nothing."""
        done = _run([_sbin("postmap"), "-c", str(self.folder), "-q", key, f"ldap:{table}"], self.folder)
        if done.returncode == 1 and not done.stderr:
            return None
        _check(done)
        return done.stdout.removesuffix("\n")

    def query_all(self, table: Path, keys: str, *, timeout_s: float = 30) -> list[tuple[str, str]]:
        """What `postmap -q -` finds for keys given one a line."""
        command = [_sbin("postmap"), "-c", str(self.folder), "-q", "-", f"ldap:{table}"]
        done = _run(command, self.folder, keys, timeout_s)
        _check(done, allowed=(0, 1))  # 1: nothing at all was found
        found = [line.partition("\t") for line in done.stdout.splitlines()]
        return [(key, value) for key, _, value in found]


def _keep(path: Path, text: str) -> Path:
    """Write a file that seems to have been there long: Postfix waits until one that is new has had time to be whole."""
    path.write_text(text)
    os.utime(path, (0, 0))
    return path


def expand(folder: Path, configuration: str, text: str) -> str:
    """What `exim -be` makes of a string, such as a lookup, under a configuration."""
    path = folder / "exim.conf"
    path.write_text(f"log_file_path = {folder}/%slog\nspool_directory = {folder}/spool\n{configuration}")
    done = _run([_sbin("exim4"), "-C", str(path), "-be", text], folder)
    _check(done)
    return done.stdout.removesuffix("\n")


def _sbin(program: str) -> str:
    return str(UNPACKED / "usr" / "sbin" / program)


def _check(done: subprocess.CompletedProcess[str], allowed: tuple[int, ...] = (0,)) -> None:
    if done.returncode not in allowed or done.stderr:
        raise RuntimeError(f"{done.args[0]} ended with {done.returncode}: {done.stderr.strip()}")


def _run(command: list[str], folder: Path, given: str = "", timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    (folder / "passwd").write_text(_PASSWD)
    (folder / "group").write_text(_GROUP)
    environ = {
        **os.environ,
        **_libraries(),
        "NSS_WRAPPER_PASSWD": str(folder / "passwd"),
        "NSS_WRAPPER_GROUP": str(folder / "group"),
    }
    return subprocess.run(
        command, env=environ, input=given, capture_output=True, text=True, timeout=timeout_s, check=False
    )


@functools.cache
def _libraries() -> dict[str, str]:
    """Where the programs' own libraries are, and the one that answers for the users that they look up."""
    folders = sorted({str(path.parent) for path in UNPACKED.rglob("lib*.so*")})
    (wrapper,) = UNPACKED.rglob("libnss_wrapper.so")
    return {"LD_LIBRARY_PATH": ":".join(folders), "LD_PRELOAD": str(wrapper)}
