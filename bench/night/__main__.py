"""`python -m bench.night first|days`: the nightly import at full scale, in multiples of a bare COPY of the same files.

`first` loads an empty register. `days` serves a data folder that holds an extract and whose index is built, and brings
the next day's (`annuaire generate … --day 2`), then the same once more, while lookups go on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.night.course import first_load, nights
from bench.provenance import provenance, write_result


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    found = _measured(options)
    print(json.dumps(found, indent=1))
    write_result(options.json, {"benchmark": f"night-{options.what}", **provenance("bench.night", options), **found})
    return 0 if found["met"] else 1


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    if options.what == "first":
        return first_load(options.data, options.extract)
    return nights(options.data, options.extract, options.next)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.night", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    first = commands.add_parser("first", help="load an empty register")
    days = commands.add_parser("days", help="the next day, and the same once more, on a served node")
    first.add_argument("--data", type=Path, required=True, help="data folder to be made")
    days.add_argument("--data", type=Path, required=True, help="data folder that holds the extract, its index built")
    for command in (first, days):
        command.add_argument("--extract", type=Path, required=True, help="folder of the extract")
        command.add_argument("--json", type=Path, help="where the result is kept for the report")
    days.add_argument("--next", type=Path, required=True, help="folder of the next day's extract")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
