"""The filters of searches and exports, and the predicates that they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Parameter

from api import examples
from api.coverage import department_code
from directory import nomenclature
from directory.errors import InvalidInput
from directory.model import Kind
from directory.query import And, Anything, Field, Has, Is, Like, Near, Not, Or, Predicate

KindName = Literal["practitioner", "organization", "mailbox"]
_MOST: Final = 50  # values of one filter
Text = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Texts = Annotated[list[Text], Parameter(max_length=_MOST)]


class Filters(BaseModel):
    """What may be asked for by value. Several values of one filter are alternatives; several filters have all to fit.

    An unknown parameter is refused, because a filter that is silently ignored misleads.
    """

    model_config = ConfigDict(extra="forbid")

    profession: Texts | None = Parameter(None, description="Profession, code or label.", examples=[["10"]])
    expertise: Texts | None = Parameter(None, description="Savoir-faire, code or label.", examples=[["SM54"]])
    city: Texts | None = Parameter(None, description="Town, accents and case aside.", examples=[["Lyon"]])
    department: Texts | None = Parameter(None, description="Département, code or name.", examples=[["69"]])
    postal_code: Texts | None = Parameter(None, description="Postal code.", examples=[["69003"]])
    structure: Texts | None = Parameter(
        None,
        description="Structure: FINESS, SIRET, SIREN or key; or words of its name, small typos forgiven.",
        examples=[[examples.FINESS]],
    )
    has_mailbox: bool | None = Parameter(None, description="Reachable by mailbox, or not.")
    mailbox_type: list[Literal["PER", "ORG", "APP", "CAB"]] | None = Parameter(None, description="Type of mailbox.")
    paperless: bool | None = Parameter(
        None, description="Mailboxes whose holder asks for no paper copies (zéro papier), or those of others."
    )

    def predicate(self) -> Predicate:
        """What all of them together ask for.

        Raises:
            InvalidInput: a département, a profession or a savoir-faire does not exist.
        """
        parts = [_any(make, values) for make, values in self._given() if values]
        if self.has_mailbox is not None:
            parts.append(Has(Field.MAIL) if self.has_mailbox else Not(Has(Field.MAIL)))
        if self.paperless is not None:
            parts.append(Is(Field.PAPERLESS, "TRUE" if self.paperless else "FALSE"))
        return And(tuple(parts)) if parts else Anything()

    def _given(self) -> Iterable[tuple[Callable[[str], Predicate], list[str] | None]]:
        yield _profession, self.profession
        yield _expertise, self.expertise
        yield _city, self.city
        yield lambda name: Is(Field.DEPARTMENT_CODE, department_code(name)), self.department
        yield lambda code: Is(Field.POSTAL_CODE, code), self.postal_code
        yield _structure, self.structure
        yield lambda kind: Is(Field.MAILBOX_TYPE, kind), list(self.mailbox_type or ())


ALL_KINDS: Final = (Kind.PRACTITIONER, Kind.ORGANIZATION, Kind.MAILBOX)


def _any(make: Callable[[str], Predicate], values: Iterable[str]) -> Predicate:
    made = tuple(map(make, dict.fromkeys(values)))
    return made[0] if len(made) == 1 else Or(made)


def _profession(named: str) -> Predicate:
    codes = map(nomenclature.current_profession_code, _codes("profession", named))
    return _any(lambda code: Is(Field.PROFESSION, code), codes)


def _expertise(named: str) -> Predicate:
    return _any(lambda code: Is(Field.EXPERTISE, code), _codes("expertise", named))


def _codes(parameter: str, named: str) -> Sequence[str]:
    """The codes that a label stands for, or a code, which the register may know though this version does not."""
    if found := nomenclature.codes_labelled(f"{parameter}s", named):
        return found
    if any(letter.isdigit() for letter in named):  # as every code has one
        return (named,)
    raise InvalidInput(
        f"{parameter}: {named!r} is neither a code nor a label",
        fr=f"{parameter} : {named!r} n'est ni un code ni un libellé",
    )


def _city(name: str) -> Predicate:
    return Or((Is(Field.CITY, name), Like(Field.CITY, initial=name + " ")))


def _structure(named: str) -> Predicate:
    """By an identifier where it has the look of one, else by its name."""
    if any(letter.isdigit() for letter in named) and " " not in named.strip():
        return Or(tuple(Is(field, named) for field in _IDENTIFIERS))
    return Near(Field.ORGANIZATION, named)


_IDENTIFIERS: Final = (Field.KEY, Field.FINESS, Field.SIRET, Field.ORGANIZATION_IDENTIFIER)
