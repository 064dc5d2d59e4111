"""A running gateway for each test that wants one."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import httpx
import pytest
from gateway_world import Owners, World
from minirag_gateway import bootstrap
from minirag_gateway.adapters import counters
from minirag_gateway.bootstrap import assemble
from minirag_gateway.projections import PROJECTIONS
from minirag_gateway.queries.limits import Limiter
from minirag_gateway.settings import Settings
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_service.testing import begun, running, settings_for

StartWorld = Callable[..., Awaitable[World]]


class _Hasty:
    """asyncio with a tenth of each sleep."""

    def __getattr__(self, name: str) -> object:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 10)


@pytest.fixture(scope="session", autouse=True)
def server_that_ends_soon() -> Iterator[None]:
    """uvicorn looks ten times a second whether it shall end, and then waits once more: a sixth of a second of each test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("uvicorn.server.asyncio", _Hasty())
        yield


@pytest.fixture
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limiter's clock stands still: a test might lie across the end of a window."""
    monkeypatch.setattr(bootstrap, "Limiter", partial(Limiter, clock=lambda: 1_800_000_000.0))


@pytest.fixture
def patient_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that a busy machine makes late is no bus that went away."""
    monkeypatch.setattr(counters, "TIMEOUT", 10.0)


@asynccontextmanager
async def _world(urls: tuple[str, str], nats: NatsServer, bus: Bus, **fields: object) -> AsyncIterator[World]:
    listening = socket.create_server(("127.0.0.1", 0))
    owners = Owners(bus)
    await owners.start()
    port = listening.getsockname()[1]
    fields = {"limit_signups": 0, "limit_failed_authentications": 0, **fields}
    settings = settings_for(Settings, nats.url, urls, http_fd=os.dup(listening.fileno()), **fields)
    async with (
        running(settings, assemble, PROJECTIONS) as runtime,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        await begun(runtime)  # until then it is not well
        yield World(f"http://127.0.0.1:{port}", client, owners, runtime)
    await owners.stop()
    listening.close()


@pytest.fixture
async def start_world(
    database_urls: Callable[..., Awaitable[tuple[str, str]]], nats: NatsServer, bus: Bus
) -> AsyncIterator[StartWorld]:
    """Starts a gateway with settings of the test's choice."""
    async with AsyncExitStack() as stack:

        async def start(**fields: object) -> World:
            urls = await database_urls("gateway")
            return await stack.enter_async_context(_world(urls, nats, bus, **fields))

        yield start


@pytest.fixture
async def world(start_world: StartWorld) -> World:
    """A gateway whose timing suits tests."""
    return await start_world(turn_quiet=0.2, heartbeat=0.3, turn_wait=10, drain=1)
