"""Where a figure comes from: the command, the machine and the date, without anything that is only true of one disk."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def provenance(module: str, options: argparse.Namespace) -> dict[str, Any]:
    """What a result is published with."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "command": command(module, vars(options)),
        "machine": machine(),
    }


def command(module: str, options: Mapping[str, object]) -> str:
    """The command as a reader would type it: folders, files and connection strings by what they are."""
    verb = options.get("what")
    parts = [f"python -m {module}", *([str(verb)] if verb else [])]
    for name, value in options.items():
        if name == "what":
            continue
        flag = "--" + name.replace("_", "-")
        if value is True:
            parts.append(flag)
        elif value not in (None, False, [], ()):
            parts.append(f"{flag} {_shown(name, value)}")
    return " ".join(parts)


def _shown(name: str, value: object) -> str:
    if isinstance(value, list):
        paths = any(isinstance(one, Path) for one in value)
        return (" " if paths else ",").join(f"{name.upper()}{n}" if paths else str(v) for n, v in enumerate(value, 1))
    return name.upper() if isinstance(value, Path) or " " in str(value) else str(value)


def machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines: Iterable[str] = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def write_result(path: Path | None, result: Mapping[str, Any]) -> None:
    """Keep a result for the report; its folder is made when missing."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
