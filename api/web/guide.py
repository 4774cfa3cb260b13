"""The API guide: every operation of the OpenAPI, each with a command to copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation as the guide shows it."""

    summary: str
    path: str
    command: str
    parameters: tuple[tuple[str, str], ...]


_ONE_OF_MANY: Final = {"/v1/search": "q=lefebvre+lyon", "/v1/coverage/unequipped": "department=69"}
"""Examples of what takes one parameter of several, none of which is mandatory."""


def operations(openapi: dict[str, Any], base: str) -> list[Operation]:
    """Those that are read, in the order of the API."""
    return [_operation(path, methods["get"], base) for path, methods in openapi["paths"].items() if "get" in methods]


def _operation(path: str, operation: dict[str, Any], base: str) -> Operation:
    parameters = operation.get("parameters", [])
    return Operation(
        summary=operation["summary"],
        path=path,
        command=f"curl '{base}{_target(path, parameters)}'",
        parameters=tuple((one["name"], one.get("description", "")) for one in parameters),
    )


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
