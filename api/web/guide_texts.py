"""The guides at `/guide`: Markdown pages of five minutes each, whose every example a test runs as it stands."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

NAMES: Final = ("developer", "mail", "data")
HTTP, LDAP = "http://127.0.0.1:8080", "ldap://127.0.0.1:3890"
"""Where a node answers as it comes; a page names the node that shows it."""


def guide(name: str, tongue: str, base: str, ldap_port: int, label: str) -> Markup:
    """A guide as HTML, for the node at `base`; `label` names its examples for who does not see them.

    Raises:
        KeyError: there is no such guide.
    """
    text = _TEXTS[name, tongue].replace(HTTP, base).replace(LDAP, f"ldap://{urlsplit(base).hostname}:{ldap_port}")
    return Markup(_MARKDOWN.render(text, {"label": label}))  # noqa: S704 - ours, and no HTML in it passes


def source(name: str, tongue: str) -> str:
    """A guide as it is written."""
    return _TEXTS[name, tongue]


def _fence(_renderer: Any, tokens: Sequence[Token], at: int, _options: Any, env: Mapping[str, Any]) -> str:
    """Code that can be scrolled to by keyboard."""
    pre = Markup('<pre tabindex="0" role="region" aria-label="{} {}"><code>{}</code></pre>\n')
    return pre.format(env["label"], _number(tokens, at), tokens[at].content)


def _number(tokens: Sequence[Token], at: int) -> int:
    return sum(1 for token in tokens[: at + 1] if token.type == "fence")


_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False})
_MARKDOWN.add_render_rule("fence", _fence)
_FOLDER: Final = importlib.resources.files("api") / "web" / "guides"
_TEXTS: Final = {
    (name, tongue): (_FOLDER / f"{name}.{tongue}.md").read_text(encoding="utf-8")
    for name in NAMES
    for tongue in ("fr", "en")
}
