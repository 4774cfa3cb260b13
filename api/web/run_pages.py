"""Reports of imports as pages that stand alone: one file, no script, nothing fetched, in French or English."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.web import plots
from api.web.rendering import TEMPLATES
from api.web.texts import PARIS

_CHANGES: Final = ("created", "changed", "removed")
_SHOWN: Final = 15  # codes of a slice; the JSON has them all
_STAGES_FR: Final = {
    "reading": "lecture",
    "staging": "préparation",
    "checking": "vérification",
    "merging": "application",
}
_STYLE: Final = TEMPLATES.get_template("report.css").render()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of these pages: their own style and nothing else."""


def run_page(report: Mapping[str, Any], language: str, *, home: str = "") -> str:
    """A report (`registry.reports`) as a page in `fr` or `en`; `home` is the page of all runs, where it is served.

    What the report does not hold, because its reader may not see it, is left out.
    """
    return _render("report.html", language, home, run=report)


def runs_page(runs: Sequence[Mapping[str, Any]], language: str) -> str:
    """The last imports as a page, each linked to its report."""
    return _render("reports.html", language, "", runs=runs)


def _render(template: str, language: str, home: str, **values: Any) -> str:
    writing = _Writing(language)
    return TEMPLATES.get_template(template).render(
        lang=language,
        other="en" if language == "fr" else "fr",
        home=home,
        style=_STYLE,
        w=writing,
        s=writing.choose,
        number=writing.number,
        moment=writing.moment,
        changes=_CHANGES,
        **values,
    )


class _Writing:
    """Texts, numbers, dates and plots in one language."""

    def __init__(self, language: str) -> None:
        self._french = language == "fr"

    def choose(self, french: str, english: str) -> str:
        return french if self._french else english

    def number(self, value: float) -> str:
        grouped = f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
        return grouped.replace(",", "\u202f").replace(".", ",") if self._french else grouped

    def moment(self, value: dt.datetime | str | None) -> str:
        """In the time of Paris, as on all other pages."""
        if value is None:
            return "–"
        at = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        return f"{at.astimezone(PARIS):{'%d/%m/%Y %H:%M' if self._french else '%Y-%m-%d %H:%M, Paris time'}}"

    def volumes(self, nights: Sequence[Mapping[str, Any]]) -> str:
        told = [
            (f"{self.moment(one['data_of'])} : {self.number(one['rows'])}", {"rows": one["rows"]}) for one in nights
        ]
        return plots.columns(self.choose("Lignes lues par nuit", "Lines read per night"), told)

    def changes(self, nights: Sequence[Mapping[str, Any]]) -> str:
        told = [
            (
                f"{self.moment(one['data_of'])} : +{one['created']} ~{one['changed']} −{one['removed']}",
                {change: one[change] for change in _CHANGES},
            )
            for one in nights
        ]
        return plots.columns(self.choose("Changements par nuit", "Changes per night"), told)

    def slice(self, title: str, rows: Sequence[Mapping[str, Any]]) -> str:
        told = [
            (
                f"{row['label']} ({row['code']})" if row["label"] else row["code"],
                {change: row[change] for change in _CHANGES},
                self.number(sum(row[change] for change in _CHANGES)),
            )
            for row in rows[:_SHOWN]
        ]
        return plots.bars(title, told)

    def stages(self, title: str, seconds: Mapping[str, float]) -> str:
        """How long each stage took; what it was about is a file's name."""
        return self.measures(title, {self._stage(name): took for name, took in seconds.items()}, " s")

    def _stage(self, name: str) -> str:
        verb, _, about = name.partition(" ")
        return f"{_STAGES_FR.get(verb, verb)} {about}".strip() if self._french else name

    def measures(self, title: str, values: Mapping[str, float], unit: str = "") -> str:
        return plots.bars(title, [(name, {"rows": value}, self.number(value) + unit) for name, value in values.items()])
