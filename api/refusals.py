"""What is wrong with parameters and bodies, told to people: where it stands, in French or English.

Pydantic says it in English only, and names a place by its last part: in a list of a thousand recipients that is little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import PydanticCustomError

UNKNOWN: Final = "extra_forbidden"

# By pydantic's type of error, with what it tells of the bound. https://docs.pydantic.dev/latest/errors/validation_errors
_FRENCH: Final[Mapping[str, str]] = {
    UNKNOWN: "il n'y a pas de tel paramètre",
    "missing": "il manque",
    "bool_parsing": "true ou false est attendu",
    "bool_type": "true ou false est attendu",
    "date_parsing": "un jour est attendu, comme 2026-01-15",
    "date_from_datetime_parsing": "un jour est attendu, comme 2026-01-15",
    "dict_type": "un objet JSON est attendu",
    "greater_than_equal": "au moins {ge}",
    "int_parsing": "un nombre entier est attendu",
    "int_parsing_size": "ce nombre est trop grand",
    "int_type": "un nombre entier est attendu",
    "json_invalid": "JSON illisible",
    "less_than": "moins de {lt}",
    "less_than_equal": "au plus {le}",
    "list_type": "une liste est attendue",
    "literal_error": "est attendu : {expected}",
    "model_attributes_type": "un objet JSON est attendu",
    "model_type": "un objet JSON est attendu",
    "string_too_long": "au plus {max_length} caractères",
    "string_too_short": "au moins {min_length} caractère(s)",
    "string_type": "un texte est attendu",
    "too_long": "au plus {max_length} valeurs",
    "too_short": "au moins {min_length} valeur(s)",
}
_NO_OBJECT: Final = frozenset({"dict_type", "missing", "model_attributes_type", "model_type"})
_CUSTOM: Final = "refused"


def refused(message: str, *, fr: str) -> PydanticCustomError:
    """What a validator of ours raises."""
    return PydanticCustomError(_CUSTOM, "{message}", {"message": message, "fr": fr})


def place(error: Mapping[str, Any]) -> str:
    """Where an error stands: `limit`, `recipients[3].rpps`, `body` of a whole body."""
    where, *path = error["loc"]
    if where == "query":
        return str(path[0]) if path else "query"  # of several values of one parameter, each is told with itself
    if error["type"] == "json_invalid" or not path:
        return str(where)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def reason(error: Mapping[str, Any], *, french: bool) -> str:
    """What is wrong there."""
    kind, bounds = error["type"], error.get("ctx") or {}
    if kind == _CUSTOM:
        return str(bounds["fr"] if french else bounds["message"])
    if kind in _NO_OBJECT and error["loc"] == ("body",):
        hint = "Content-Type: application/json"
        return f"un objet JSON est attendu, avec {hint}" if french else f"a JSON object is wanted, with {hint}"
    if kind == "json_invalid":
        at = error["loc"][-1]
        return f"JSON illisible au caractère {at}" if french else f"no JSON, from character {at}: {bounds['error']}"
    told = _FRENCH.get(kind) if french else None
    if told is None:
        return str(error["msg"])
    return told.format_map({**bounds, "expected": str(bounds.get("expected", "")).replace(" or ", " ou ")})


def summed_up(errors: Sequence[Mapping[str, Any]], *, french: bool) -> str:
    """All of it in a sentence or two, for whom a message is shown to."""
    sentences = []
    for unknown in (True, False):
        names = ", ".join(dict.fromkeys(repr(place(one)[:60]) for one in errors if (one["type"] == UNKNOWN) is unknown))
        if names:
            fr, en = ("inconnu", "Unknown") if unknown else ("incorrect", "Invalid")
            sentences.append(f"Paramètre {fr} : {names}." if french else f"{en} parameter: {names}.")
    return " ".join(sentences)
