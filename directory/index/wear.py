"""When an index that has followed many changes is worth building anew."""

from __future__ import annotations

from typing import Any, Final

from directory.index import layout
from directory.index.store import Environment

_LATE_SHARE: Final = 0.1  # of the documents
_LATE_FROM: Final = 10_000  # fewer out of order cost nobody anything
_GROWN: Final = 1.45  # times its file when it was built: it stays under one and a half times
_GROWN_FROM: Final = 64 * 2**20  # bytes; less is nobody's worry
_FILLED: Final = 1.05  # times what was in use: the rest is room for two nights, and would be needed again


def worn(environment: Environment) -> bool:
    """Whether building anew is worth it: many documents are out of order, or the file has grown and would shrink.

    Changes leave pages half filled and sets without runs. Beside what is in use the file has room for what two
    revisions write: readers may still need the pages of the last one.
    """
    with environment.lmdb.begin() as txn:
        return _disordered(environment, txn) or _grown(environment, txn)


def _disordered(environment: Environment, txn: Any) -> bool:
    late = len(layout.decode_posting(txn.get(layout.META_LATE, db=environment.databases["meta"])))
    return bool(late >= _LATE_FROM and late >= _LATE_SHARE * txn.stat(environment.databases["ids"])["entries"])


def _grown(environment: Environment, txn: Any) -> bool:
    written = txn.get(layout.META_BUILT_PAGES, db=environment.databases["meta"])
    if written is None:  # by an earlier program
        return False
    built = int(written)
    page = environment.lmdb.stat()["psize"]
    held = environment.lmdb.info()["last_pgno"] + 1
    return bool(
        held * page >= _GROWN_FROM and held >= _GROWN * built and pages_in_use(environment, txn) >= _FILLED * built
    )


def pages_in_use(environment: Environment, txn: Any) -> int:
    """The pages of a file that the next change may not take."""
    sizes = [txn.stat(database) for database in environment.databases.values()]
    return sum(size["branch_pages"] + size["leaf_pages"] + size["overflow_pages"] for size in sizes)
