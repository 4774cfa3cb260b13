"""`GET /fhir/v2/metadata`: the CapabilityStatement, made from what is served."""

from __future__ import annotations

from typing import Any, Final

import directory
from api.fhir import asked, batches, systems
from api.fhir.meanings import Parameter
from api.fhir.resources import instant_of
from directory.model import RegisterState
from directory.settings import Settings

_TYPE: Final = {"name": "_type", "type": "token", "documentation": "Which types of resources; without it, all of them."}


def statement(settings: Settings, base: str, state: RegisterState) -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant_of(state.committed_at) if state.committed_at else "2026",
        "kind": "instance",
        "software": {"name": "annuaire", "version": directory.__version__},
        "implementation": {"description": "Annuaire, RPPS (ANS)", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": _documentation(settings),
                "resource": [_resource(kind) for kind in asked.PARAMETERS],
                "interaction": [{"code": "search-system"}, {"code": "batch"}],
                "searchParam": [_TYPE, *map(_parameter, _common())],
            }
        ],
    }


def _documentation(settings: Settings) -> str:
    return (
        f"Reading only. _count: {settings.fhir_count} unless asked otherwise, at most {settings.fhir_count_max}. "
        f"At most {settings.fhir_included_max} resources are included in a page. Strings match without case and "
        "accents, from the beginning of any word; :exact with both. Totals are accurate. A next link is good for as "
        f"long as the register is not changed. A batch has at most {batches.MOST} entries, all of them GET."
    )


def _resource(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": kind,
        "profile": systems.PROFILES[kind][0],
        "supportedProfile": systems.PROFILES[kind],
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned",
        "searchParam": [_parameter(one) for one in asked.PARAMETERS[kind].values()],
    }
    if asked.INCLUDES[kind]:
        found["searchInclude"] = ["*", *asked.INCLUDES[kind]]
    if asked.REVINCLUDES[kind]:
        found["searchRevInclude"] = list(asked.REVINCLUDES[kind])
    return found


def _common() -> list[Parameter]:
    """The parameters that all types have."""
    first, *others = asked.PARAMETERS.values()
    return [one for name, one in first.items() if all(name in parameters for parameters in others)]


def _parameter(one: Parameter) -> dict[str, str]:
    return {"name": one.name, "type": one.type, "documentation": one.documentation}
