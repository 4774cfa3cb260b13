"""OpenLDAP's slapd on loopback with our entries: its schema, its database made once, its process."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.ldap.client import Client
from bench.ldap.ldif import Dump, write_ldif
from bench.node import Address

_TEMPLATE: Final = Path(__file__).with_name("slapd.conf")
_SCHEMAS: Final = Path("/etc/ldap/schema")
_MODULES: Final = Path("/usr/lib/ldap")
_OWN_ARC: Final = re.compile(r"\(\s*2\.25\.")  # the project's own types, below its UUID-based OID
_STARTING_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A folder with a database of slapd, and what it was made from."""

    folder: Path
    dump: Dump
    state: str = ""  # of the index that the entries were read from, where it is known

    @contextlib.contextmanager
    def serving(self) -> Iterator[Address]:
        """Run slapd for as long as the block runs.

        Raises:
            RuntimeError: it does not start.
        """
        address = Address("127.0.0.1", _free_port())
        command = [_program("slapd"), "-f", "slapd.conf", "-h", f"ldap://{address}/", "-d", "0"]
        with (self.folder / "slapd.log").open("w") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait(process, address)
            yield address
        finally:
            process.terminate()
            process.wait(60)


def version() -> str:
    """What slapd calls itself, such as "slapd 2.5.13"."""
    said = subprocess.run([_program("slapd"), "-VV"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"slapd (\d[\d.]*)", said)
    return f"slapd {found[1]}" if found else "slapd"


def cached(folder: Path) -> Peer | None:
    """The database that an earlier run left in a folder."""
    try:
        made = json.loads((folder / "made.json").read_text("utf-8"))
        return Peer(folder, Dump(**made["dump"]), made["state"])
    except FileNotFoundError:
        return None


def prepare(folder: Path, server: Address, suffix: str, state: str = "") -> Peer:
    """Make slapd's database from a server of ours that returns everything, unless the folder holds the same already.

    `state` says of which state of the index the entries are.

    Raises:
        RuntimeError: slapd is not installed or refuses the entries.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ldif = folder / "entries.ldif"
    with Client(server.host, server.port) as client:
        dump = write_ldif(client, suffix, ldif)
        schema = published_schema(client)
    found = cached(folder)
    if found is None or found.dump != dump or (folder / "mssante.schema").read_text("utf-8") != schema:
        _load(folder, suffix, schema, ldif)
    ldif.unlink()
    (folder / "made.json").write_text(json.dumps({"dump": asdict(dump), "state": state}), "utf-8")
    return Peer(folder, dump, state)


def published_schema(client: Client) -> str:
    """Our own attribute types and object classes, from the subschema that the server publishes, for slapd.conf."""
    found = client.search("cn=Subschema", "(objectClass=subschema)", scope=0, attributes=["+", "*"]).entries[0]
    lines = [f"attributetype {text}" for text in found.attributes["attributeTypes"] if _OWN_ARC.match(text)]
    lines += [f"objectclass {text}" for text in found.attributes["objectClasses"] if _OWN_ARC.match(text)]
    return "\n".join(lines) + "\n"


def _load(folder: Path, suffix: str, schema: str, ldif: Path) -> None:
    (folder / "made.json").unlink(missing_ok=True)
    shutil.rmtree(folder / "db", ignore_errors=True)
    (folder / "db").mkdir()
    (folder / "mssante.schema").write_text(schema, "utf-8")
    configuration = _TEMPLATE.read_text("utf-8")
    for name, value in {"schemas": _SCHEMAS, "modules": _MODULES, "suffix": suffix}.items():
        configuration = configuration.replace(f"@{name}@", str(value))
    (folder / "slapd.conf").write_text(configuration, "utf-8")
    command = [_program("slapadd"), "-q", "-f", "slapd.conf", "-l", ldif.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"slapadd refuses the entries: {done.stderr.strip()[-2000:]}")


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/libexec")
    if found is None:
        raise RuntimeError(f"{name} is not installed: it is the peer of this benchmark (Debian: apt-get install slapd)")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], address: Address) -> None:
    deadline = time.monotonic() + _STARTING_S
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"slapd ended with status {process.returncode}; see slapd.log in its folder")
        try:
            with Client(address.host, address.port) as client:
                client.search("", "(objectClass=*)", scope=0)
                return
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError("slapd does not answer") from None
            time.sleep(0.05)
