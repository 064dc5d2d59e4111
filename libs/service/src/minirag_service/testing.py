"""A service inside a test's own process: real bus, real store, everything but the process boundary."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from cryptography.fernet import Fernet
from minirag_eventstore import Projection
from minirag_messaging.testing import password_of

from minirag_service.running import connected, serve
from minirag_service.runtime import Runtime
from minirag_service.settings import ServiceSettings

T = TypeVar("T", bound=ServiceSettings)


def settings_for(settings_type: type[T], nats_url: str, database_urls: tuple[str, str], **fields: Any) -> T:
    """Settings that no environment variable has a part in, with the service's own user on the bus."""
    return settings_type(
        mode="embedded",
        nats_url=nats_url,
        nats_user=settings_type.service,
        nats_password=password_of(settings_type.service),
        database_url=database_urls[0],
        database_system_url=database_urls[1],
        **{"secret_key": Fernet.generate_key().decode(), **fields},
    )


@asynccontextmanager
async def running(
    settings: T,
    assemble: Callable[[Runtime, T], Awaitable[None]],
    projections: Sequence[Projection],
    stop: asyncio.Event | None = None,
) -> AsyncIterator[Runtime]:
    """The service, from ready to drained; what goes wrong in it, or is refused to it by the bus, fails the test."""
    stop = stop or asyncio.Event()
    async with connected(settings, projections) as runtime:
        await assemble(runtime, settings)
        task = asyncio.create_task(serve(runtime, stop))
        try:
            await _ready(runtime, task)
            yield runtime
        finally:
            runtime.hurry.set()
            stop.set()
            await task
        assert list(runtime.bus.violations) == []


async def begun(runtime: Runtime) -> None:
    """Until each reactor has begun, at its owner's head of that moment: of what happened before it is told nothing."""
    async with asyncio.timeout(20):
        while not all(reactor.begun for reactor in runtime.reactors):  # noqa: ASYNC110  # nobody is told of it
            await asyncio.sleep(0.01)


async def _ready(runtime: Runtime, task: "asyncio.Task[None]") -> None:
    """Until the server knows that we answer; raises what the service ended with, if it ends instead."""
    started = asyncio.create_task(runtime.rpc.started.wait())
    try:
        await asyncio.wait((started, task), timeout=20, return_when=asyncio.FIRST_COMPLETED)
    finally:
        started.cancel()
    if task.done():
        await task
    assert runtime.rpc.started.is_set(), "the service did not start"
    await runtime.bus.settled()
