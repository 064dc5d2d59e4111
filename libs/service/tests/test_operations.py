"""The operations port: who lives, who is ready, and the command that an image asks with."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import ClassVar

import httpx
import pytest
from ledger import core_and
from minirag_messaging.testing import NatsServer
from minirag_service import Runtime, ServiceSettings
from minirag_service.running import connected, serve
from minirag_service.telemetry.operations import Operations, operations_port
from minirag_service.testing import settings_for


class Settings(ServiceSettings):
    service: ClassVar[str] = "chat"


class Looked:
    """A service with an operations port, from before it is connected to after it has drained."""

    def __init__(self, settings: Settings, operations: Operations, http: httpx.AsyncClient) -> None:
        self.settings = settings
        self.operations = operations
        self.http = http
        self.stop = asyncio.Event()
        self.ill = ""
        self.slow = asyncio.Event()

    async def check(self) -> None:
        if self.ill:
            raise OSError(self.ill)

    async def run(self) -> None:
        async with connected(self.settings, ()) as runtime:
            runtime.check("engine", self.check)
            runtime.on_stop(self.slow_stop)
            self.operations.runtime = runtime
            await serve(runtime, self.stop)

    async def slow_stop(self) -> None:
        await self.slow.wait()

    async def ready(self) -> tuple[int, str, dict[str, str]]:
        answer = await self.http.get("/ready")
        return answer.status_code, answer.json()["status"], answer.json()["checks"]

    async def until(self, status: str) -> tuple[int, str, dict[str, str]]:
        deadline = time.monotonic() + 10
        while (found := await self.ready())[1] != status:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.01)
        return found


@pytest.fixture
async def looked(
    nats: NatsServer, database_urls: Callable[..., Awaitable[tuple[str, str]]]
) -> AsyncIterator[Looked]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    urls = await database_urls("chat", core_and())
    settings = settings_for(Settings, nats.url, urls, operations_port=port)
    async with (
        operations_port(settings) as operations,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http,
    ):
        yield Looked(settings, operations, http)


async def command(port: object) -> tuple[int, str]:
    """What ``python -m minirag_service.ready`` says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "minirag_service.ready",
        env={"MINIRAG_OPERATIONS_PORT": str(port), "MINIRAG_OPERATIONS_HOST": "0.0.0.0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_ready_follows_the_life_of_a_service_and_live_does_not(looked: Looked) -> None:
    async def is_live() -> bool:
        return (await looked.http.get("/live")).status_code == 200

    assert await looked.ready() == (503, "starting", {})
    assert await is_live()
    task = asyncio.create_task(looked.run())
    status, _, checks = await looked.until("serving")
    assert status == 200
    assert checks == {"bus": "ok", "database": "ok", "engine": "ok", "relay": "ok"}
    assert await command(looked.settings.operations_port) == (
        0,
        (await looked.http.get("/ready")).text + "\n",
    )

    looked.ill = "the engine is away"
    assert await looked.ready() == (503, "degraded", checks | {"engine": "the engine is away"})
    assert (await command(looked.settings.operations_port))[0] == 1
    assert await is_live()
    looked.ill = ""
    assert (await looked.ready())[0] == 200

    looked.stop.set()
    assert (await looked.until("draining"))[0] == 503
    assert await is_live()
    looked.slow.set()
    await task
    assert await is_live()


async def test_a_bus_that_is_away_makes_unready(looked: Looked, nats: NatsServer) -> None:
    task = asyncio.create_task(looked.run())
    await looked.until("serving")
    runtime = looked.operations.runtime
    assert isinstance(runtime, Runtime)
    await runtime.bus._on_disconnected()  # as nats-py calls it
    assert (await looked.ready())[::2] == (
        503,
        {"bus": "not connected", "database": "ok", "engine": "ok", "relay": "ok"},
    )
    await runtime.bus._on_reconnected()
    assert (await looked.ready())[0] == 200
    looked.stop.set()
    looked.slow.set()
    await task


async def test_there_is_nothing_else_on_the_port(looked: Looked) -> None:
    assert (await looked.http.get("/")).status_code == 404
    assert (await looked.http.get("/ready/../secrets")).status_code == 404
    assert (await looked.http.post("/ready")).status_code == 405
    assert (await looked.http.head("/live")).status_code == 200
    metrics = await looked.http.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "process_cpu_seconds_total" in metrics.text


async def test_a_taken_port_refuses_to_start(looked: Looked) -> None:
    with pytest.raises(OSError, match="in use"):
        async with operations_port(looked.settings.model_copy(update={"mode": "server"})):
            pass


async def test_in_the_embedded_stack_a_successor_waits_for_the_port_of_its_predecessor(
    looked: Looked,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as predecessor:
        port = predecessor.getsockname()[1]
        settings = looked.settings.model_copy(update={"operations_port": port})
        async with operations_port(settings):
            await asyncio.sleep(0.5)  # it finds the port taken
            predecessor.close()
            async with asyncio.timeout(10):
                while "starting" not in (await command(port))[1]:
                    await asyncio.sleep(0.05)


async def test_a_port_that_cannot_be_had_at_all_is_told(
    looked: Looked, caplog: pytest.LogCaptureFixture
) -> None:
    """In the embedded stack, where it is waited for: the service goes on, and says that nobody can look at it."""
    settings = looked.settings.model_copy(update={"operations_host": "192.0.2.1"})  # nobody's
    async with operations_port(settings), asyncio.timeout(5):
        while not (told := [each for each in caplog.records if each.levelname == "ERROR"]):
            await asyncio.sleep(0.01)
    assert [each.getMessage() for each in told] == ["the operations port is gone"]
    assert told[0].exc_info is not None and told[0].exc_info[0] is OSError


async def test_who_never_gets_the_port_ends_all_the_same(looked: Looked) -> None:
    async with operations_port(looked.settings):
        await asyncio.sleep(0.3)
