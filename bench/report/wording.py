"""What every page says alike: numbers, verdicts, and where a figure comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Result = Mapping[str, Any]


def origin(result: Result) -> str:
    """Command, machine and date, as one note."""
    machine = result["machine"]
    return (
        f"`{result['command']}`, {result['date']}: {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}."
    )


def number(value: float) -> str:
    """Three figures that count, thousands set apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def verdict(met: bool | None) -> str:
    return {True: "met", False: "**short**", None: ""}[met]


def plain(label: str) -> str:
    return label.replace("`", "")
