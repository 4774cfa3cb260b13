"""What the guide pages tell their readers: tests use the settings and filters that stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PAGES: Final = Path(__file__).parent.parent.parent / "docs" / "clients"
HOST: Final = "annuaire.example.org"
"""The directory's name in the pages."""


def snippet(page: str, name: str) -> str:
    """The fenced block of a page that bears this name behind its language."""
    text = (PAGES / f"{page}.md").read_text("utf-8")
    found = re.findall(rf"^```\w+ {re.escape(name)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{page}.md has {len(found)} blocks named {name}"
    return str(found[0])


def sent(page: str, name: str, **typed: str) -> str:
    """A filter as a page shows it, with what a user typed in its `{places}`."""
    text = "".join(line.strip() for line in snippet(page, name).splitlines())
    for place, value in typed.items():
        text = text.replace("{" + place + "}", value)
    assert "{" not in text, text
    return text
