"""``/health`` and ``/v1/system``: is it up, and does it work? No versions and no texts from inside, for nobody."""

import asyncio
import time

from fastapi import Request, Response
from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal
from minirag_contracts.requests.common import HealthCheck, HealthReply
from minirag_contracts.topology import SERVICES

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http import details
from minirag_gateway.entrypoints.http.answers import one
from minirag_gateway.entrypoints.http.calls import Services
from minirag_gateway.entrypoints.http.limits import public_gets
from minirag_gateway.entrypoints.http.remembered import Remembered
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.system import Alive, Part, SystemDetails, SystemHealth
from minirag_gateway.errors import StorageLow

resource = Resource("System")

TIMEOUT = 2.0
"""Seconds that a service has to say how it is."""

BELIEVED = 1.0
"""Seconds for which one look at the parts, or at the disk, is good for everybody who asks."""


class Health:
    """How the system is, looked at no more often than once in ``BELIEVED`` seconds."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._parts = Remembered(lambda _: self._look(), BELIEVED)
        self._disk = Remembered(lambda _: asyncio.to_thread(services.disk_is_low), BELIEVED)

    async def of_parts(self) -> SystemHealth:
        """Every part."""
        return await self._parts.get()

    async def disk_is_low(self) -> bool:
        """Whether new sources are refused."""
        return await self._disk.get()

    async def _look(self) -> SystemHealth:
        services = self._services
        replies = await asyncio.gather(*(_ask(services, name) for name in SERVICES))
        return _health(services, dict(zip(SERVICES, replies, strict=True)), low=await self.disk_is_low())


@resource.route("GET", "/health", Permission.PUBLIC, returns=Alive)
async def health(request: Request) -> Response:
    """Whether the gateway answers, for load balancers; says so when the disk is nearly full."""
    if await _of(request).disk_is_low():
        return one(Alive(status="degraded", detail=StorageLow.default_detail()))
    return Response(b'{"status":"ok"}', media_type="application/json")


@resource.route(
    "GET",
    "/v1/system/health",
    Permission.PUBLIC,
    returns=SystemHealth,
    limits=(public_gets("/v1/system/health"),),
)
async def read_system_health(request: Request) -> Response:
    """Whether each part works. Always 200: `status` tells."""
    return one(await _of(request).of_parts())


@resource.route("GET", "/v1/system/health/detailed", Permission.READ_SYSTEM, returns=SystemDetails)
async def read_system_details(request: Request) -> Response:
    """Whether each part works, and how much the tenant has. Always 200: a part that cannot be told is null."""
    return one(await details.gather(call_of(request), _of(request).of_parts(), TIMEOUT))


def _of(request: Request) -> Health:
    health: Health = request.app.state.health
    return health


def _health(
    services: Services, replies: dict[str, tuple[HealthReply | None, float]], *, low: bool
) -> SystemHealth:
    parts = {name: _service(reply, seconds) for name, (reply, seconds) in replies.items()}
    disk = Part(status="error", detail=StorageLow.default_detail()) if low else Part(status="ok")
    return SystemHealth(
        status="ok" if not low and all(part.status == "ok" for part in parts.values()) else "degraded",
        postgres=_store(replies["gateway"][0]),
        qdrant=parts["retrieval"].model_copy(update={"detail": None}),
        redis=_bus(services),
        disk=disk,
        services=parts,
    )


async def _ask(services: Services, name: str) -> tuple[HealthReply | None, float]:
    started = time.perf_counter()
    try:
        reply = await services.bus.ask(
            name, "health", HealthCheck(), HealthReply, Context.for_system("gateway"), timeout=TIMEOUT
        )
    except Refusal:
        return None, time.perf_counter() - started
    return reply, time.perf_counter() - started


def _service(reply: HealthReply | None, seconds: float) -> Part:
    if reply is None:
        return Part(status="error", detail="The service does not answer.")
    latency = round(seconds * 1000, 1)
    if reply.status != "ok":
        return Part(status="error", detail="The service cannot do all of its work.", latency_ms=latency)
    return Part(status="ok", latency_ms=latency)


def _store(reply: HealthReply | None) -> Part:
    well = reply is not None and reply.checks.get("database", "ok") == "ok"
    return Part(status="ok") if well else Part(status="error", detail="The database does not answer.")


def _bus(services: Services) -> Part:
    well = services.bus.client.is_connected
    return Part(status="ok") if well else Part(status="error", detail="The message bus is not connected.")
