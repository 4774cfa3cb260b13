"""The API guide: every operation of the OpenAPI, each with a command to copy."""

from __future__ import annotations

import importlib.resources
import tomllib
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation as the guide shows it."""

    summary: str
    method: str
    path: str
    command: str
    parameters: tuple[tuple[str, str], ...]


_FRENCH: Final[dict[str, str]] = tomllib.loads(
    (importlib.resources.files("api") / "web" / "operations.fr.toml").read_text(encoding="utf-8")
)
_ONE_OF_MANY: Final = {"/v1/search": "q=lefebvre+lyon", "/v1/coverage/unequipped": "department=69"}
"""Examples of what takes one parameter of several, none of which is mandatory."""


def operations(openapi: dict[str, Any], base: str, tongue: str) -> list[Operation]:
    """All of them, in the order of the API."""
    french = _FRENCH if tongue == "fr" else {}
    return [
        _operation(openapi, path, method, operation, base, french.get(path))
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]


def _operation(
    openapi: dict[str, Any], path: str, method: str, operation: dict[str, Any], base: str, summary: str | None
) -> Operation:
    parameters = operation.get("parameters", [])
    return Operation(
        summary=summary or operation["summary"],
        method=method.upper(),
        path=path,
        command=f"curl '{base}{_target(path, parameters)}'{_body(openapi, operation)}",
        parameters=tuple((one["name"], one.get("description", "")) for one in parameters),
    )


def _body(openapi: dict[str, Any], operation: dict[str, Any]) -> str:
    if "requestBody" not in operation:
        return ""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    example = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["example"]
    return f" -H 'Content-Type: application/json' -d '{orjson.dumps(example).decode()}'"


def _target(path: str, parameters: list[dict[str, Any]]) -> str:
    target = path
    for parameter in parameters:
        if parameter["in"] == "path":
            target = target.replace("{" + parameter["name"] + "}", quote_plus(_example(parameter), safe="@"))
    if path in _ONE_OF_MANY:
        return f"{target}?{_ONE_OF_MANY[path]}"
    mandatory = [one for one in parameters if one["in"] == "query" and one["required"]]
    query = "&".join(f"{one['name']}={quote_plus(_example(one))}" for one in mandatory)
    return f"{target}?{query}" if query else target


def _example(parameter: dict[str, Any]) -> str:
    examples = parameter["schema"].get("examples") or ["…"]
    return str(examples[0])
