"""The kept corpus: requests and what is none, a file each: a line that says what it is, and its bytes in hexadecimal."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "corpus"


def load() -> dict[str, bytes]:
    """Every piece by its name; those that a server must refuse have names that begin with `bad-`."""
    return {path.stem: _bytes(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.hex"))}


def _bytes(text: str) -> bytes:
    return bytes.fromhex("".join(line for line in text.splitlines() if not line.startswith("#")))


CORPUS: Final = load()
REQUESTS: Final = {name: data for name, data in CORPUS.items() if not name.startswith("bad-")}
SEARCHES: Final = {name: data for name, data in REQUESTS.items() if name.startswith(("search-", "dn-", "filter-"))}
