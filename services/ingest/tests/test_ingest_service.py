"""The whole service on a real bus, between a chat and a retrieval that only answer what it asks."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from ingest_builders import a_source
from ledger import core_and
from minirag_contracts.context import Context
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.events.chat import BotActivated, BotCreated, BotDeactivated
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Done
from minirag_contracts.requests.chat import BotRead, GetBot
from minirag_contracts.requests.common import HealthCheck, HealthReply, ProjectionsReply, ProjectionsVerify
from minirag_contracts.requests.ingest import (
    DeactivateSource,
    GetIngestLimits,
    GetSource,
    GetSourcesSummary,
    IngestAccepted,
    IngestLimits,
    IngestSource,
    SourceChanges,
    SourceRead,
    SourcesSummary,
    UpdateSource,
    UploadSource,
)
from minirag_contracts.requests.retrieval import (
    Activated,
    ActivateVersion,
    Chunk,
    ChunksStaged,
    Hidden,
    HideSources,
    StageChunks,
)
from minirag_contracts.signals import Progress, progress_subject
from minirag_eventstore import Projection
from minirag_ingest.bootstrap import assemble
from minirag_ingest.errors import SourceNotFound
from minirag_ingest.projections import PROJECTIONS
from minirag_ingest.settings import Settings
from minirag_messaging import Bus, RpcServer
from minirag_messaging.testing import NatsServer
from minirag_service import Runtime, ServiceSettings
from minirag_service.testing import running, settings_for

TENANT = new_id()
TOLD, UNTOLD, FOREIGN = new_id(), new_id(), new_id()
"""A bot that events tell of, one that only chat itself knows yet, and one that nobody knows."""


def a_context() -> Context:
    return Context(actor="user:test", tenant_id=TENANT, correlation_id=new_id(), command_id=new_id())


class ChatSettings(ServiceSettings):
    service = "chat"


class Nothing(Projection):
    """What this chat makes of its own events."""

    name, tables, owner = "nothing", (), "chat"


INACTIVE: set[UUID] = set()
"""What chat has deactivated."""


async def a_bot(request: GetBot, context: Context) -> BotRead:
    """Chat's answer."""
    if request.bot_id == FOREIGN:
        raise SourceNotFound
    now = "2026-01-01T00:00:00Z"
    return BotRead.model_validate(
        {
            "id": request.bot_id, "tenant_id": TENANT, "name": "b", "description": "", "model": "m",
            "embedding_model": None, "system_prompt": "", "temperature": 0, "max_tokens": 1,
            "has_credentials": False, "is_active": request.bot_id not in INACTIVE, "created_at": now, "updated_at": now,
        }
    )  # fmt: skip


async def chat(runtime: Runtime, settings: ServiceSettings) -> None:
    """Knows its bots."""
    runtime.on(GetBot, a_bot)


class Retrieval:
    """Takes in chunks and activates versions."""

    def __init__(self) -> None:
        self.staged: dict[tuple[UUID, int], dict[int, Chunk]] = {}
        self.hidden: dict[UUID, int] = {}

    async def stage(self, request: StageChunks, context: Context) -> ChunksStaged:
        found = self.staged.setdefault((request.source_id, request.version), {})
        found.update({chunk.ordinal: chunk for chunk in request.chunks})
        return ChunksStaged(embedded=len(request.chunks), carried=0)

    async def activate(self, request: ActivateVersion, context: Context) -> Activated:
        assert len(self.staged[request.source_id, request.version]) == request.chunk_count
        return Activated(generation=1, chunk_count=request.chunk_count)

    async def hide(self, request: HideSources, context: Context) -> Hidden:
        self.hidden |= {source.source_id: source.version for source in request.sources}
        return Hidden(generation=2, removed=1)


@pytest.fixture
async def retrieval(bus: Bus) -> AsyncIterator[Retrieval]:
    found = Retrieval()
    server = RpcServer(bus, "retrieval")
    server.on(StageChunks, found.stage)
    server.on(ActivateVersion, found.activate)
    server.on(HideSources, found.hide)
    await server.start()
    yield found
    await server.drain(1)


@pytest.fixture
async def service(
    nats: NatsServer,
    bus: Bus,
    retrieval: Retrieval,
    tmp_path: Path,
    database_urls: Callable[..., Awaitable[tuple[str, str]]],
) -> AsyncIterator[Runtime]:
    settings = settings_for(
        Settings, nats.url, await database_urls("ingest"), data_dir=tmp_path, egress_allow="127.0.0.1"
    )
    chat_settings = settings_for(ChatSettings, nats.url, await database_urls("chat", core_and()))
    async with (
        running(chat_settings, chat, (Nothing(),)) as owner,
        running(settings, assemble, PROJECTIONS) as found,
    ):
        context = a_context()
        async with owner.store.transaction(context.scope) as tx:
            created = BotCreated(
                bot_id=TOLD, name="b", description="", model="m", embedding_model=None, system_prompt="",
                temperature=0, max_tokens=1, has_credentials=False, greeting=None, suggested_questions=[],
                has_identity_secret=False,
            )  # fmt: skip
            await tx.append(context, f"bot-{TOLD}", 0, [created])
        found.owner_of_bots = owner  # type: ignore[attr-defined]
        yield found


