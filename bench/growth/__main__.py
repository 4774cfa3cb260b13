"""`python -m bench.growth`: median latencies at several scales, served side by side and asked in turn."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.growth.lookups import RATIO_BAR, REQUESTS, SEARCHES, Answers, Requests, Searches
from bench.growth.scales import Scale
from bench.latency import median
from bench.ldap.load import Loader
from bench.provenance import provenance, write_result

_COUNT: Final = 2000  # requests per mix
_FEWEST: Final = 10  # requests that must fill their limit for a mix to count


@dataclass(frozen=True, slots=True)
class Growth:
    """One row: medians in the order of the scales."""

    lookup: Searches | Requests
    requests: int
    medians_ms: Sequence[float]

    @property
    def ratio(self) -> float:
        return self.medians_ms[-1] / self.medians_ms[0]

    @property
    def met(self) -> bool | None:
        return None if self.lookup.answers is Answers.OWN else self.ratio < RATIO_BAR

    def as_json(self) -> dict[str, Any]:
        return {
            "mix": self.lookup.name,
            "label": self.lookup.label,
            "answers": str(self.lookup.answers),
            "requests": self.requests,
            "medians_ms": [round(value, 3) for value in self.medians_ms],
            "ratio": round(self.ratio, 3),
            "bar": None if self.met is None else RATIO_BAR,
            "met": self.met,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-growth-")))
        loader = Loader.compiled(scratch, connections=options.connections, seconds=options.seconds)
        pairs = zip(options.data, options.extract, strict=True)
        scales = [stack.enter_context(Scale.serving(data, extract)) for data, extract in pairs]
        scales.sort(key=lambda scale: scale.professionals)
        rows = list(_rows(options, scales, loader, scratch))
    result = {
        "benchmark": "growth",
        **provenance("bench.growth", options),
        "professionals": [scale.professionals for scale in scales],
        "connections": options.connections,
        "rows": [row.as_json() for row in rows],
    }
    write_result(options.json, result)
    return 0 if all(row.met is not False for row in rows) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, help="data folders, one per scale, indexes built")
    add("--extract", type=Path, nargs="+", required=True, help="the extracts they were made from, in the same order")
    add("--mixes", type=lambda text: text.split(","), metavar="NAMES", help="only these")
    add("--seconds", type=float, default=2.0, help="length of a run")
    add("--rounds", type=int, default=3, help="counted runs at each scale, in turn")
    add("--connections", type=int, default=8, help="of LDAP; REST is asked by one client")
    add("--seed", type=int, default=1)
    add("--json", type=Path, help="where the result is kept for the report")
    options = parser.parse_args(arguments)
    if len(options.data) != len(options.extract) or len(options.data) < 2:
        parser.error("give as many folders to --data as to --extract, and at least two")
    return options


def _rows(options: argparse.Namespace, scales: Sequence[Scale], loader: Loader, scratch: Path) -> Iterator[Growth]:
    every: Sequence[Searches | Requests] = (*SEARCHES, *REQUESTS)
    for lookup in every:
        if options.mixes is not None and lookup.name not in options.mixes:
            continue
        asked = _asked(lookup, scales, options.seed)
        if min(map(len, asked)) < _FEWEST:
            print(f"{lookup.name:22} left out: only {min(map(len, asked))} such requests at the smallest scale")
            continue
        row = Growth(lookup, len(asked[0]), _medians(lookup, scales, asked, options, loader, scratch))
        print(_line(row), flush=True)
        yield row


def _asked(lookup: Searches | Requests, scales: Sequence[Scale], seed: int) -> list[list[str]]:
    """The filters or paths for each scale."""
    if isinstance(lookup, Searches):
        drawn = [lookup.mix.draw(scale.people, seed=seed, count=_COUNT) for scale in scales]
        kept: Callable[[Sequence[str], int], list[str]] = scales[0].filling
    else:
        drawn = [lookup.draw(scale.people, seed=seed, count=_COUNT) for scale in scales]
        kept = scales[0].filling_paths
    return [kept(drawn[0], _COUNT)] * len(scales) if lookup.answers is Answers.FULL else drawn


def _medians(
    lookup: Searches | Requests,
    scales: Sequence[Scale],
    asked: Sequence[Sequence[str]],
    options: argparse.Namespace,
    loader: Loader,
    scratch: Path,
) -> list[float]:
    """Medians of several rounds over all scales; the first round warms and is not counted."""

    def once(scale: Scale, requests: Sequence[str]) -> float:
        if isinstance(lookup, Searches):
            return scale.search_ms(loader, requests, scratch)
        return scale.request_ms(requests, options.seconds)

    rounds = [[once(*one) for one in zip(scales, asked, strict=True)] for _ in range(options.rounds + 1)][1:]
    return [median(values) for values in zip(*rounds, strict=True)]


def _line(row: Growth) -> str:
    shown = " ".join(f"{value:9.3f}" for value in row.medians_ms)
    verdict = {True: "met", False: "OVER", None: ""}[row.met]
    return f"{row.lookup.name:22} {row.lookup.answers:20} {row.requests:6} {shown} ms {row.ratio:6.2f}× {verdict}"


if __name__ == "__main__":
    sys.exit(main())
