"""`/metrics`: what all processes of this node count, for Prometheus."""

from __future__ import annotations

from typing import Final

import prometheus_client as prometheus
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import origin_of
from directory import metrics
from directory.callers.networks import read_networks, within
from directory.errors import NotAllowed
from directory.settings import Settings

_REQUESTS: Final = prometheus.Counter(
    "annuaire_http_requests_total", "HTTP requests that were answered", ["route", "status"]
)
_SECONDS: Final = prometheus.Histogram("annuaire_http_request_seconds", "Time to the answers of requests", ["route"])


def note(route: str, status: int, seconds: float) -> None:
    """Count a request; `route` is a pattern of ours, never a path of a client's."""
    _REQUESTS.labels(route, str(status)).inc()
    _SECONDS.labels(route).observe(seconds)


def router(settings: Settings) -> APIRouter:
    routes = APIRouter(tags=["status"])
    networks = read_networks(settings.metrics_networks)

    @routes.get("/metrics", include_in_schema=False)  # for machines of the operator
    async def exposition(request: Request) -> Response:
        origin = origin_of(request)
        # What a proxy passes on that is not known as one is nobody's of this machine.
        if origin.unbelieved or not within(origin.address, networks):
            raise NotAllowed(
                "metrics are not for this address (ANNUAIRE_METRICS_NETWORKS)",
                fr="les métriques ne sont pas pour cette adresse (ANNUAIRE_METRICS_NETWORKS)",
            )
        content, media_type = metrics.exposition()
        return Response(content, media_type=media_type)

    return routes
