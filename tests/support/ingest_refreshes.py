"""Refreshes in tests: their time comes when a test says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from ingest_builders import TENANT, Ingest, stopped
from minirag_contracts.context import TenantScope
from minirag_contracts.events.ingest import IngestRequested
from minirag_eventstore import Database, WorkRunner, log
from minirag_ingest.domain import source

MakeDatabase = Callable[..., Awaitable[Database]]
SECOND, HOUR, DAY, WEEK = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
SPREAD = timedelta(minutes=10)


async def make_due(ingest: Ingest, *source_ids: UUID) -> None:
    """Their time has come, a while ago."""
    async with ingest.database.tenant(TenantScope(TENANT)) as connection:
        status = await connection.execute(
            "UPDATE work SET due_at = now() - interval '1 minute' WHERE kind = 'refresh' AND key = ANY($1)",
            [str(source_id) for source_id in source_ids],
        )
    assert status == f"UPDATE {len(source_ids)}"


async def triggers(ingest: Ingest, source_id: UUID) -> list[str]:
    """Why each version of a source was asked for."""
    async with ingest.database.tenant(TenantScope(TENANT)) as connection:
        found = await log.load(connection, "ingest", source.stream_of(source_id))
    return [event.payload.trigger for event in found if isinstance(event.payload, IngestRequested)]


async def next_time(ingest: Ingest, source_id: UUID) -> timedelta:
    """How long it is until the next refresh."""
    found = await ingest.read(source_id)
    assert found.next_refresh_at is not None
    return found.next_refresh_at - ingest.schedules.clock()


@asynccontextmanager
async def refreshing_only(ingest: Ingest) -> AsyncIterator[None]:
    """With the scheduler running, and nothing of what it asks for."""
    task = asyncio.create_task(ingest.refresh_runner.run())
    try:
        yield
    finally:
        await ingest.refresh_runner.drain(2)
        await stopped(task)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def rearranged(ingest: Ingest, *source_ids: UUID) -> None:
    """Waits until their next time, by the clock of the service, and until the scheduler has seen to each of them."""
    moment = max([row["due_at"] for row in await refreshes_of(ingest, *source_ids)]) + SECOND
    ingest.schedules.clock = lambda: moment
    await make_due(ingest, *source_ids)
    await until(lambda: all_later(ingest, *source_ids))


async def refreshes_of(ingest: Ingest, *source_ids: UUID) -> list[dict[str, Any]]:
    return [row for row in await ingest.work("refresh") if UUID(row["key"]) in source_ids]


async def all_later(ingest: Ingest, *source_ids: UUID) -> bool:
    """Whether each is arranged for a time that is still to come."""
    found = await refreshes_of(ingest, *source_ids)
    return len(found) == len(source_ids) and all(row["due_at"] > ingest.schedules.clock() for row in found)


async def requested(ingest: Ingest, source_id: UUID, count: int) -> bool:
    """Whether so many versions of a source were asked for."""
    return len(await triggers(ingest, source_id)) == count


async def parked(ingest: Ingest) -> bool:
    """Whether a piece of work was given up on."""
    return await ingest.count("dead_letters") == 1


async def nothing_runs(runner: WorkRunner) -> bool:
    """Whether this process has nothing to do."""
    return runner.running == 0
