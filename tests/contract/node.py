"""A served demonstration of a few people, as `annuaire demo` makes one."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROFESSIONALS: Final = 300


@dataclass(frozen=True, slots=True)
class Demo:
    """Where it answers, and where its data is."""

    ldap: str
    http: str
    folder: Path


@contextlib.contextmanager
def demo(folder: Path, professionals: int = PROFESSIONALS) -> Iterator[Demo]:
    """`annuaire demo` in a folder, on free ports, until the block ends."""
    settings = {"DATA_DIR": str(folder), "LDAP_PORT": "0", "HTTP_PORT": "0", "LOG_LEVEL": "WARNING"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANNUAIRE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "demo", "--professionals", str(professionals)],
        env=kept | {f"ANNUAIRE_{name}": value for name, value in settings.items()},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if "Ctrl-C" in line:
                break
        threading.Thread(target=process.stderr.read, daemon=True).start()
        found = re.search(r"(ldap://[\d.:]+).*search page +(http://[\d.:]+)/", said, re.DOTALL)
        assert found is not None, said
        yield Demo(found[1], found[2], folder)
    finally:
        process.terminate()
        process.wait(30)
