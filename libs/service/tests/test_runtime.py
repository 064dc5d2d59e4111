"""A running service: health, its events for others, its dead letters, and an orderly end."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import ClassVar

import pytest
from contexts import a_context
from ledger import core_and
from minirag_contracts.context import Context
from minirag_contracts.errors import Conflict, RemoteRefusal, Unavailable
from minirag_contracts.events.chat import BotCreated
from minirag_contracts.events.gateway import TenantErased
from minirag_contracts.ids import new_id
from minirag_contracts.requests.chat import ChatRead, GetChat
from minirag_contracts.requests.common import (
    DeadLettersList,
    DeadLettersReplay,
    DeadLettersReply,
    EventsRead,
    EventsReply,
    HealthCheck,
    HealthReply,
    ProjectionsReply,
    ProjectionsVerify,
    ReplayedReply,
    TenantErase,
    TenantEraseReply,
    health_subject,
)
from minirag_contracts.topology import ERASURES
from minirag_eventstore import RetryPolicy, Transaction, WorkItem, WorkRunner
from minirag_eventstore.reactor import ReactionFailed
from minirag_eventstore.rows import record
from minirag_messaging import Bus, EventPublisher
from minirag_messaging.replies import NoResponders
from minirag_messaging.testing import NatsServer
from minirag_service import Runtime, ServiceSettings
from minirag_service import logging as service_logging
from minirag_service import running as service_running
from minirag_service.testing import running, settings_for

Start = Callable[..., AbstractAsyncContextManager[Runtime]]

SYSTEM = Context.for_system("test")


class Settings(ServiceSettings):
    service: ClassVar[str] = "chat"


@pytest.fixture
async def start(
    nats: NatsServer, bus: Bus, database_urls: Callable[..., Awaitable[tuple[str, str]]]
) -> Start:
    urls = await database_urls("chat", core_and())

    @asynccontextmanager
    async def start(
        assemble: Callable[[Runtime], None] = lambda runtime: None,
        stop: asyncio.Event | None = None,
        **fields: object,
    ) -> AsyncIterator[Runtime]:
        async def joined(runtime: Runtime, settings: Settings) -> None:
            assemble(runtime)

        async with running(settings_for(Settings, nats.url, urls, **fields), joined, (), stop) as runtime:
            yield runtime

    return start


async def create_bots(runtime: Runtime, count: int, prompt: str = "Be kind.") -> None:
    for _ in range(count):
        context, bot_id = a_context(new_id()), new_id()
        bot = BotCreated(
            bot_id=bot_id,
            name="Bot",
            description="",
            model="minirag/extractive",
            embedding_model=None,
            system_prompt=prompt,
            temperature=0.7,
            max_tokens=10,
            has_credentials=False,
            greeting=None,
            suggested_questions=[],
            has_identity_secret=False,
        )
        async with runtime.store.transaction(context.scope) as transaction:
            await transaction.append(context, f"bot-{bot_id}", 0, [bot])


async def test_health_tells_each_check_in_words(start: Start, bus: Bus) -> None:
    async def broken() -> None:
        raise RuntimeError("the engine is cold")

    async with start(lambda runtime: runtime.check("engine", broken)):
        reply = await bus.ask("chat", "health", HealthCheck(), HealthReply, SYSTEM)
    assert (reply.status, reply.checks["database"], reply.checks["engine"]) == (
        "degraded",
        "ok",
        "the engine is cold",
    )


async def test_events_are_read_in_pages_that_fit_a_message(start: Start, bus: Bus) -> None:
    async with start() as runtime:
        await create_bots(runtime, 12, prompt="x" * 900_000)
        seen, position = [], 0
        async with asyncio.timeout(20):
            while len(seen) < 12:
                question = EventsRead(after=position, patterns=["bot.>"])
                reply = await bus.ask("chat", "events.read", question, EventsReply, SYSTEM)
                seen += [event.position for event in reply.events]
                position = reply.head
    assert seen == list(range(1, 13))


async def test_whoever_has_seen_positions_that_the_store_has_lost_is_told_and_misses_none_that_come(
    start: Start, bus: Bus
) -> None:
    async with start() as runtime:
        with pytest.raises(Unavailable, match="set back to an earlier moment"):
            await bus.ask("chat", "events.read", EventsRead(after=50), EventsReply, SYSTEM)
        with pytest.raises(RemoteRefusal, match="beyond"):
            await bus.ask("chat", "events.read", EventsRead(after=10**15), EventsReply, SYSTEM)
        await create_bots(runtime, 1)
        async with asyncio.timeout(10):
            reply = EventsReply(events=[], head=0)
            while not reply.events:
                reply = await bus.ask("chat", "events.read", EventsRead(after=50), EventsReply, SYSTEM)
        assert 50 < reply.events[0].position < 10**9


async def test_parked_work_is_listed_and_replayed(start: Start, bus: Bus) -> None:
    ran: list[str] = []

    def assemble(runtime: Runtime) -> None:
        async def handle(item: WorkItem) -> None:
            ran.append(item.key)
            if len(ran) == 1:
                raise ValueError("no")
            async with runtime.store.transaction(item.scope) as transaction:
                await item.finish(transaction)

        runtime.work(WorkRunner(runtime.store, "job", handle, retry=RetryPolicy(())))

    async with start(assemble) as runtime:
        async with runtime.store.transaction(a_context(new_id()).scope) as transaction:
            await transaction.add_work("job", "one")
        async with asyncio.timeout(10):
            while not (await letters(bus)).letters:
                await asyncio.sleep(0.05)
        reply = await bus.ask("chat", "dead_letters.replay", DeadLettersReplay(), ReplayedReply, SYSTEM)
        assert reply.replayed == 1
        async with asyncio.timeout(10):
            while len(ran) < 2:
                await asyncio.sleep(0.05)
        assert (await letters(bus)).letters[0].replayed_at is not None


async def test_an_erasure_is_not_given_up_while_what_holds_the_data_is_away(start: Start, bus: Bus) -> None:
    away = True

    async def points(transaction: Transaction) -> None:
        if away:
            raise ConnectionRefusedError if attempt % 2 else ValueError

    context = a_context(new_id())
    (event,) = record("gateway", context, f"tenant-{context.tenant_id}", 1, [TenantErased()])
    question = TenantErase(tenant_id=context.tenant_id)
    async with start(lambda runtime: runtime.erases(points)) as runtime:
        reactor = next(reactor for reactor in runtime.reactors if reactor.spec.name == ERASURES)
        for attempt in range(1, 20):
            with pytest.raises(ReactionFailed):
                await reactor.handle(event, attempt)
        assert (await letters(bus)).letters == []
        assert not (await bus.ask("chat", "tenant.erase", question, TenantEraseReply, SYSTEM)).heard
        away = False
        await reactor.handle(event, 20)
        assert (await bus.ask("chat", "tenant.erase", question, TenantEraseReply, SYSTEM)).heard


async def test_parked_work_is_announced_without_its_payload_and_kept_by_the_stream(
    start: Start, bus: Bus
) -> None:
    def assemble(runtime: Runtime) -> None:
        async def handle(item: WorkItem) -> None:
            raise ValueError("a visitor's words")

        runtime.work(WorkRunner(runtime.store, "job", handle, retry=RetryPolicy(())))

    context = a_context(new_id())
    heard = await bus.client.subscribe("dlq.>")
    await bus.settled()
    async with start(assemble) as runtime:
        async with runtime.store.transaction(context.scope) as transaction:
            await transaction.add_work("job", "one", payload={"words": "a visitor's words"})
        message = await heard.next_msg(timeout=10)
        [letter] = (await letters(bus)).letters
    assert message.subject == "dlq.chat.job"
    assert json.loads(message.data) == {
        "letter_id": str(letter.letter_id),
        "tenant_id": str(context.tenant_id),
        "kind": "job",
        "key": "one",
        "attempts": 1,
        "parked_at": letter.parked_at.isoformat().replace("+00:00", "Z"),
    }
    kept = await bus.client.jsm().get_last_msg("DEAD_LETTERS", "dlq.chat.job")
    assert kept.data == message.data


async def letters(bus: Bus) -> DeadLettersReply:
    return await bus.ask("chat", "dead_letters.list", DeadLettersList(), DeadLettersReply, SYSTEM)


async def test_a_service_without_projections_verifies_nothing(start: Start, bus: Bus) -> None:
    async with start():
        reply = await bus.ask("chat", "projections.verify", ProjectionsVerify(), ProjectionsReply, SYSTEM)
    assert reply.reports == []


async def test_a_request_that_runs_is_answered_before_the_service_ends(start: Start, bus: Bus) -> None:
    begun = asyncio.Event()

    def assemble(runtime: Runtime) -> None:
        async def slow(request: GetChat, context: Context) -> ChatRead:
            begun.set()
            await asyncio.sleep(0.5)
            raise LookupError

        runtime.on(GetChat, slow)

    async with start(assemble):
        asked = asyncio.create_task(bus.request(GetChat(chat_id=new_id()), ChatRead, a_context(new_id())))
        await begun.wait()
    with pytest.raises(RemoteRefusal) as refused:
        await asked
    assert refused.value.code == "internal_error"


async def test_what_the_loop_has_to_say_goes_through_our_log(
    nats: NatsServer, database_urls: Callable[..., Awaitable[tuple[str, str]]]
) -> None:
    """Its own words quote the exception, and so whatever somebody wrote."""
    settings = settings_for(Settings, nats.url, await database_urls("chat", core_and()))
    seen: list[object] = []

    async def assemble(runtime: Runtime, settings: Settings) -> None:
        seen.append(asyncio.get_running_loop().get_exception_handler())
        raise Conflict("That is enough.")

    with pytest.raises(Conflict):
        await service_running._main(settings, assemble, ())
    assert seen == [service_logging.report]


async def test_a_background_that_ends_ends_the_service_loudly(start: Start) -> None:
    async def ends() -> None:
        await asyncio.sleep(0.05)

    with pytest.raises(ExceptionGroup):
        async with start(lambda runtime: runtime.background("watch", ends)):
            await asyncio.sleep(0.5)


@dataclass
class Busy:
    """A service that works on a request, an event and a piece of work, none of which ends before ``free`` is set."""

    bus: Bus
    free: asyncio.Event = field(default_factory=asyncio.Event)
    begun: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def _do(self, what: str) -> None:
        self.begun.add(what)
        await self.free.wait()
        self.finished.add(what)

    def assemble(self, runtime: Runtime) -> None:
        async def request(request: GetChat, context: Context) -> ChatRead:
            await self._do("request")
            raise Conflict("Done.")

        async def event(transaction: Transaction) -> None:
            await self._do("event")

        async def work(item: WorkItem) -> None:
            await self._do("work")
            async with runtime.store.transaction(item.scope) as transaction:
                await item.finish(transaction)

        async def leave() -> None:
            self.left.set()

        runtime.on(GetChat, request)
        runtime.erases(event)
        runtime.work(WorkRunner(runtime.store, "slow", work))
        runtime.on_leave(leave)

    async def begin(self, runtime: Runtime) -> "asyncio.Task[ChatRead]":
        """Answers the request, when everything runs."""
        asked = asyncio.create_task(
            self.bus.request(GetChat(chat_id=new_id()), ChatRead, a_context(new_id()))
        )
        async with runtime.store.transaction(a_context(new_id()).scope) as transaction:
            await transaction.add_work("slow", "one")
        tenant_id = new_id()
        (event,) = record("gateway", a_context(tenant_id), f"tenant-{tenant_id}", 1, [TenantErased()])
        await EventPublisher(self.bus, "GATEWAY").publish([replace(event, position=1)], 0)
        async with asyncio.timeout(10):
            while len(self.begun) < 3:
                await asyncio.sleep(0.01)
        return asked


async def test_who_stops_in_a_hurry_gives_everything_back_after_one_patience(start: Start, bus: Bus) -> None:
    busy = Busy(bus)
    async with start(busy.assemble, drain=timedelta(seconds=1)) as runtime:
        asked = await busy.begin(runtime)
        began = time.monotonic()
    assert time.monotonic() - began < 1 + 5  # one after the other they would have had a minute
    assert busy.finished == set()
    asked.cancel()
    async with start() as runtime, runtime.database.system() as connection:
        assert await connection.fetchval("SELECT lease_owner IS NULL FROM work WHERE kind = 'slow'")


@pytest.mark.parametrize("hurry", [False, True])
async def test_what_runs_has_its_time_and_all_parts_leave_at_once(
    start: Start, bus: Bus, hurry: bool
) -> None:
    busy, stop = Busy(bus), asyncio.Event()
    async with start(busy.assemble, stop, drain=timedelta(seconds=60)) as runtime:
        asked = await busy.begin(runtime)
        stop.set()
        if hurry:
            runtime.hurry.set()
        async with asyncio.timeout(5):
            await busy.left.wait()  # although a request, an event and work still run
        assert busy.finished == set()
        busy.free.set()
    assert busy.finished == {"request", "event", "work"}
    with pytest.raises(RemoteRefusal, match="Done"):
        await asked
    async with start() as runtime, runtime.database.system() as connection:
        assert await connection.fetchval("SELECT count(*) FROM work WHERE kind = 'slow'") == 0


async def test_one_process_tells_how_it_is_while_others_of_its_service_answer_too(
    start: Start, bus: Bus
) -> None:
    async with start():
        subject = health_subject("chat", str(os.getpid()))
        answer = await bus.replies.request(subject, b"{}", {"Minirag-Actor": "system:test"})
        assert json.loads(answer.data)["checks"]["database"] == "ok"
        with pytest.raises(NoResponders):
            await bus.replies.request(health_subject("chat", "1"), b"{}", {"Minirag-Actor": "system:test"})
