"""`python -m bench.postfix`: recipients resolved by a real `postmap -q -` through the directory, each answer judged."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.node import Address, serving
from bench.postfix.recipients import Recipients
from bench.provenance import provenance, write_result
from tests.clients.guides import HOST, snippet
from tests.clients.mail_servers import UNPACKED, Postmap

_VERSIONS: Final = (3, 2)  # of LDAP: Debian's default, and Postfix's own
_PATIENCE_S: Final = 600


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if not (UNPACKED / "usr/sbin/postmap").exists():
        print("Postfix is not here: run `make clients`", file=sys.stderr)
        return 1
    recipients = Recipients.draw(options.recipients, options.extract, options.earlier, options.seed)
    with serving(options.data, ldap_workers=1) as node:
        assert node.ldap is not None
        rows = [_resolved(recipients, node.ldap, version) for version in _VERSIONS]
    counts = {"asked": len(recipients.asked), "reachable": len(recipients.reachable),
              "withdrawn": recipients.withdrawn, "unknown": recipients.unknown}  # fmt: skip
    found = {"recipients": counts, "rows": rows, "met": not any(row["wrong"] or row["missing"] for row in rows)}
    print(json.dumps(found, indent=1))
    write_result(options.json, {"benchmark": "postfix", **provenance("bench.postfix", options), **found})
    return 0 if found["met"] else 1


def _resolved(recipients: Recipients, server: Address, version: int) -> dict[str, Any]:
    """One run over all recipients, with the table of the guide page."""
    described = snippet("postfix", "mssante.cf").replace(f"{HOST}:3890", str(server))
    with tempfile.TemporaryDirectory() as folder:
        postmap = Postmap.prepare(Path(folder))
        table = postmap.table("mssante.cf", described.replace("version = 3", f"version = {version}"))
        began = time.monotonic()
        found = postmap.query_all(table, "\n".join(recipients.asked) + "\n", timeout_s=_PATIENCE_S)
        seconds = time.monotonic() - began
    same = [key.lower() for key, value in found if key.lower() == value.lower()]
    right = recipients.reachable.intersection(same)
    return {
        "version": version,
        "found": len(found),
        "wrong": len(found) - len(right),
        "missing": len(recipients.reachable - right),
        "seconds": round(seconds, 2),
        "per_second": round(len(recipients.asked) / seconds),
    }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.postfix", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="data folder whose index is built")
    add("--extract", type=Path, required=True, help="folder of the extract that it was built from")
    add("--earlier", type=Path, help="folder of an earlier extract: addresses that are gone since are asked about")
    add("--recipients", type=int, default=10_000)
    add("--seed", type=int, default=1)
    add("--json", type=Path, help="where the result is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
