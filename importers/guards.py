"""The rails of an import: what a human should look at before yesterday's register is replaced.

A held run changes nothing and says why in plain sentences; `annuaire runs apply N` applies it. Small registers are
left alone: below `SMALL` records a percentage means little. Besides each kind as a whole, its share in each
département and at each mail domain is looked at: what empties one hospital's domain is nothing to the country.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import polars as pl

from directory.registry import loading, slices
from directory.registry.loading import Merge, Plan
from directory.registry.reports import RECORDS
from directory.registry.runs import Run
from importers.report import ImportOptions

SMALL: Final = 20
_SLICE: Final = 50  # records of one département or domain, from which on its percentage means something
_MOVED: Final = 100  # addresses that leave one domain for another under the same name in one night
BASELINE: Final = dt.timedelta(days=7)
_VERBS: Final = {"remove": "supprimerait", "change": "modifierait"}


class Reason(NamedTuple):
    """A sentence, in both languages of whoever reads a report."""

    en: str
    fr: str


def reasons_to_hold(
    merge: Merge,
    plans: Sequence[Plan],
    rows: Mapping[str, int],
    rejected: int,
    earlier: Sequence[Run],
    options: ImportOptions,
) -> list[Reason]:
    """Why this import should wait for a human; empty when it may go on.

    `rows` are the data lines read per layout, `rejected` the number of quarantined ones, `earlier` the runs in force of
    the last days, newest first.
    """
    reasons: list[Reason] = []
    for plan in plans:
        reasons += _too_much(plan, options)
        reasons += _too_much_of_a_departement(merge, plan, options)
        if plan.source is loading.MAILBOX:
            reasons += _too_much_of_a_domain(merge, plan, options)
    reasons += _too_few_rows(rows, earlier, options)
    total = sum(rows.values()) + rejected
    if rejected >= SMALL and rejected > options.rejected_limit * total:
        said = f"{rejected} of {total} lines were rejected", f"{rejected} lignes sur {total} ont été rejetées"
        reasons.append(_beyond(*said, rejected, total, options.rejected_limit))
    return reasons


def _beyond(en: str, fr: str, part: int, whole: int, limit: float) -> Reason:
    """Something that is more than its limit allows."""
    share = _percent(part, whole)
    return Reason(f"{en} ({share}, limit {limit:.0%})", f"{fr} ({share}, limite {limit:.0%})")


def _too_much(plan: Plan, options: ImportOptions) -> list[Reason]:
    found = []
    for verb, number in (("remove", plan.removed.height), ("change", plan.changed)):
        if number >= SMALL and number > options.removal_limit * plan.stored:
            en, fr = RECORDS[plan.source.name]
            said = (
                f"it would {verb} {number} of {plan.stored} {en}",
                f"il {_VERBS[verb]} {number} {fr} sur {plan.stored}",
            )
            found.append(_beyond(*said, number, plan.stored, options.removal_limit))
    return found


def _too_much_of_a_departement(merge: Merge, plan: Plan, options: ImportOptions) -> list[Reason]:
    """Départements that would lose or change more than their share, the worst first."""
    if plan.source not in (loading.ACTIVITY, loading.ORGANIZATION, loading.MAILBOX):
        return []
    assert plan.source.kind is not None
    found = []
    changed = plan.changes.filter(~pl.col("is_new"))
    for verb, keys in (("remove", plan.removed), ("change", changed)):
        if keys.height < _SLICE:
            continue
        for code, number, stored in merge.of_departments(plan.source.kind, keys, at_least=_SLICE):
            if number > options.removal_limit * stored:
                en, fr = RECORDS[plan.source.name]
                said = (
                    f"it would {verb} {number} of {stored} {en} of the département {code}",
                    f"il {_VERBS[verb]} {number} {fr} sur {stored} du département {code}",
                )
                found.append(_beyond(*said, number, stored, options.removal_limit))
    return found


def _too_much_of_a_domain(merge: Merge, plan: Plan, options: ImportOptions) -> list[Reason]:
    """Domains that would lose more than their share of mailboxes, and those that move to another one together."""
    gone = slices.domains_of(plan.removed)
    came = slices.domains_of(plan.changes.filter("is_new"))
    moved = slices.moves(gone, came).filter(pl.col("number") >= _MOVED)
    found = []
    for old, new, number in moved.iter_rows():
        here, there = old + merge.operator_of(old), new + merge.operator_of(new)
        found.append(
            Reason(
                f"{number} mailboxes would move from the domain {here} to {there}",
                f"{number} boîtes aux lettres passeraient du domaine {here} à {there}",
            )
        )
    left = gone.group_by("domain").len("number").filter(pl.col("number") >= _SLICE)
    for domain, number in left.sort("number", "domain", descending=True).iter_rows():
        stored = merge.mailboxes_at(domain)
        if number > options.removal_limit * stored:
            where = domain + merge.operator_of(domain)
            said = (
                f"it would remove {number} of {stored} mailboxes of the domain {where}",
                f"il supprimerait {number} boîtes aux lettres sur {stored} du domaine {where}",
            )
            found.append(_beyond(*said, number, stored, options.removal_limit))
    return found


def _too_few_rows(rows: Mapping[str, int], earlier: Sequence[Run], options: ImportOptions) -> list[Reason]:
    """Files that have shrunk against the last one, or by a little every night against the fullest of the last days."""
    found = []
    for layout, number in rows.items():
        before = [held for held in (_rows_of(run, layout) for run in earlier) if held]
        for held, en, fr in (
            (before[0], "the last one had", "le précédent en avait"),
            (max(before), "within 7 days one had", "en 7 jours un autre en a eu"),
        ) if before else ():  # fmt: skip
            if held - number >= SMALL and number < options.row_floor * held:
                share, floor = _percent(number, held), f"{options.row_floor:.0%}"
                found.append(
                    Reason(
                        f"the {layout} file has {number} rows, {en} {held} ({share}, floor {floor})",
                        f"le fichier {layout} a {number} lignes, {fr} {held} ({share}, seuil {floor})",
                    )
                )
                break
    return found


def _rows_of(run: Run, layout: str) -> int:
    return next((int(source.get("rows", 0)) for source in run.sources if source["layout"] == layout), 0)


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "all"
