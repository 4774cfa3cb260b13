"""`python -m bench.ldap`: LDAP speed of this directory against slapd, side by side on the same entries."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from bench.latency import median
from bench.ldap import slapd
from bench.ldap.agreement import Agreement, agree
from bench.ldap.client import Client
from bench.ldap.compare import Comparison, compare, encode_requests
from bench.ldap.load import Loader
from bench.ldap.mixes import MIXES, P99_BAR_MS, Mix
from bench.node import PUBLIC, Address, index_state, serving
from bench.people import Holder, read_holders
from bench.provenance import provenance, write_result

_UNLIMITED: Final = {"ldap_size_limit": 100_000_000, "ldap_time_limit_s": 3600}
_SUFFIX: Final = "o=mssante,c=fr"
BASE: Final = f"ou=bal,{_SUFFIX}"
CHECKED: Final = 300  # filters whose answers are compared entry by entry


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    people = read_holders(options.extract)
    mixes = [mix for mix in MIXES if options.mixes is None or mix.name in options.mixes]
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-ldap-")))
        loader = Loader.compiled(scratch, connections=options.connections, seconds=options.seconds)
        peer = _peer(options, scratch)
        theirs = stack.enter_context(peer.serving())
        drawn = {mix.name: mix.draw(people, seed=options.seed) for mix in MIXES}
        print(f"{peer.dump.mailboxes} mailboxes, {options.connections} connections, {slapd.version()}", flush=True)
        agreement = None if options.no_check else _agreement(options, theirs, drawn)
        settings = PUBLIC if options.profile == "public" else {}
        ours = stack.enter_context(_ours(options, **settings))
        rows = list(_compared(loader, mixes, drawn, scratch, ours, theirs, options.pairs))
    _write(options, peer, people, rows, agreement)
    met = all(row.fast_enough is not False and row.prompt_enough for row in rows)
    return 0 if met and (agreement is None or agreement.agreed) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [mix.name for mix in MIXES]
    parser = argparse.ArgumentParser(prog="python -m bench.ldap", description=__doc__)
    add = parser.add_argument
    add("--extract", type=Path, required=True, help="folder of the extract that requests are drawn from")
    add("--data", type=Path, help="data folder whose index is served (built already)")
    add("--ldap", type=Address.parse, help="HOST:PORT of a server that runs already, instead of --data")
    add("--slapd-cache", type=Path, help="where slapd's database is kept between runs")
    add("--mixes", type=lambda text: text.split(","), metavar="NAMES", help=f"some of {', '.join(names)}")
    add("--seconds", type=float, default=8.0, help="length of a run")
    add("--pairs", type=int, default=3, help="counted runs of each server, in turn")
    add("--connections", type=int, default=8)
    add("--workers", type=int, default=2, help="our LDAP worker processes")
    add(
        "--profile",
        choices=("public", "open"),
        default="public",
        help="with callers' entries counted, or not; answers are compared under `open`",
    )
    add("--seed", type=int, default=1, help="another seed, other requests")
    add("--no-check", action="store_true", help="do not compare the answers entry by entry")
    add("--json", type=Path, help="where the result is kept for the report")
    options = parser.parse_args(arguments)
    if (options.data is None) == (options.ldap is None):
        parser.error("give one of --data and --ldap")
    if options.mixes and (unknown := set(options.mixes) - set(names)):
        parser.error(f"no such mix: {', '.join(sorted(unknown))}")
    return options


def _peer(options: argparse.Namespace, scratch: Path) -> slapd.Peer:
    """slapd's database: the cached one while it holds what our server returns today."""
    folder = options.slapd_cache or scratch / "slapd"
    if options.ldap is not None:
        return slapd.cached(folder) or slapd.prepare(folder, options.ldap, _SUFFIX)
    state = index_state(options.data)
    found = slapd.cached(folder)
    if found is not None and found.state == state:
        return found
    with serving(options.data, ldap_workers=1, **_UNLIMITED) as node:
        assert node.ldap is not None
        return slapd.prepare(folder, node.ldap, _SUFFIX, state)


