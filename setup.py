"""What a lookup runs through can be compiled ahead of time: `make compiled`, or `COMPILED=1 pip wheel …`.

mypyc makes extension modules of the same sources, by the types that mypy has checked. Without them nothing is missing
but speed (docs/architecture.md).
"""

from __future__ import annotations

import os

from setuptools import Extension, setup

_COMPILED = {
    "directory": "model query text",
    "directory/callers": "budgets caller distinct ledger patterns scopes trace",
    "directory/index": "choice collect decoded documents encoding evaluate expansion facets found layout lexicon"
    " matching meaning misspelling nearness order passages ranking reader representations resolve scoring search"
    " selection sets slips small_postings spool synonyms typed values vocabulary",
    "directory/registry": "copying records",
    "ldap_server": "access answers assertions ber budgeted definitions dit entries filters messages metrics"
    " operations outlet protocol schema searching shapes turns",
}
"""What a lookup over LDAP, a search, or a record on its way to the index, runs through."""


def _extensions() -> list[Extension]:
    if not os.environ.get("COMPILED"):
        return []
    from mypyc.build import mypycify

    modules = [f"{package}/{module}.py" for package, names in _COMPILED.items() for module in names.split()]
    return mypycify(modules, opt_level="2", debug_level="0", group_name="annuaire")


setup(ext_modules=_extensions())