async def ended(bus: Bus, source_id: UUID) -> SourceRead:
    async with asyncio.timeout(20):
        while True:
            found = await bus.request(GetSource(source_id=source_id), SourceRead, a_context())
            if found.status not in ("pending", "processing"):
                return found
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("bot_id", [TOLD, UNTOLD])
async def test_a_text_is_ingested_for_a_bot_however_new(
    service: Runtime, bus: Bus, retrieval: Retrieval, bot_id: UUID
) -> None:
    source = await bus.request(a_source("Words. " * 3000, bot_id=bot_id), SourceRead, a_context())
    accepted = await bus.request(IngestSource(source_id=source.id), IngestAccepted, a_context())
    done = await ended(bus, source.id)
    assert (done.status, done.error_message, accepted.version) == ("ready", None, 1)
    assert done.chunk_count == len(retrieval.staged[source.id, 1]) > 10


async def test_a_bot_that_nobody_knows_is_refused(service: Runtime, bus: Bus) -> None:
    with pytest.raises(
        RemoteRefusal, match="Bot profile not found or belongs to a different tenant"
    ) as refused:
        await bus.request(a_source(bot_id=FOREIGN), SourceRead, a_context())
    assert refused.value.status == 422


@asynccontextmanager
async def transferred(bus: Bus, data: bytes) -> AsyncIterator[str]:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 100_000):
            yield data[start : start + 100_000]

    name = str(new_id())
    await bus.put_object(name, pieces())
    yield name


async def test_an_upload_comes_through_the_object_store(
    service: Runtime, bus: Bus, retrieval: Retrieval
) -> None:
    data = b"Uploaded words. " * 50_000
    async with transferred(bus, data) as name:
        request = UploadSource(
            bot_id=TOLD, name="big.txt", filename="big.txt", object_name=name, size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )  # fmt: skip
        context = a_context()
        source = await bus.request(request, SourceRead, context)
        assert await bus.request(request, SourceRead, context) == source
    done = await ended(bus, source.id)
    assert (done.status, done.chunk_count) == ("ready", len(retrieval.staged[source.id, 1]))


async def test_a_bot_that_was_deactivated_is_given_nothing_new(service: Runtime, bus: Bus) -> None:
    owner: Runtime = service.owner_of_bots  # type: ignore[attr-defined]
    context = a_context()

    async def creation() -> bool:
        try:
            await bus.request(a_source(bot_id=TOLD), SourceRead, a_context())
        except RemoteRefusal as refusal:
            if (refusal.status, refusal.code) != (422, "bot_not_found"):
                raise
            return False
        return True

    assert await creation()
    for version, event, allowed in (
        (1, BotDeactivated(bot_id=TOLD), False),
        (2, BotActivated(bot_id=TOLD), True),
    ):
        (INACTIVE.discard if allowed else INACTIVE.add)(TOLD)
        async with owner.store.transaction(context.scope) as tx:
            await tx.append(context, f"bot-{TOLD}", version, [event])
        async with asyncio.timeout(20):
            while await creation() is not allowed:
                await asyncio.sleep(0.05)
    async with service.store.transaction(context.scope) as tx:
        async with asyncio.timeout(20):
            while not await tx.connection.fetchval(
                "SELECT is_active FROM known_bots WHERE bot_id = $1", TOLD
            ):
                await asyncio.sleep(0.05)
    system = Context.for_system("test")
    reply = await bus.ask("ingest", "projections.verify", ProjectionsVerify(), ProjectionsReply, system, 20)
    assert {report.projection: report.differences for report in reply.reports} == {
        "sources": [],
        "ingestions": [],
        "known_bots": [],
    }


async def test_what_goes_is_hidden_and_what_is_made_tells_its_progress(
    service: Runtime, bus: Bus, retrieval: Retrieval
) -> None:
    told: list[Progress] = []
    before = await bus.request(GetIngestLimits(), IngestLimits, a_context())
    async with bus.signals(progress_subject(TENANT), Progress, lambda _, progress: told.append(progress)):
        source = await bus.request(a_source("Words. " * 3000, bot_id=TOLD), SourceRead, a_context())
        await bus.request(IngestSource(source_id=source.id), IngestAccepted, a_context())
        now = await bus.request(GetIngestLimits(), IngestLimits, a_context())
        assert now.sources == before.sources + 1 <= now.max_sources == 100_000
        assert before.queued <= now.queued <= now.max_queued == 50_000
        done = await ended(bus, source.id)
        async with asyncio.timeout(5):
            while not any(one.stage == "indexing" for one in told):
                await asyncio.sleep(0.02)
    assert [one.stage for one in told[:3]] == ["reading", "chunking", "indexing"]
    assert (told[2].source_id, told[2].total) == (source.id, done.chunk_count)
    await bus.request(DeactivateSource(source_id=source.id), Done, a_context())
    assert retrieval.hidden == {source.id: 1}
    assert await bus.request(GetIngestLimits(), IngestLimits, a_context()) == before
    summary = await bus.request(GetSourcesSummary(), SourcesSummary, a_context())
    assert (summary.sources_by_status, summary.total_chunks, summary.by_bot) == ({}, 0, [])
    gone = UpdateSource(source_id=source.id, changes=SourceChanges(name="Gone", content=None))
    found = await bus.request(gone, SourceRead, a_context())
    assert (found.name, found.is_active) == ("Gone", False)


async def test_health_and_projections_are_well(service: Runtime, bus: Bus) -> None:
    source = await bus.request(a_source(bot_id=TOLD), SourceRead, a_context())
    await bus.request(IngestSource(source_id=source.id), IngestAccepted, a_context())
    await ended(bus, source.id)
    system = Context.for_system("test")
    health = await bus.ask("ingest", "health", HealthCheck(), HealthReply, system)
    assert (health.status, health.checks["disk"]) == ("ok", "ok")
    reply = await bus.ask("ingest", "projections.verify", ProjectionsVerify(), ProjectionsReply, system, 20)
    assert {report.projection: report.differences for report in reply.reports} == {
        "sources": [],
        "ingestions": [],
        "known_bots": [],
    }
