"""The results of each benchmark as tables. Several files of one benchmark make one table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.report.growth import growth
from bench.report.ldap import ldap
from bench.report.retrieval import retrieval, search_speed
from bench.report.scale import build, follow
from bench.report.tables import Table
from bench.report.wording import Result

Maker = Callable[..., Table | None]

# Each table, and the benchmarks whose results it is made of: without the first there is none.
_MAKERS: Final[Sequence[tuple[Maker, Sequence[str]]]] = (
    (retrieval, ("retrieval",)),
    (search_speed, ("retrieval",)),
    (ldap, ("ldap",)),
    (build, ("build",)),
    (follow, ("follow",)),
    (growth, ("growth", "build")),
)
_SORTS: Final = frozenset(sort for _, sorts in _MAKERS for sort in sorts)


def tables(paths: Iterable[Path]) -> list[Table]:
    """The tables of some result files, in the order in which the page shows them.

    Raises:
        ValueError: a file is the result of no benchmark known here.
    """
    found: dict[str, list[Result]] = defaultdict(list)
    for path in paths:
        result = json.loads(path.read_text("utf-8"))
        sort = result.get("benchmark")
        if sort not in _SORTS:
            raise ValueError(f"{path.name} is the result of no benchmark known here")
        found[sort].append(result)
    made = (make(*(found[sort] for sort in sorts)) for make, sorts in _MAKERS if sorts[0] in found)
    return [table for table in made if table is not None]
