"""Plots as inline SVG: columns over the nights and bars by category, coloured by the style sheet they stand in.

What is given is escaped: the text that comes back goes into a page as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

_WIDTH: Final = 720
_HEIGHT: Final = 160
_LABEL: Final = 250  # left of bars
_NUMBER: Final = 90  # right of them
_ROW: Final = 24


def columns(title: str, values: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """One column per entry, its parts (style class → size) on top of one another; its name shows on hovering."""
    most = max((sum(parts.values()) for _, parts in values), default=0) or 1
    step = _WIDTH / max(len(values), 1)
    drawn = []
    for place, (name, parts) in enumerate(values):
        y, pieces = float(_HEIGHT), []
        for kind, size in parts.items():
            height = _HEIGHT * size / most
            y -= height
            pieces.append(_rectangle(kind, step * place + 1, y, min(step - 2, 48), height))
        drawn.append(f"<g><title>{escape(name)}</title>{''.join(pieces)}</g>")
    return _svg(title, _HEIGHT, "".join(drawn))


def bars(title: str, rows: Sequence[tuple[str, Mapping[str, float], str]]) -> str:
    """One horizontal bar per row: its name, its parts (style class → size) in a line, and what is written after it."""
    most = max((sum(parts.values()) for _, parts, _ in rows), default=0) or 1
    scale = (_WIDTH - _LABEL - _NUMBER) / most
    drawn = []
    for place, (name, parts, told) in enumerate(rows):
        x, y = float(_LABEL), _ROW * place
        for kind, size in parts.items():
            drawn.append(_rectangle(kind, x, y + 4, size * scale, _ROW - 8))
            x += size * scale
        drawn.append(f'<text class="end" x="{_LABEL - 8}" y="{y + 17}">{escape(_cut(name))}</text>')
        drawn.append(f'<text x="{x + 6:.1f}" y="{y + 17}">{escape(told)}</text>')
    return _svg(title, _ROW * len(rows), "".join(drawn))


def _svg(title: str, height: int, content: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">{content}</svg>'


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{escape(kind)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _cut(text: str) -> str:
    return text if len(text) <= 34 else text[:33] + "…"
