"""`python -m bench.scale build|follow`: rates, memory and file size of the index of a data folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.provenance import provenance, write_result
from bench.scale.build import build
from bench.scale.follow import MANY, SINGLES, follow


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    found: dict[str, Any]
    if options.what == "build":
        found = build(options.data).as_json()
    else:
        found = follow(
            options.data, options.extract, singles=options.singles, many=options.changes, seed=options.seed
        ).as_json()
    print(json.dumps(found, indent=1))
    write_result(options.json, {"benchmark": options.what, **provenance("bench.scale", options), **found})
    return 0 if found["met"] else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    of_build = commands.add_parser("build", help="build the index afresh")
    of_follow = commands.add_parser("follow", help="change the register while the node serves, then put it back")
    for command in (of_build, of_follow):
        command.add_argument("--data", type=Path, required=True, help="data folder with a loaded register")
        command.add_argument("--json", type=Path, help="where the result is kept for the report")
    add = of_follow.add_argument
    add("--extract", type=Path, required=True, help="folder of the extract that lookups are drawn from")
    add("--singles", type=int, default=SINGLES, help="single changes, one after the other")
    add("--changes", type=int, default=MANY, help="changes in one revision")
    add("--seed", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
