"""`python -m bench`: the published benchmark, whole: prepares its data once, runs every part, writes tables and plots.

`make bench SEED=n` calls it. Extracts, registers and indexes at 1/16, 1/4 and full scale are kept in the work folder
and used again; the first run takes about an hour on two cores, and needs 25 GiB of disk, `slapd` and Debian's
PostgreSQL with pg_trgm. A part whose peer is missing says so and is left out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.node import serving

_NATIONAL: Final = 1_950_000
_SHARES: Final = (16, 4, 1)  # of the national scale
_ANNUAIRE: Final = (sys.executable, "-m", "cli.main")


@dataclass(frozen=True, slots=True)
class Scale:
    """One size of country: its extract, and the data folder it was loaded into."""

    professionals: int
    folder: Path

    @property
    def extract(self) -> Path:
        return self.folder / "extract"

    @property
    def data(self) -> Path:
        return self.folder / "data"


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the benchmark."""

    scales: tuple[Scale, ...]
    results: Path
    seed: int

    @property
    def full(self) -> Scale:
        return self.scales[-1]

    def build(self) -> int:
        folders = (str(scale.data) for scale in self.scales)
        return self._run("scale", "build", "--data", *folders, "--json", self._result("build"))

    def ldap(self) -> int:
        cache = ("--slapd-cache", str(self.full.folder / "slapd"))
        return self._run("ldap", *_sources(self.full), *cache, *self._seeded(), "--json", self._result("ldap"))

    def retrieval(self) -> int:
        with serving(self.full.data, ldap_workers=0, http_workers=2) as node:
            options = (*_extract(self.full), "--url", f"http://{node.http}", *self._seeded())
            return self._run("retrieval", *options, "--json", self._result("retrieval"))

    def growth(self) -> int:
        folders = [
            *("--data", *(str(scale.data) for scale in self.scales)),
            *("--extract", *(str(scale.extract) for scale in self.scales)),
        ]
        return self._run("growth", *folders, *self._seeded(), "--json", self._result("growth"))

    def follow(self) -> int:
        return self._run("scale", "follow", *_sources(self.full), *self._seeded(), "--json", self._result("follow"))

    def _seeded(self) -> tuple[str, str]:
        return "--seed", str(self.seed)

    def _result(self, part: str) -> str:
        return str(self.results / f"{part}.json")

    @staticmethod
    def _run(module: str, *options: str) -> int:
        print(f"\n# python -m bench.{module} {' '.join(options)}", flush=True)
        return subprocess.run([sys.executable, "-m", f"bench.{module}", *options], check=False).returncode


PARTS: Final[dict[str, Callable[[Bench], int]]] = {
    "build": Bench.build,
    "ldap": Bench.ldap,
    "retrieval": Bench.retrieval,
    "growth": Bench.growth,
    "follow": Bench.follow,
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    work: Path = options.work.resolve()
    shares = _SHARES if "growth" in options.parts else (1,)
    scales = tuple(
        Scale(options.professionals // share, work / f"{options.professionals // share}") for share in shares
    )
    results = work / "results"
    results.mkdir(parents=True, exist_ok=True)
    for scale in scales:
        prepare(scale)
    bench = Bench(scales, results, options.seed)
    short = [name for name in options.parts if PARTS[name](bench) != 0]
    Bench._run("report", *map(str, sorted(results.glob("*.json"))), "--out", str(options.out))
    print(f"below a bar, or not run to its end: {', '.join(short)}" if short else "every bar holds", flush=True)
    return 1 if short else 0


def prepare(scale: Scale) -> None:
    """Generate, import and index a country, unless that was done before."""
    done = scale.folder / "prepared"
    if done.exists():
        return
    print(f"\n# preparing {scale.professionals:,} professionals", flush=True)
    extract = str(scale.extract)
    settings = {
        "ANNUAIRE_DATA_DIR": str(scale.data),
        "ANNUAIRE_WHITELIST_CA_FILE": str(scale.extract / "whitelist-ca.pem"),
    }
    for command in (
        ("generate", extract, "--professionals", str(scale.professionals)),
        ("import", "rpps", extract),
        ("import", "trusted-domains", extract),
        ("import", "mailboxes", extract),
        ("index", "build"),
    ):
        subprocess.run([*_ANNUAIRE, *command], check=True, env=os.environ | settings)
    done.touch()


def _extract(scale: Scale) -> tuple[str, str]:
    return "--extract", str(scale.extract)


def _data(scale: Scale) -> tuple[str, str]:
    return "--data", str(scale.data)


def _sources(scale: Scale) -> tuple[str, ...]:
    return (*_extract(scale), *_data(scale))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--work", type=Path, default=Path("bench-work"), help="folder of extracts, registers and results (bench-work)")
    add("--out", type=Path, default=Path("docs/benchmarks"), help="folder of tables and plots (docs/benchmarks)")
    add("--professionals", type=int, default=_NATIONAL, help=f"full scale ({_NATIONAL:,})")
    add("--seed", type=int, default=101, help="other requests and queries; retrieval takes this one and the next two")
    add("--parts", type=_parts, default=list(PARTS), help=f"some of {','.join(PARTS)}")
    return parser.parse_args(arguments)


def _parts(text: str) -> list[str]:
    wanted = text.split(",")
    if unknown := sorted(set(wanted) - set(PARTS)):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(unknown)}")
    return [name for name in PARTS if name in wanted]


if __name__ == "__main__":
    sys.exit(main())
