"""`python -m bench.bounds`: what the bounds on callers cost: two nodes, one `open` and one `public`, asked in turn.

Short runs, many of them: what the machine does meanwhile meets both alike. The median of their ratios is what counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.latency import median
from bench.ldap.compare import encode_requests
from bench.ldap.load import Loader
from bench.ldap.mixes import MIXES
from bench.node import BASE, PUBLIC, serving
from bench.people import read_holders
from bench.provenance import provenance, write_result

_LEAST: Final = 0.9  # of what is answered without bounds


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each mix; 1 where one costs more than a tenth."""
    options = _options(arguments)
    people = read_holders(options.extract)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-bounds-") as name:
        requests = Path(name, "requests")
        loader = Loader.compiled(Path(name), connections=8, seconds=options.seconds)
        with serving(options.data) as unbounded, serving(options.copy, **PUBLIC) as bounded:
            assert unbounded.ldap is not None
            assert bounded.ldap is not None
            for mix in (mix for mix in MIXES if options.mixes is None or mix.name in options.mixes):
                encode_requests(requests, mix.draw(people, seed=options.seed), BASE)
                pairs = [
                    (loader.run(unbounded.ldap, requests).per_second, loader.run(bounded.ldap, requests).per_second)
                    for _ in range(options.pairs + 1)
                ][1:]  # the first pair warms both
                ratio = median(public / free for free, public in pairs)
                free, public = (median(rates) for rates in zip(*pairs, strict=True))
                rows.append({"mix": mix.name, "open": round(free), "public": round(public), "ratio": round(ratio, 3)})
                print(f"{mix.name}: open {free:.0f}/s, public {public:.0f}/s, median of ratios {ratio:.3f}", flush=True)
    met = all(row["ratio"] >= _LEAST for row in rows)
    write_result(options.json, {"benchmark": "bounds", **provenance("bench.bounds", options), "rows": rows, "met": met})
    return 0 if met else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.bounds", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="data folder whose index is built")
    add("--copy", type=Path, required=True, help="a copy of it, made while nothing served it")
    add("--extract", type=Path, required=True, help="folder of the extract that it was built from")
    add("--mixes", type=lambda text: text.split(","), help="some of them, separated by commas")
    add("--seconds", type=float, default=1.5, help="length of a run")
    add("--pairs", type=int, default=9)
    add("--seed", type=int, default=1)
    add("--json", type=Path, help="where the result is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
