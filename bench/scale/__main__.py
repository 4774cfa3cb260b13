"""`python -m bench.scale build|follow|churn`: rates, memory and file size of the index of a data folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.provenance import provenance, write_result
from bench.scale.build import BARS, build
from bench.scale.churn import NIGHTS, SHARE, churn
from bench.scale.follow import MANY, SINGLES, follow


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    found = _MEASURED[options.what](options)
    print(json.dumps(found, indent=1))
    write_result(options.json, {"benchmark": options.what, **provenance("bench.scale", options), **found})
    return 0 if found["met"] else 1


def _built(options: argparse.Namespace) -> dict[str, Any]:
    """A row for each folder; the bars are those of the largest."""
    rows = sorted((build(data) for data in options.data), key=lambda built: built.documents)
    return {"rows": [row.as_json() for row in rows], "bars": BARS, "met": rows[-1].met}


def _followed(options: argparse.Namespace) -> dict[str, Any]:
    found = follow(options.data, options.extract, singles=options.singles, many=options.changes, seed=options.seed)
    return found.as_json()


def _churned(options: argparse.Namespace) -> dict[str, Any]:
    return churn(options.data, nights=options.nights, share=options.share).as_json()


_MEASURED: Final = {"build": _built, "follow": _followed, "churn": _churned}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    of_build = commands.add_parser("build", help="build the index afresh")
    of_follow = commands.add_parser("follow", help="change the register while the node serves, then put it back")
    of_churn = commands.add_parser("churn", help="build the index, then follow nights of changes")
    of_build.add_argument("--data", type=Path, required=True, nargs="+", help="data folders with loaded registers")
    of_follow.add_argument("--data", type=Path, required=True, help="data folder whose index is built")
    of_churn.add_argument("--data", type=Path, required=True, help="data folder with a loaded register, not served")
    of_churn.add_argument("--nights", type=int, default=NIGHTS)
    of_churn.add_argument("--share", type=float, default=SHARE, help="of persons and of mailboxes changed each night")
    for command in (of_build, of_follow, of_churn):
        command.add_argument("--json", type=Path, help="where the result is kept for the report")
    add = of_follow.add_argument
    add("--extract", type=Path, required=True, help="folder of the extract that lookups are drawn from")
    add("--singles", type=int, default=SINGLES, help="single changes, one after the other")
    add("--changes", type=int, default=MANY, help="changes in one revision")
    add("--seed", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
