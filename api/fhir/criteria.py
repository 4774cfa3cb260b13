"""What a FHIR search asks for, read from its parameters (R4 section 3.1.1): criteria, and how to answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from api.parameters import unreadable
from directory.errors import InvalidInput, QueryTooComplex

Pairs = Sequence[tuple[str, str]]

_MOST_PARAMETERS: Final = 200
_MOST_VALUES: Final = 2_000
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_SEPARATOR: Final = {sign: re.compile(rf"(?:[^{re.escape(sign)}\\]|\\.|\\$)*", re.DOTALL) for sign in ",|"}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter: all criteria have to be met, each by any of its values. Values are as written, escapes and all."""

    name: str
    modifier: str
    values: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(map(unescaped, self.values))


def read_pairs(query: bytes | str) -> Pairs:
    """The parameters of a query string or of a form.

    Raises:
        InvalidInput: it is no UTF-8, or has more parameters than any search needs.
    """
    try:
        text = query.decode() if isinstance(query, bytes) else query
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except UnicodeDecodeError as error:
        raise unreadable() from error
    except ValueError as error:
        raise QueryTooComplex(
            f"more than {_MOST_PARAMETERS} parameters", fr=f"plus de {_MOST_PARAMETERS} paramètres"
        ) from error


def criterion(name: str, value: str) -> Criterion | None:
    """A parameter as a criterion; None for one without a value, which asks for nothing."""
    plain, _, modifier = name.partition(":")
    if plain == "name" and modifier in ("family", "given"):
        # No modifier of FHIR's, but the national guide writes it so: that part of the name is what is meant.
        plain, modifier = modifier, ""
    values = tuple(one for one in separated(value, ",") if one.strip())
    if len(values) > _MOST_VALUES:
        raise QueryTooComplex(
            f"{plain}: more than {_MOST_VALUES} values", fr=f"{plain} : plus de {_MOST_VALUES} valeurs"
        )
    return Criterion(plain, modifier, values) if values else None


def separated(value: str, sign: str) -> list[str]:
    """The parts between signs that are not escaped."""
    parts, at = [], 0
    while True:
        found = _SEPARATOR[sign].match(value, at)
        assert found is not None
        parts.append(found[0])
        if found.end() >= len(value):
            return parts
        at = found.end() + 1


def unescaped(value: str) -> str:
    r"""A value without the escapes of `\,`, `\|`, `\$` and `\\` (R4 section 3.1.1.4)."""
    return _ESCAPED.sub(r"\1", value)


@dataclass(frozen=True, slots=True)
class Token:
    """`code`, `system|code`, `system|` (any code of it) or `|code` (of no system)."""

    system: str | None
    code: str


def token(value: str) -> Token:
    parts = [unescaped(part).strip() for part in separated(value, "|")]
    if len(parts) == 1:
        return Token(None, parts[0])
    if len(parts) > 2:
        shown = value[:60]
        raise InvalidInput(f"{shown!r} is no token", fr=f"{shown!r} n'est pas un jeton")
    return Token(parts[0], parts[1])


def only(pairs: Iterable[tuple[str, str]], name: str) -> str | None:
    """The last value of a parameter that stands once."""
    found = [value for key, value in pairs if key == name and value]
    return found[-1] if found else None
