"""``/v1/stats``: what was used."""

from fastapi import Request, Response
from minirag_contracts.requests.analytics import GetOverview, Overview

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import one
from minirag_gateway.entrypoints.http.routing import Resource, call_of

resource = Resource("Stats")


@resource.route("GET", "/v1/stats/overview", Permission.READ_STATS, returns=Overview)
async def read_stats_overview(request: Request) -> Response:
    """Counts of the tenant's things and tokens."""
    return one(await call_of(request).ask(GetOverview(), Overview))
