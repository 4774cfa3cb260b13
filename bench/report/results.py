"""The results of each benchmark as tables. Several files of one benchmark make one table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.report.growth import growth
from bench.report.ldap import ldap
from bench.report.retrieval import retrieval, search_speed
from bench.report.scale import build, follow
from bench.report.tables import Table
from bench.report.wording import Result

Maker = Callable[[Sequence[Result]], Table | None]

_MAKERS: Final[Mapping[str, tuple[Maker, ...]]] = {
    "retrieval": (retrieval, search_speed),
    "ldap": (ldap,),
    "build": (build,),
    "follow": (follow,),
    "growth": (growth,),
}


def tables(paths: Iterable[Path]) -> list[Table]:
    """The tables of some result files, in the order in which the page shows them.

    Raises:
        ValueError: a file is the result of no benchmark known here.
    """
    found: dict[str, list[Result]] = defaultdict(list)
    for path in paths:
        result = json.loads(path.read_text("utf-8"))
        sort = result.get("benchmark")
        if sort not in _MAKERS:
            raise ValueError(f"{path.name} is the result of no benchmark known here")
        found[sort].append(result)
    made = (make(found[sort]) for sort, makers in _MAKERS.items() if sort in found for make in makers)
    return [table for table in made if table is not None]
