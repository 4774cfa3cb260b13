"""`python -m bench.night first|days|kill|months`: nightly imports, in multiples of a bare COPY of their files.

`first` loads an empty register. `days` serves a data folder that holds an extract and whose index is built, and brings
the next day's (`annuaire generate … --day 2 --changes`), then the same once more, while lookups go on. `kill` ends that
night by SIGKILL of importer or database at random moments, and does it again. `months` lets sixty nights pass, and
says what has grown.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.night.course import first_load, nights
from bench.night.kill import kill
from bench.night.months import months
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
    if options.what == "days":
        return nights(options.data, options.extract, options.next)
    if options.what == "months":
        return months(options.data, professionals=options.professionals, nights=options.nights)
    trials = kill(options.data, options.extract, options.next, trials=options.trials, seed=options.seed)
    return {
        "trials": [dataclasses.asdict(one) for one in trials],
        "met": all(one.whole and one.right for one in trials),
    }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.night", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    first = commands.add_parser("first", help="load an empty register")
    days = commands.add_parser("days", help="the next day, and the same once more, on a served node")
    first.add_argument("--data", type=Path, required=True, help="data folder to be made")
    days.add_argument("--data", type=Path, required=True, help="data folder that holds the extract, its index built")
    killed = commands.add_parser("kill", help="kill a night at random moments, and do it again")
    killed.add_argument(
        "--data", type=Path, required=True, help="data folder to be made, or one that holds the extract"
    )
    killed.add_argument("--trials", type=int, default=20)
    killed.add_argument("--seed", type=int, default=1)
    passing = commands.add_parser("months", help="night after night of an invented country")
    passing.add_argument("--data", type=Path, required=True, help="data folder to be made")
    passing.add_argument("--professionals", type=int, default=20_000)
    passing.add_argument("--nights", type=int, default=60)
    for command in (first, days, killed):
        command.add_argument("--extract", type=Path, required=True, help="folder of the extract")
    for command in (first, days, killed, passing):
        command.add_argument("--json", type=Path, help="where the result is kept for the report")
    for command in (days, killed):
        command.add_argument("--next", type=Path, required=True, help="folder of the next day's extract")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
