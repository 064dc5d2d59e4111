"""From Postgres to the bus: in order, once, and again when the bus has lost it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import nats.errors
import pytest
from contexts import a_context
from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import ChatStarted
from minirag_contracts.ids import new_id
from minirag_eventstore import Database, EventStore, tail
from minirag_eventstore.errors import DATABASE_FAILED
from minirag_eventstore.leader import leadership
from minirag_eventstore.relay import Relay
from minirag_messaging import Bus, EventPublisher, topology
from minirag_messaging.testing import NatsServer, connect_as


@asynccontextmanager
async def relaying(database: Database, bus: Bus) -> AsyncIterator[Relay]:
    """The relay, as the leader runs it."""
    relay = Relay(database, "chat", EventPublisher(bus, "CHAT"))

    async def lead() -> None:
        async with leadership(database, "leader", retry=0.05) as connection:
            await relay.lead(connection)

    async def compare() -> None:
        relay.resync()

    remove = bus.on_reconnect(compare)
    task = asyncio.create_task(lead())
    try:
        yield relay
    finally:
        remove()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def start_chats(store: EventStore, count: int, context: Context | None = None) -> list[UUID]:
    context = context or a_context(new_id())
    ids = []
    for _ in range(count):
        async with store.transaction(context.scope) as transaction:
            chat_id = new_id()
            await transaction.append(
                context, f"chat-{chat_id}", 0, [ChatStarted(chat_id=chat_id, bot_id=new_id())]
            )
            ids.append(chat_id)
    return ids


async def stream_of(bus: Bus, count: int, seconds: float = 15) -> list[tuple[int, str]]:
    """Position and stream of every message on CHAT, once there are ``count``."""
    js = bus.client.jetstream()
    async with asyncio.timeout(seconds):
        while True:
            try:
                state = (await js.stream_info("CHAT")).state
            except nats.errors.Error:  # the server is away at times here
                state = None
            if state is not None and state.messages >= count:
                break
            await asyncio.sleep(0.05)
    found = []
    for sequence in range(state.first_seq, state.last_seq + 1):
        message = await js.get_msg("CHAT", sequence)
        headers = message.headers or {}
        found.append(
            (
                int(next(v for k, v in headers.items() if k.lower().endswith("position"))),
                headers["ce-subject"],
            )
        )
    return found


async def stored(database: Database) -> list[Envelope]:
    async with database.system() as connection:
        events, _ = await tail.read(connection, "chat", 0, limit=5000)
    return events


async def test_events_arrive_in_the_order_of_their_positions_while_writers_race(
    store: EventStore, database: Database, bus: Bus
) -> None:
    async with relaying(database, bus):
        await asyncio.gather(*(start_chats(store, 25) for _ in range(6)))
        published = await stream_of(bus, 150)
    assert [position for position, _ in published] == list(range(1, 151))
    assert [stream for _, stream in published] == [event.stream for event in await stored(database)]


async def test_a_wiped_stream_is_refilled(
    store: EventStore, database: Database, bus: Bus, nats: NatsServer
) -> None:
    async with relaying(database, bus):
        await start_chats(store, 20)
        await stream_of(bus, 20)
        nats.kill()
        shutil.rmtree(nats.directory / "jetstream")
        await start_chats(store, 5)
        nats.start()
        await bus.wait_connected(10)
        await topology.apply(bus)
        published = await stream_of(bus, 25)
    assert [position for position, _ in published] == list(range(1, 26))


async def test_a_truncated_stream_is_noticed_without_new_events_and_refilled(
    store: EventStore, database: Database, bus: Bus, nats: NatsServer, tmp_path: Path
) -> None:
    async with relaying(database, bus):
        await start_chats(store, 10)
        await stream_of(bus, 10)
        nats.stop()
        shutil.copytree(nats.directory / "jetstream", tmp_path / "saved")
        nats.start()
        await bus.wait_connected(10)
        await start_chats(store, 15)
        await stream_of(bus, 25)
        nats.kill()
        shutil.rmtree(nats.directory / "jetstream")
        shutil.copytree(tmp_path / "saved", nats.directory / "jetstream")
        nats.start()
        published = await stream_of(bus, 25)
    assert [position for position, _ in published] == list(range(1, 26))


@pytest.mark.parametrize("old", [0, 1, 6, 11])
async def test_an_empty_stream_is_filled_from_where_the_window_begins(
    store: EventStore, database: Database, bus: Bus, postgres_url: str, old: int
) -> None:
    await start_chats(store, 8)
    async with database.system() as connection:
        name = await connection.fetchval("SELECT current_database()")
        await tail.number(connection, "chat")
        await tail.leave_out(connection, 8)  # there may be no event where the search looks
    await start_chats(store, 4)
    async with database.system() as connection:
        await tail.number(connection, "chat")
    superuser = await asyncpg.connect(postgres_url, database=name)
    await superuser.execute(
        """UPDATE chat.events SET recorded_at = now() - interval '8 days'
           WHERE position IN (SELECT position FROM chat.events ORDER BY position LIMIT $1)""",
        old,
    )
    await superuser.close()
    wanted = [position for position, _ in await all_numbered(database) or []]
    async with relaying(database, bus):
        published = await stream_of(bus, 12 - old)
    assert [position for position, _ in published] == wanted[old:]


async def lose(database: Database, postgres_url: str, after: int) -> None:
    """As a failover does whose last commits are lost, or a restore to an earlier moment: what nobody may delete is gone."""
    async with database.system() as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute("UPDATE relay SET position = $1, sequence = $1", after)
    superuser = await asyncpg.connect(postgres_url, database=name)
    await superuser.execute("DELETE FROM chat.events WHERE position > $1", after)
    await superuser.close()


@pytest.mark.parametrize("numbered", [False, True], ids=["shorter", "other events at the same positions"])
async def test_a_store_that_was_set_back_empties_its_stream_and_gives_no_position_twice(
    store: EventStore,
    database: Database,
    bus: Bus,
    nats: NatsServer,
    postgres_url: str,
    caplog: pytest.LogCaptureFixture,
    numbered: bool,
) -> None:
    chat = await connect_as(nats, "chat")  # with the permissions that the service has
    async with relaying(database, chat):
        await start_chats(store, 10)
        await stream_of(bus, 10)
    await lose(database, postgres_url, after=6)
    await start_chats(store, 4)
    if numbered:
        async with database.system() as connection:
            await tail.number(connection, "chat")
    async with relaying(database, chat) as relay:
        await start_chats(store, 2)
        async with asyncio.timeout(10):
            while not (wanted := await all_numbered(database)) or relay.published != wanted[-1][0]:
                await asyncio.sleep(0.05)
    published = await stream_of(bus, len(wanted))
    await chat.close()
    assert published == wanted
    assert not chat.violations
    later = {position for position, _ in published} - set(range(1, 11) if numbered else range(1, 7))
    assert len(later) == (2 if numbered else 6) and min(later) > 10
    assert "set back to an earlier moment" in caplog.text


async def all_numbered(database: Database) -> list[tuple[int, str]] | None:
    """What the stream has to hold; None until all that is stored has its position."""
    events = await stored(database)
    async with database.system() as connection:
        if len(events) != await connection.fetchval("SELECT count(*) FROM events"):
            return None
    return [(event.position or 0, event.stream) for event in events]


async def test_only_one_relay_leads_and_the_next_takes_over(
    store: EventStore, database: Database, bus: Bus
) -> None:
    context = a_context(new_id())
    async with relaying(database, bus):
        async with relaying(database, bus):
            await start_chats(store, 10, context)
            await stream_of(bus, 10)
        await start_chats(store, 10, context)
        await stream_of(bus, 20)
    async with relaying(database, bus):
        await start_chats(store, 10, context)
        published = await stream_of(bus, 30)
    assert [position for position, _ in published] == list(range(1, 31))


async def test_a_leader_that_loses_its_connection_stops_leading(database: Database, bus: Bus) -> None:
    relay = Relay(database, "chat", EventPublisher(bus, "CHAT"))
    failed: list[BaseException] = []

    async def lead() -> None:
        try:
            async with leadership(database, "leader") as connection:
                await relay.lead(connection)
        except DATABASE_FAILED as error:
            failed.append(error)

    task = asyncio.create_task(lead())
    async with asyncio.timeout(10), database.system() as connection:
        while not await connection.fetch(
            """SELECT pg_terminate_backend(pid) FROM pg_locks
               WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database
                                                                       WHERE datname = current_database())"""
        ):
            await asyncio.sleep(0.01)
    await asyncio.wait_for(task, 5)
    assert failed


async def test_a_reconnect_while_the_relay_reads_has_the_stream_compared_once_more(
    database: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, ask, reads = tail.read, EventPublisher.tail, 0
    compared, beats = asyncio.Event(), list[bool]()

    async def reading(*which: Any, **options: Any) -> Any:
        nonlocal reads
        reads += 1
        if reads == 2:
            relay.resync()
        return await read(*which, **options)

    async def asking(publisher: EventPublisher) -> Any:
        if reads >= 2:
            compared.set()
        return await ask(publisher)

    async def beat(_: int) -> None:
        beats.append(compared.is_set())

    monkeypatch.setattr(tail, "read", reading)
    monkeypatch.setattr(EventPublisher, "tail", asking)
    async with relaying(database, bus) as relay, asyncio.timeout(10):
        relay.beat(beat, timedelta(milliseconds=50))
        await compared.wait()
        while not beats:
            await asyncio.sleep(0.01)
    assert all(beats)
