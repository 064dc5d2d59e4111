"""``/v1/limits``: how much the tenant may do, and how much of it is used."""

import asyncio
import logging
from collections.abc import Awaitable

from fastapi import Request, Response
from minirag_contracts.errors import Unavailable
from minirag_contracts.requests.ingest import GetIngestLimits, IngestLimits
from minirag_contracts.requests.webhooks import GetWebhookLimits, WebhookLimits

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http import limits
from minirag_gateway.entrypoints.http.answers import page
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.details import asked
from minirag_gateway.entrypoints.http.limits import Limit
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.limits import LimitRead

logger = logging.getLogger(__name__)

resource = Resource("Limits")

OF_TENANT = (limits.TENANT_REQUESTS, limits.UPLOAD_BYTES, limits.PASSWORDS, limits.CRAWL_PREVIEWS)
"""What is counted for the tenant in windows of time."""

TIMEOUT = 3.0
"""Seconds for which an owner's figures are waited for."""


@resource.route("GET", "/v1/limits", Permission.READ_SYSTEM, returns=list[LimitRead])
async def list_limits(request: Request) -> Response:
    """Every limit that is in force for the tenant, with what is used of it. What cannot be told at the moment is null."""
    call = call_of(request)
    tenant = str(call.principal.tenant.id)
    windows = [
        (limits.TOKEN_REQUESTS, limits.own_key(call.principal)),
        *((each, tenant) for each in OF_TENANT),
    ]
    counted, ingest, webhooks = await asyncio.gather(
        asyncio.gather(
            *(_window(call, limit, key) for limit, key in windows), _streams(call), _uploads(call)
        ),
        asked(call, GetIngestLimits(), IngestLimits, TIMEOUT),
        asked(call, GetWebhookLimits(), WebhookLimits, TIMEOUT),
    )
    found = [
        *counted,
        LimitRead(name="sources", used=ingest and ingest.sources, limit=ingest and ingest.max_sources),
        LimitRead(
            name="queued-ingestions", used=ingest and ingest.queued, limit=ingest and ingest.max_queued
        ),
        LimitRead(
            name="webhooks", used=webhooks and webhooks.endpoints, limit=webhooks and webhooks.max_endpoints
        ),
    ]
    return page(request, found, None, len(found))


async def _window(call: Call, limit: Limit, key: str) -> LimitRead:
    number = limit.of(call.services.settings)

    async def told() -> LimitRead:
        left = await call.meter.look(limit, key)
        return LimitRead(
            name=limit.name,
            limit=number,
            used=left.limit - left.remaining if number else None,
            window_seconds=limit.window,
            reset_seconds=left.reset_seconds if number else None,
        )

    return await _told(told(), LimitRead(name=limit.name, limit=number, window_seconds=limit.window))


async def _streams(call: Call) -> LimitRead:
    async def told() -> LimitRead:
        used, most = await call.meter.open_streams(call.principal)
        return LimitRead(name="streams", limit=most, used=used if most else None)

    return await _told(told(), LimitRead(name="streams", limit=call.services.settings.limit_streams))


async def _uploads(call: Call) -> LimitRead:
    name = "unfinished-uploads"

    async def told() -> LimitRead:
        used, most = await call.services.uploads.open_and_most(call.context.scope)
        return LimitRead(name=name, limit=most, used=used)

    return await _told(told(), LimitRead(name=name, limit=call.services.settings.resumable_uploads))


async def _told(reading: Awaitable[LimitRead], untold: LimitRead) -> LimitRead:
    """What is read, or what is known without asking anybody."""
    try:
        return await reading
    except Unavailable as error:
        extra = {"limit": untold.name, "reason": error.detail}
        logger.warning("the use of a limit cannot be told", extra=extra)
        return untold
