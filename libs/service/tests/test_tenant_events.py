"""``events.tail`` and ``audit.read`` of a running service: the caller's tenant, as a tenant may see it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

import pytest
from contexts import a_context
from ledger import core_and
from minirag_contracts.context import Context, MissingTenantError
from minirag_contracts.errors import RemoteRefusal, Unavailable
from minirag_contracts.events.gateway import TenantUpdated, TokenCreated
from minirag_contracts.examples import EXAMPLES
from minirag_contracts.ids import new_id
from minirag_contracts.requests.common import AuditRead, AuditReply, EventsTail, TailReply
from minirag_eventstore import log
from minirag_eventstore.rows import record
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_service import Runtime, ServiceSettings
from minirag_service.common import AUDITS, AUDITS_WAITING
from minirag_service.tenant_events import TAIL_BYTES
from minirag_service.testing import running, settings_for


class Settings(ServiceSettings):
    service: ClassVar[str] = "gateway"


@pytest.fixture
async def runtime(
    nats: NatsServer, bus: Bus, database_urls: Callable[..., Awaitable[tuple[str, str]]]
) -> AsyncIterator[Runtime]:
    """A service with nothing but an event store."""

    async def nothing(runtime: Runtime, settings: Settings) -> None:
        """It has nothing else."""

    settings = settings_for(Settings, nats.url, await database_urls("gateway", core_and()))
    async with running(settings, nothing, ()) as started:
        yield started


async def rename(runtime: Runtime, context: Context, times: int, name: str = "Name") -> None:
    async with runtime.store.transaction(context.scope) as transaction:
        await transaction.append(context, f"rename-{new_id()}", 0, [TenantUpdated(name=name)] * times)


async def tail(bus: Bus, context: Context, **fields: Any) -> TailReply:
    return await bus.ask("gateway", "events.tail", EventsTail(**fields), TailReply, context, 5)


async def numbered(bus: Bus, context: Context, position: int) -> None:
    async with asyncio.timeout(10):
        while (await tail(bus, context)).head < position:
            await asyncio.sleep(0.02)


async def test_each_tenant_is_answered_with_its_own(runtime: Runtime, bus: Bus) -> None:
    mine, theirs = a_context(new_id()), a_context(new_id())
    await rename(runtime, mine, 2)
    await rename(runtime, theirs, 3)
    await numbered(bus, theirs, 5)
    reply = await tail(bus, mine, after=0)
    assert [event.position for event in reply.events] == [1, 2]
    assert (reply.head, reply.more) == (2, False)
    assert {event.tenant_id for event in (await tail(bus, theirs, after=0)).events} == {theirs.tenant_id}
    assert (await tail(bus, a_context(new_id()), after=0)).events == []


async def test_nobody_is_answered_without_a_tenant(runtime: Runtime, bus: Bus) -> None:
    assert issubclass(MissingTenantError, RuntimeError)
    with pytest.raises(RemoteRefusal) as refused:
        await tail(bus, Context.for_system("test"), after=0)
    assert refused.value.code == "internal_error"


async def test_pages_lead_to_the_end_and_say_whether_there_is_more(runtime: Runtime, bus: Bus) -> None:
    context = a_context(new_id())
    await rename(runtime, context, 7)
    await numbered(bus, context, 7)
    first = await tail(bus, context, after=0, limit=5)
    second = await tail(bus, context, after=first.head, limit=5)
    assert [len(first.events), first.head, first.more] == [5, 5, True]
    assert [len(second.events), second.head, second.more] == [2, 7, False]
    assert await tail(bus, context, after=7) == TailReply(events=[], head=7, more=False)
    assert await tail(bus, context, after=99) == TailReply(events=[], head=7, more=False)


async def test_a_page_is_bounded_in_bytes_as_well(runtime: Runtime, bus: Bus) -> None:
    context = a_context(new_id())
    await rename(runtime, context, 8, "x" * (TAIL_BYTES // 4))
    await numbered(bus, context, 8)
    positions: list[int] = []
    while True:
        reply = await tail(bus, context, after=positions[-1] if positions else 0)
        positions += [event.position for event in reply.events]
        assert len(reply.events) <= 4
        if not reply.more:
            break
    assert positions == list(range(1, 9))


async def test_an_old_event_is_told_in_todays_shape_without_internal_fields(
    runtime: Runtime, bus: Bus
) -> None:
    context = a_context(new_id())
    token = EXAMPLES[TokenCreated.type]
    [event] = record("gateway", context, "token-1", 0, [token])
    old = {name: value for name, value in event.data.items() if name != "scopes"}
    async with runtime.store.transaction(context.scope) as transaction:
        await log.append(transaction.connection, "token-1", 0, [replace(event, schema_version=1, data=old)])
    await numbered(bus, context, 1)
    [told] = (await tail(bus, context, after=0)).events
    [audited] = (await bus.ask("gateway", "audit.read", AuditRead(), AuditReply, context, 5)).entries
    for seen in (told, audited.event):
        assert seen.schema_version == TokenCreated.schema_version
        assert seen.data["scopes"] is None
        assert "token_hash" not in seen.data


async def test_the_audit_log_is_the_tenants_own_and_has_the_origin(runtime: Runtime, bus: Bus) -> None:
    somewhere = a_context(new_id(), command_id=new_id(), address="192.0.2.7", agent="curl/8")
    await rename(runtime, somewhere, 2)
    await rename(runtime, a_context(new_id(), address="198.51.100.1"), 1)
    reply = await bus.ask("gateway", "audit.read", AuditRead(), AuditReply, somewhere, 5)
    assert [(entry.address, entry.agent) for entry in reply.entries] == [("192.0.2.7", "curl/8")] * 2
    newest: UUID = reply.entries[0].event.event_id
    before = AuditRead(before_at=reply.entries[0].event.recorded_at, before_id=newest, limit=1)
    rest = await bus.ask("gateway", "audit.read", before, AuditReply, somewhere, 5)
    assert [entry.event.version for entry in rest.entries] == [1]
    assert rest.more


async def test_a_database_that_is_away_is_told_as_such(runtime: Runtime, bus: Bus) -> None:
    await runtime.database._tenants.close()
    with pytest.raises(Unavailable):
        await tail(bus, a_context(new_id()), after=0)


async def test_audit_logs_that_take_long_leave_connections_to_everybody_else(
    runtime: Runtime, bus: Bus
) -> None:
    context = a_context(new_id())
    await rename(runtime, context, 1)
    await numbered(bus, context, 1)
    places = AUDITS + AUDITS_WAITING - AUDITS_WAITING // 2  # a tenant never fills more than half of the queue
    asked = places + 4
    async with runtime.database.session() as slow, slow.transaction():
        await slow.execute("LOCK TABLE event_origins IN ACCESS EXCLUSIVE MODE")
        reads = [
            asyncio.create_task(bus.ask("gateway", "audit.read", AuditRead(), AuditReply, context, 20))
            for _ in range(asked)
        ]
        done: set[asyncio.Task[AuditReply]] = set()
        async with asyncio.timeout(10):
            while len(done) < 4:
                done, _ = await asyncio.wait(reads, timeout=0.05)
        assert (await tail(bus, context, after=0)).head == 1
    answers = await asyncio.gather(*reads, return_exceptions=True)
    assert sum(isinstance(answer, Unavailable) for answer in answers) == 4
    assert sum(isinstance(answer, AuditReply) and len(answer.entries) == 1 for answer in answers) == asked - 4
