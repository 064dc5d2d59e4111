"""Leading ends with the database, also where that falls silent and nobody says that it is gone; the service goes on."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import asyncpg
import pytest
from ledger import core_and
from minirag_eventstore import DATABASE_AWAY, Database, WorkItem, WorkRunner, database, leader
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_service import Runtime, ServiceSettings
from minirag_service.running import connected, serve
from minirag_service.testing import settings_for
from silent_wire import SilentWire


class Settings(ServiceSettings):
    service: ClassVar[str] = "chat"


@pytest.fixture
async def wired(
    nats: NatsServer, bus: Bus, database_urls: Callable[..., Awaitable[tuple[str, str]]]
) -> AsyncIterator[tuple[Runtime, SilentWire]]:
    """A service that leads, over a wire to its database that can fall silent."""
    url, system_url = await database_urls("chat", core_and())
    wire, stop = SilentWire(system_url), asyncio.Event()
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket may not be long
        async with (
            wire.open(Path(folder)) as through,
            connected(settings_for(Settings, nats.url, (url, through)), ()) as runtime,
        ):
            task = asyncio.create_task(serve(runtime, stop))
            await until(lambda: runtime.leads)
            yield runtime, wire
            stop.set()
            await task


async def nothing(_: WorkItem) -> None:
    """No work is added here; it is looked for."""


async def hang_up(url: str) -> None:
    """Ends every connection of the database, as an administrator would."""
    admin = await asyncpg.connect(url)
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'chat%' AND datname LIKE 'test_%'"
    )
    await admin.close()


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader, "PATIENCE", timedelta(seconds=0.5))


@pytest.mark.usefixtures("impatient")
async def test_a_leader_whose_database_falls_silent_gives_up_and_leads_again_when_it_is_back(
    wired: tuple[Runtime, SilentWire],
) -> None:
    runtime, wire = wired
    with wire.silent():
        await until(lambda: not runtime.leads)
    await until(lambda: runtime.leads)


@pytest.mark.usefixtures("impatient")
async def test_a_service_outlives_what_it_asks_on_connections_that_the_server_has_just_ended(
    wired: tuple[Runtime, SilentWire], postgres_url: str
) -> None:
    runtime, wire = wired
    own = await Database.connect("chat", wire.url, wire.url)  # nobody else notices on its connections
    with wire.endless():
        lines = set(wire.lines)
        await hang_up(postgres_url)
        await until(lambda: not lines & wire.lines)
        with pytest.raises(DATABASE_AWAY):
            async with own.system() as connection:
                await connection.execute("SELECT 1")
        working = asyncio.create_task(WorkRunner(runtime.store, "job", nothing).run())
        await until(lambda: not runtime.leads)
    await until(lambda: runtime.leads)
    async with runtime.database.system() as connection:
        await connection.execute("SELECT 1")
    assert not working.done()
    working.cancel()
    await own.close()


async def test_a_database_that_does_not_answer_keeps_no_process_from_its_end(
    wired: tuple[Runtime, SilentWire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CLOSES_WITHIN", 0.2)
    runtime, wire = wired

    async def ask() -> None:
        async with runtime.database.system() as connection:
            await connection.execute("SELECT 1")

    with wire.silent():
        asking = asyncio.create_task(ask())
        await until(lambda: runtime.database.use()["system"][0] > 0)
        async with asyncio.timeout(5):
            await runtime.database.close()
    with pytest.raises(DATABASE_AWAY):
        await asking


async def test_a_relay_that_stands_still_is_told_by_health(
    wired: tuple[Runtime, SilentWire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minirag_service.runtime.STILL", 1.5)
    runtime, wire = wired
    assert (await runtime.checked())["relay"] == "ok"
    with wire.silent():
        async with asyncio.timeout(10):
            while "has not looked" not in (await runtime.checked())["relay"]:
                await asyncio.sleep(0.05)
