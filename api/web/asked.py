"""What the search form asks: words and filters, as the address of a page spells them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from api.filters import ALL_KINDS, Filters
from directory.model import Kind
from directory.query import And, Anything, Field, Is, Or, Predicate, Resolves

_LONGEST: Final[Mapping[str, int]] = {"q": 200}
_LONGEST_FILTER: Final = 60  # letters; what is longer is cut, as the form does
_SERVICES: Final = Or((Is(Field.MAILBOX_TYPE, "ORG"), Is(Field.MAILBOX_TYPE, "APP")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The search form, filled in. An empty text asks for nothing."""

    q: str = ""
    profession: str = ""  # code
    department: str = ""  # code or name
    city: str = ""
    structure: str = ""  # name or identifier
    mailbox: str = ""  # yes, no
    kind: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Asked:
        """From the parameters of an address; those of others are let be, as links get them stuck on."""
        names = (field.name for field in dataclasses.fields(cls))
        return cls(**{name: parameters.get(name, "")[: _LONGEST.get(name, _LONGEST_FILTER)] for name in names})

    @property
    def parameters(self) -> dict[str, str]:
        """What is filled in."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value.strip()}

    @property
    def filters(self) -> dict[str, str]:
        return self.without("q")

    def without(self, name: str) -> dict[str, str]:
        """What is filled in elsewhere."""
        return {other: value for other, value in self.parameters.items() if other != name}

    @property
    def anything(self) -> bool:
        """Whether there is something to look for."""
        return bool(self.parameters)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(kind for kind in Kind if kind == self.kind) or ALL_KINDS

    @property
    def where(self) -> Predicate:
        """The filters as a predicate.

        Raises:
            InvalidInput: there is no such département.
        """
        filters = Filters(
            profession=_given(self.profession),
            department=_given(self.department),
            city=_given(self.city),
            structure=_given(self.structure),
            has_mailbox={"yes": True, "no": False}.get(self.mailbox),
        ).predicate()
        return _both(filters, _SERVICES) if self.kind == Kind.MAILBOX else filters

    @property
    def predicate(self) -> Predicate:
        """All of it, for the caller's budget."""
        return _both(Resolves(self.q), self.where) if self.q.strip() else self.where


def _given(text: str) -> list[str] | None:
    return [text] if text.strip() else None


def _both(one: Predicate, other: Predicate) -> Predicate:
    if isinstance(one, Anything):
        return other
    return one if isinstance(other, Anything) else And((one, other))
