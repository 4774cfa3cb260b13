"""Small files that are read while they are written anew."""

from __future__ import annotations

from pathlib import Path


def put_in_place(path: Path, content: bytes) -> None:
    """Put content in a file's place, at once: who reads it finds what was there before, or this. One process writes."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    beside.replace(path)
