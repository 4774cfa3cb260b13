"""`python -m tests.fuzz.guided --seconds 60`: atheris looks for bytes that lead decoding where it has not been."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import atheris

from tests.fuzz.corpus import CORPUS

with atheris.instrument_imports(include=["ldap_server", "directory.query", "directory.text"]):
    from tests.fuzz.reading import read


def main(arguments: Sequence[str] | None = None) -> None:
    """Does not return: the fuzzer ends the process, with status 77 and the bytes in a file when decoding raises what it
    should not."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp())
    for name, data in CORPUS.items():
        (folder / name).write_bytes(data)
    flags = [f"-max_total_time={options.seconds}", "-max_len=4096", f"-artifact_prefix={folder}/found-"]
    atheris.Setup([sys.argv[0], str(folder), *flags], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
