"""The rails of an import: what a human should look at before yesterday's register is replaced.

A held run changes nothing and says why in plain sentences; `annuaire runs apply N` applies it. Small registers are
left alone: below `SMALL` records a percentage means little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from directory.registry.loading import Plan
from directory.registry.runs import Run
from importers.report import ImportOptions

SMALL: Final = 20


def reasons_to_hold(
    plans: Sequence[Plan],
    rows: Mapping[str, int],
    rejected: int,
    previous: Run | None,
    options: ImportOptions,
) -> list[str]:
    """Why this import should wait for a human; empty when it may go on.

    `rows` are the data lines read per layout, `rejected` the number of quarantined ones.
    """
    reasons: list[str] = []
    for plan in plans:
        reasons += _too_much(plan, options)
    reasons += _too_few_rows(rows, previous, options)
    total = sum(rows.values()) + rejected
    if rejected >= SMALL and rejected > options.rejected_limit * total:
        share = _percent(rejected, total)
        reasons.append(f"{rejected} of {total} lines were rejected ({share}, limit {options.rejected_limit:.0%})")
    return reasons


def _too_much(plan: Plan, options: ImportOptions) -> list[str]:
    found = []
    for verb, number in (("remove", plan.removed.height), ("change", plan.changed)):
        if number >= SMALL and number > options.removal_limit * plan.stored:
            share = _percent(number, plan.stored)
            found.append(
                f"it would {verb} {number} of {plan.stored} {plan.source.name} records "
                f"({share}, limit {options.removal_limit:.0%})"
            )
    return found


def _too_few_rows(rows: Mapping[str, int], previous: Run | None, options: ImportOptions) -> list[str]:
    if previous is None:
        return []
    before = {source["layout"]: int(source.get("rows", 0)) for source in previous.sources}
    found = []
    for layout, number in rows.items():
        held = before.get(layout, 0)
        if held - number >= SMALL and number < options.row_floor * held:
            found.append(
                f"the {layout} file has {number} rows, the last one had {held} "
                f"({_percent(number, held)}, floor {options.row_floor:.0%})"
            )
    return found


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "all"
