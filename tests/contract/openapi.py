"""`make contract`: Schemathesis asks a served demonstration all that its OpenAPI describes, and more that it does not."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.contract.node import demo

CONFIGURATION: Final = Path(__file__).with_name("schemathesis.toml")


def asked(http: str, *options: str) -> list[str]:
    """The command that checks the OpenAPI of a node against its answers."""
    return [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIGURATION), "run",
        f"{http}/openapi.json", "--no-color", "--continue-on-failure", "--phases", "examples,coverage,fuzzing", *options,
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.contract.openapi", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="how long")
    parser.add_argument("--seed", type=int, help="the seed of a run that found something")
    options = parser.parse_args()
    seed = () if options.seed is None else ("--seed", str(options.seed))
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as node:
        command = asked(node.http, "--max-time", str(options.seconds), "--generation-database", "none", *seed)
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
