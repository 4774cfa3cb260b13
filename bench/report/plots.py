"""Dot plots as small SVG files, the same bytes for the same figures, readable on light and dark pages.

Series differ by shape as well as by colour; the colours are Okabe and Ito's, told apart by everybody. Text stays text.
An embedded rule gives the reader's dark scheme its own ink and ground: the card always brings both.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.report.tables import Chart, Series

_INK, _GROUND, _GRID = "#1f2328", "#fffffe", "#d0d7de"
_DARK: Final = {_INK: "#e6edf3", _GROUND: "#0d1117", _GRID: "#30363d"}
_STYLES: Final = (("o", "#0072b2"), ("D", "#d55e00"), ("s", "#009e73"), ("^", "#cc79a7"))
_WIDTH_IN, _ROW_IN, _FRAME_IN = 8.0, 0.34, 1.5
_LARGEST_BYTES: Final = 60_000
_SETTINGS: Final[Any] = {
    "svg.hashsalt": "annuaire",  # ids in the file do not change from run to run
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _GRID,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.facecolor": _GROUND,
    "figure.facecolor": _GROUND,
    "legend.facecolor": _GROUND,
    "legend.edgecolor": _GRID,
}


def plot(chart: Chart, path: Path) -> None:
    """Draw a chart into a file.

    Raises:
        ValueError: it would be larger than a page should load.
    """
    with mpl.rc_context(_SETTINGS):
        drawn = io.StringIO()
        canvas: Any = FigureCanvasSVG(_figure(chart))
        canvas.print_svg(drawn, metadata={"Date": None, "Creator": None})
    text = _finished(drawn.getvalue(), chart.title)
    if len(text.encode()) > _LARGEST_BYTES:
        raise ValueError(f"{path.name}: {len(text.encode())} bytes are too many")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _figure(chart: Chart) -> Figure:
    figure = Figure(figsize=(_WIDTH_IN, _FRAME_IN + _ROW_IN * len(chart.categories)), layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(chart.title, x=0.01, ha="left", fontsize=11)
    axes.set_xlabel(chart.axis)
    if chart.logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter("")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    rows = range(len(chart.categories))
    axes.set_yticks(rows, chart.categories)
    axes.set_ylim(len(chart.categories) - 0.4, -0.6)  # the first row on top
    axes.grid(visible=True, color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    _draw(axes, chart)
    axes.margins(x=0.08)
    if chart.from_zero and not chart.logarithmic:
        axes.set_xlim(left=0)
    figure.legend(loc="outside lower center", ncols=len(chart.series) + 2, frameon=False)
    return figure


def _draw(axes: Any, chart: Chart) -> None:
    if chart.line is not None:
        at, name = chart.line
        axes.axvline(at, color=_INK, linewidth=1.2, linestyle=(0, (4, 2)), label=name)
    if chart.bars is not None:
        _marks(axes, chart.bars, marker="|", colour=_INK, size=13)
    for series, (marker, colour) in zip(chart.series, _STYLES, strict=False):
        _marks(axes, series, marker=marker, colour=colour, size=7)


def _marks(axes: Any, series: Series, *, marker: str, colour: str, size: float) -> None:
    shown = [(value, row) for row, value in enumerate(series.values) if value is not None]
    axes.plot(
        [value for value, _ in shown],
        [row for _, row in shown],
        linestyle="none",
        marker=marker,
        color=colour,
        markersize=size,
        markeredgewidth=2 if marker == "|" else 0,
        label=series.name,
    )
    for row, (value, label) in enumerate(zip(series.values, series.labels, strict=False)):
        if value is not None and label:
            place = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center", "fontsize": 7}
            axes.annotate(label, (value, row), **place)


def _finished(svg: str, title: str) -> str:
    """With a title for screen readers and the inks of a dark scheme; without what only fills the file."""
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    rules = "".join(
        f'[style*="{sort}: {light}"]{{{sort}:{dark} !important}}'
        for light, dark in _DARK.items()
        for sort in ("fill", "stroke")
    )
    head = f"<title>{_escaped(title)}</title>\n<style>@media (prefers-color-scheme: dark){{{rules}}}</style>\n"
    opened = svg.index(">", svg.index("<svg")) + 1
    return svg[: opened - 1] + ' role="img">\n' + head + svg[opened:].lstrip()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
