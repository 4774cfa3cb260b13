"""`python -m bench.export`: the file of all professionals is made while lookups run at a steady rate, on a node that
has no file yet: how long who asks first waits for its end, and what the lookups beside it feel."""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.node import Address, serving
from bench.openloop import beside
from bench.provenance import provenance, write_result
from directory.index.store import remove_exports
from directory.settings import Settings

_PATH: Final = "/v1/exports/practitioners.ndjson"
_PIECE: Final = 1 << 20
_TIMEOUT_S: Final = 120.0


def fetch(server: Address) -> dict[str, Any]:
    """Lines, bytes and seconds of the file, asked for once and read to its end.

    Raises:
        RuntimeError: it is refused.
        http.client.IncompleteRead: it was cut short.
    """
    connection = http.client.HTTPConnection(server.host, server.port, timeout=_TIMEOUT_S)
    began = time.perf_counter()
    connection.request("GET", _PATH)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {answer.read(300)!r}")
    lines = size = 0
    while piece := answer.read(_PIECE):
        lines += piece.count(b"\n")
        size += len(piece)
    if answer.length:  # it does not say so itself when it is read in pieces
        raise http.client.IncompleteRead(b"", answer.length)
    return {"lines": lines, "bytes": size, "seconds": round(time.perf_counter() - began, 2)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the options ask for; 1 where a lookup failed, or the file was another one while it was made."""
    options = _options(arguments)
    remove_exports(Settings(data_dir=options.data).index_path)
    with serving(options.data, ldap_workers=1, http_workers=1) as node:
        assert node.http is not None
        with beside(node, options.extract, per_second=options.rate) as load:
            time.sleep(options.quiet)
            quiet = load.finish()
        with beside(node, options.extract, per_second=options.rate) as load:
            made = fetch(node.http)
            busy = load.finish()
        again = fetch(node.http)
    found = {"made": made, "fetched_again": again, "lookups_before": quiet, "lookups_beside": busy}
    print(json.dumps(found, indent=1))
    write_result(options.json, {"benchmark": "export", **provenance("bench.export", options), **found})
    whole = made["lines"] > 0 and made["bytes"] == again["bytes"]
    return 0 if whole and not busy["failures"] else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.export", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="data folder whose index is built; its export files are removed")
    add("--extract", type=Path, required=True, help="folder of the extract that it was built from")
    add("--rate", type=float, default=200.0, help="lookups a second")
    add("--quiet", type=float, default=10.0, help="seconds of lookups before, with no file being made")
    add("--json", type=Path, help="where the result is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
