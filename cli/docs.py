"""`python -m cli.docs FILE`: write the settings page from the code."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic_core import PydanticUndefined

from directory.settings import PREFIX, Settings

_HEAD = """# Settings

Read once at start from the environment, then from a file `.env` in the current folder. A name that begins with
`ANNUAIRE_` and is not in this table is refused. This page is made from `directory/settings.py` by `make docs`.

| Setting | Default | Meaning |
|---|---|---|
"""


def settings_page() -> str:
    """The whole of docs/settings.md."""
    rows = []
    for name, field in Settings.model_fields.items():
        unset = field.default is None or field.default is PydanticUndefined
        default = "unset" if unset else f"`{field.default}`"
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(settings_page(), "utf-8")
