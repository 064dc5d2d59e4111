"""A service inside a test's own process: real bus, real store, everything but the process boundary."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from cryptography.fernet import Fernet
from minirag_contracts.context import Context
from minirag_contracts.requests.common import HealthCheck, HealthReply
from minirag_eventstore import Projection

from minirag_service.running import connected, serve
from minirag_service.runtime import Runtime
from minirag_service.settings import ServiceSettings

T = TypeVar("T", bound=ServiceSettings)


def settings_for(settings_type: type[T], nats_url: str, database_urls: tuple[str, str], **fields: Any) -> T:
    """Settings that no environment variable has a part in."""
    return settings_type(
        mode="embedded",
        nats_url=nats_url,
        database_url=database_urls[0],
        database_system_url=database_urls[1],
        **{"secret_key": Fernet.generate_key().decode(), **fields},
    )


@asynccontextmanager
async def running(
    settings: T, assemble: Callable[[Runtime, T], Awaitable[None]], projections: Sequence[Projection]
) -> AsyncIterator[Runtime]:
    """The service, from ready to drained; what goes wrong in it fails the test."""
    stop = asyncio.Event()
    async with connected(settings, projections) as runtime:
        await assemble(runtime, settings)
        task = asyncio.create_task(serve(runtime, stop))
        try:
            context = Context.for_system("test")
            await runtime.bus.ask(
                runtime.service, "health", HealthCheck(), HealthReply, context.within(20), timeout=20
            )
            yield runtime
        finally:
            stop.set()
            await task
