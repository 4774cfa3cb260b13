"""What the filters of the search page offer, each choice with how many records it would leave."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api.coverage import department_code
from api.web.asked import Asked
from directory import nomenclature
from directory.index import found
from directory.index.found import Found
from directory.index.reader import Snapshot
from directory.model import Kind
from directory.query import Field, TextQuery
from directory.settings import Settings
from directory.text import fold

_PLACE: Final = "choices"


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter; where its label is empty the template has one."""

    value: str
    label: str
    count: int
    chosen: bool


Choices = Mapping[str, Sequence[Choice]]


def of_everything(snapshot: Snapshot, settings: Settings) -> Choices:
    """The choices before anything is asked; kept for as long as the revision is the same."""
    kept: Choices | None = snapshot.kept.get(_PLACE)
    if kept is None:
        kept = snapshot.kept[_PLACE] = choices(snapshot, settings, Asked(), meant(snapshot, settings, Asked()))
    return kept


def choices(snapshot: Snapshot, settings: Settings, asked: Asked, every: Found) -> Choices:
    """The choices of each filter among all that was found. A filter is set aside where its own choices are counted, so
    that another can be made.

    Raises:
        InvalidInput: there is no such département.
        TimeLimitExceeded: the deadline passed.
    """

    def without(name: str) -> Found:
        if not getattr(asked, name):
            return every
        return meant(snapshot, settings, dataclasses.replace(asked, **{name: ""}))

    def of_kind(kind: Kind) -> Choice:
        count = len(meant(snapshot, settings, dataclasses.replace(asked, kind=str(kind))))
        return Choice(kind, "", count, asked.kind == kind)

    any_mailbox = without("mailbox")
    having = any_mailbox.having(Field.MAIL)
    department = department_code(asked.department) if asked.department else ""
    professions = _coded(without("profession"), Field.PROFESSION, "professions", asked.profession)
    return {
        "profession": sorted(professions, key=lambda choice: fold(choice.label)),
        "department": sorted(
            _coded(without("department"), Field.DEPARTMENT_CODE, "departments", department),
            key=lambda choice: choice.value,
        ),
        "mailbox": [
            Choice("yes", "", having, asked.mailbox == "yes"),
            Choice("no", "", len(any_mailbox) - having, asked.mailbox == "no"),
        ],
        "kind": [of_kind(kind) for kind in Kind],
    }


def meant(snapshot: Snapshot, settings: Settings, asked: Asked) -> Found:
    """All that a form asks for, as its list shows it: a mailbox counts as its holder."""
    query = TextQuery(text=asked.q, kinds=asked.kinds, where=asked.where, deadline_s=settings.search_time_limit_s)
    return found.meant(snapshot, query)


def _coded(every: Found, field: Field, names: str, chosen: str) -> list[Choice]:
    """The codes that anything found has, and the chosen one."""
    counts = {chosen: 0} if chosen else {}
    counts |= {count.value.upper(): count.documents for count in every.counts(field)}
    return [
        Choice(code, nomenclature.label(names, code) or code, count, code == chosen) for code, count in counts.items()
    ]
