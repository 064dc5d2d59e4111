"""What goes wrong around an ingestion costs it time and nothing else: rate limits, deaths, doubled requests, a lost database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from contexts import a_context
from ingest_builders import Ingest, a_source
from minirag_contracts.errors import Refusal
from minirag_contracts.events.ingest import IngestCompleted
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import IngestAccepted, IngestChildren, IngestSource, SourceRead
from minirag_contracts.requests.retrieval import Activated, ActivateVersion, ChunksStaged, StageChunks
from minirag_eventstore import Database
from minirag_ingest.adapters import index
from minirag_ingest.adapters.index import BusIndex
from minirag_ingest.errors import SourceBusy
from minirag_ingest.ports import Target
from minirag_messaging import Bus, RpcServer

ENDED_ONCE = ["source.created", "source.ingest.requested", IngestCompleted.type]


class RateLimited(Refusal):
    """The embedding provider takes no more for the moment."""

    status, code = 429, "rate_limited"


async def test_a_rate_limit_slows_an_ingestion_down_and_never_fails_it(
    idle_ingest: Ingest, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More refusals than an ingestion has attempts, over the bus, at every step."""
    monkeypatch.setattr(index, "SOON", 0.02)
    refusals = iter(["stage"] * 12 + ["activate"] * 12)

    async def stage(request: StageChunks, _: object) -> ChunksStaged:
        if next(refusals, None):
            raise RateLimited
        return ChunksStaged(embedded=len(request.chunks), carried=0)

    async def activate(request: ActivateVersion, _: object) -> Activated:
        if next(refusals, None):
            raise RateLimited
        return Activated(generation=1, chunk_count=request.chunk_count)

    server = RpcServer(bus, "retrieval")
    server.on(StageChunks, stage)
    server.on(ActivateVersion, activate)
    await server.start()
    async with idle_ingest.another(index=BusIndex(bus, timedelta(seconds=5))).working() as ingest:
        done = await ingest.ingested(a_source())
    await server.drain(1)
    assert next(refusals, None) is None
    assert (done.status, done.error_message) == ("ready", None)
    assert await ingest.events(done.id) == ENDED_ONCE
    assert await ingest.count("dead_letters") == 0


async def test_requests_that_overlap_make_one_version(ingest: Ingest) -> None:
    """A double click, a schedule and a parent's request at once, each with a command of its own."""
    parent = await ingest.create(a_source(None, name="Folder"))
    child = await ingest.create(a_source("One sentence. " * 400, parent_id=parent.id))
    asked: list[Awaitable[Any]] = [
        *(ingest.commands.ingest(IngestSource(source_id=child.id), a_context(command_id=new_id())) for _ in range(12)),
        *(ingest.families.ingest_children(IngestChildren(source_id=parent.id), a_context(command_id=new_id())) for _ in range(4)),
    ]  # fmt: skip
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(outcome, IngestAccepted) for outcome in outcomes) <= 1
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, Exception)} <= {SourceBusy}
    done = await ingest.ended(child.id)
    assert done.status == "ready"
    assert await ingest.events(child.id) == ENDED_ONCE
    [staged] = [chunks for target, chunks in ingest.index.staged.items() if target.source_id == child.id]
    assert sorted(staged) == list(range(done.chunk_count)) and len(ingest.index.activations) == 1


@pytest.fixture
async def waiting(make_database: Callable[..., Awaitable[Database]]) -> AsyncIterator[tuple[Ingest, UUID]]:
    """A process that takes requests and works on nothing, and a source whose ingestion waits."""
    found = Ingest(await make_database("ingest"))
    await found.runner.drain(0)
    created = await found.create(a_source())
    await found.ingest(created.id)
    yield found, created.id
    await found.close()


async def ended(waiting: Ingest, source_id: UUID) -> SourceRead:
    """How it ends in a process that works."""
    async with waiting.another().working() as process:
        return await process.ended(source_id)


async def test_processes_that_die_again_and_again_do_not_fail_a_document(
    waiting: tuple[Ingest, UUID],
) -> None:
    """More deaths than an ingestion has attempts: none of them was the document's fault."""
    service, source_id = waiting
    for _ in range(8):
        await died_at(service, "stage")
    assert (await ended(service, source_id)).status == "ready"
    assert await service.events(source_id) == ENDED_ONCE


async def test_a_document_at_which_every_process_dies_is_given_up_on_in_the_end(
    waiting: tuple[Ingest, UUID],
) -> None:
    service, source_id = waiting
    async with service.database.system() as connection:
        await connection.execute("UPDATE work SET attempts = 14, interruptions = 14")
    done = await ended(service, source_id)
    assert (done.status, await service.count("dead_letters")) == ("error", 1)
    assert "on our side" in (done.error_message or "")


async def died_at(service: Ingest, step: str) -> None:
    """One more process takes the work up and is killed when it has come that far."""
    process = service.another(lease=0.1)
    reached = asyncio.Event()

    async def hang(at: str, target: Target) -> None:
        if at == step:
            reached.set()
            await asyncio.sleep(3600)

    process.index.before = hang
    process.start()
    await asyncio.wait_for(reached.wait(), 10)
    await process.die()
    process.index.before = None


@pytest.mark.parametrize(
    "error", [asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError, ConnectionRefusedError]
)
async def test_a_database_that_goes_away_uses_up_no_attempt(ingest: Ingest, error: type[Exception]) -> None:
    times = iter(range(8))

    async def away(step: str, target: Target) -> None:
        if next(times, None) is not None:
            raise error("the database system is starting up")

    ingest.index.before = away
    done = await ingest.ingested(a_source())
    assert next(times, None) is None
    assert (done.status, await ingest.events(done.id)) == ("ready", ENDED_ONCE)
    assert await ingest.count("dead_letters") == 0
