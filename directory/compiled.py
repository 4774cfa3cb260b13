"""Whether the hot path runs compiled (setup.py), and whether what was compiled is what its sources say today."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

_ROOMS: Final = ("directory", "ldap_server")


def is_compiled() -> bool:
    """Whether lookups run through compiled modules."""
    from directory.index import evaluate

    return evaluate.__file__.endswith(tuple(EXTENSION_SUFFIXES))


def outdated() -> list[str]:
    """The sources in a checkout that have changed since they were compiled: what runs is not what is written.

    Where a wheel was installed nobody changes them, and the times of its files are those of their copying.
    """
    root = Path(__file__).parent.parent
    if not (root / "setup.py").exists():
        return []
    found = []
    for room in _ROOMS:
        for made in (root / room).rglob(f"*{EXTENSION_SUFFIXES[0]}"):
            source = made.with_name(made.name.removesuffix(EXTENSION_SUFFIXES[0]) + ".py")
            if source.exists() and source.stat().st_mtime > made.stat().st_mtime:
                found.append(str(source.relative_to(root)))
    return sorted(found)
