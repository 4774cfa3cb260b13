"""Alternated runs of one mix against the peer and against us, and whether the bars are met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.ldap.encoding import search_request, write_requests
from bench.ldap.filters import encode, parse
from bench.ldap.load import Loader, Run
from bench.ldap.mixes import ATTRIBUTES, P99_BAR_MS, SIZE_LIMIT, Mix
from bench.node import Address


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of the table: medians of alternated pairs."""

    mix: Mix
    requests: int
    ours: Run
    peer: Run
    pairs: int

    @property
    def ratio(self) -> float:
        return self.ours.per_second / self.peer.per_second if self.peer.per_second else float("inf")

    @property
    def fast_enough(self) -> bool | None:
        """Whether our rate meets the bar, every search having been answered; None where there is no bar."""
        bar = self.mix.bar
        if bar is None:
            return None
        return self.ours.failed == 0 and self.ours.per_second >= bar.needed(self.peer.per_second)

    @property
    def prompt_enough(self) -> bool:
        return self.ours.p99_ms < P99_BAR_MS and self.ours.failed == 0

    def as_json(self) -> dict[str, Any]:
        bar = self.mix.bar
        return {
            "mix": self.mix.name,
            "label": self.mix.label,
            "requests": self.requests,
            "failed": {"ours": self.ours.failed, "peer": self.peer.failed},
            "pairs": self.pairs,
            "ours": self.ours.as_json(),
            "peer": self.peer.as_json(),
            "ratio": round(min(self.ratio, 1e9), 3),
            "bar": None if bar is None else str(bar),
            "needed_per_second": None if bar is None else round(bar.needed(self.peer.per_second), 1),
            "fast_enough": self.fast_enough,
            "p99_bar_ms": P99_BAR_MS,
            "prompt_enough": self.prompt_enough,
        }


def encode_requests(path: Path, filters: Sequence[str], base: str) -> int:
    """The file of requests that both servers get."""
    return write_requests(
        path,
        (search_request(base, encode(parse(text)), attributes=ATTRIBUTES, size_limit=SIZE_LIMIT) for text in filters),
    )


def compare(
    loader: Loader, mix: Mix, requests: Path, count: int, *, ours: Address, peer: Address, pairs: int
) -> Comparison:
    """One uncounted run of each to warm it, then pairs in turn."""
    for server in (peer, ours):
        loader.run(server, requests)
    runs = [(loader.run(peer, requests), loader.run(ours, requests)) for _ in range(pairs)]
    return Comparison(
        mix,
        count,
        ours=Run.median([mine for _, mine in runs]),
        peer=Run.median([theirs for theirs, _ in runs]),
        pairs=pairs,
    )