@contextlib.contextmanager
def _ours(options: argparse.Namespace, **settings: Any) -> Iterator[Address]:
    if options.ldap is not None:
        yield options.ldap
        return
    with serving(options.data, ldap_workers=options.workers, **settings) as node:
        assert node.ldap is not None
        yield node.ldap


def _agreement(options: argparse.Namespace, theirs: Address, drawn: dict[str, list[str]]) -> Agreement:
    with _ours(options) as ours, Client(ours.host, ours.port) as mine, Client(theirs.host, theirs.port) as other:
        found = agree(mine, other, BASE, dict(drawn), CHECKED)
    print(
        f"same entries: {'yes' if found.agreed else 'NO'} ({found.filters} filters, {found.entries} entries, "
        f"{found.by_accents} more of ours by accents, {len(found.missing)} missing, "
        f"{len(found.unexplained)} unexplained, {len(found.differing)} differing)",
        flush=True,
    )
    for line in (*found.missing[:5], *found.unexplained[:5], *found.differing[:5]):
        print(f"  {line}")
    return found


def _compared(
    loader: Loader,
    mixes: Sequence[Mix],
    drawn: dict[str, list[str]],
    scratch: Path,
    ours: Address,
    theirs: Address,
    pairs: int,
) -> Iterator[Comparison]:
    print(_HEAD, flush=True)
    for mix in mixes:
        requests = scratch / f"{mix.name}.requests"
        count = encode_requests(requests, drawn[mix.name], BASE)
        row = compare(loader, mix, requests, count, ours=ours, peer=theirs, pairs=pairs)
        print(_line(row), flush=True)
        yield row


_HEAD: Final = (
    f"{'mix':18} {'requests':>8} {'ours/s':>8} {'slapd/s':>8} {'ratio':>7} {'bar':>15}  "
    f"{'ours p50/p95/p99 ms':>22} {'slapd p50/p95/p99 ms':>24} {'entries':>13}"
)


def _line(row: Comparison) -> str:
    ours, peer = row.ours, row.peer
    verdict = {True: "met", False: "SHORT", None: ""}[row.fast_enough]
    bar = str(row.mix.bar or "")
    return (
        f"{row.mix.name:18} {row.requests:8} {ours.per_second:8.0f} {peer.per_second:8.0f} {row.ratio:7.2f} "
        f"{bar:>15} {ours.p50_ms:8.2f} {ours.p95_ms:6.2f} {ours.p99_ms:6.2f} "
        f"{peer.p50_ms:10.2f} {peer.p95_ms:6.2f} {peer.p99_ms:6.2f} "
        f"{ours.entries_per_search:6.1f} {peer.entries_per_search:6.1f}  {verdict}"
        f"{'' if ours.p99_ms < P99_BAR_MS else ' p99 OVER'}{f' FAILED {ours.failed}' if ours.failed else ''}"
        f" {ours.codes} {peer.codes}"
    )


def _write(
    options: argparse.Namespace,
    peer: slapd.Peer,
    people: Sequence[Holder],
    rows: Sequence[Comparison],
    agreement: Agreement | None,
) -> None:
    result = {
        "benchmark": "ldap",
        **provenance("bench.ldap", options),
        "peer": slapd.version(),
        "set": {"mailboxes": peer.dump.mailboxes, "people": len(people)},
        "connections": options.connections,
        "workers": options.workers,
        "seconds": options.seconds,
        "rows": [row.as_json() for row in rows],
        "median_ratio": round(median(row.ratio for row in rows), 2) if rows else None,
        "agreement": None if agreement is None else agreement.as_json(),
    }
    write_result(options.json, result)


if __name__ == "__main__":
    sys.exit(main())
