"""The whole service on a real bus: events in, overview out, rebuilt while it serves."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from ledger import core_and
from minirag_analytics.bootstrap import assemble
from minirag_analytics.projections import PROJECTIONS
from minirag_analytics.settings import Settings
from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal
from minirag_contracts.examples import EXAMPLES, TENANT_ID
from minirag_contracts.ids import new_id
from minirag_contracts.requests import REQUESTS
from minirag_contracts.requests.analytics import BotUsageList, GetBotUsage, GetOverview, Overview
from minirag_contracts.requests.common import ProjectionsReply, ProjectionsVerify
from minirag_eventstore import Projection
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_service import Runtime, ServiceSettings
from minirag_service.testing import running, settings_for

CONTEXT = Context(actor="user:test", tenant_id=TENANT_ID, correlation_id=new_id())


class ChatSettings(ServiceSettings):
    service = "chat"


class IngestSettings(ServiceSettings):
    service = "ingest"


class Nothing(Projection):
    """What an owner without use cases makes of chat's events."""

    name, tables, owner = "nothing", (), "chat"


async def nothing(runtime: Runtime, settings: ServiceSettings) -> None:
    """An owner of events that has no use cases."""


async def everything_happened(*owners: Runtime) -> None:
    """Each example by itself, but those of the bot in the order of its life."""
    bots = [payload for name, payload in EXAMPLES.items() if name.startswith("bot.")]
    for owner in owners:
        others = [
            [payload]
            for payload in EXAMPLES.values()
            if payload.owner == owner.service and payload not in bots
        ]
        for payloads in [bots, *others] if owner.service == "chat" else others:
            async with owner.store.transaction(CONTEXT.scope) as tx:
                await tx.append(CONTEXT, f"something-{new_id()}", 0, payloads)


async def asked_again_and_again(bus: Bus, used: BotUsageList) -> None:
    """Fails as soon as the figures are not the same."""
    assert [(item.bot_name, item.total_tokens) for item in used.items] == [("Helpdesk", 358)]
    while True:
        assert await bus.request(GetBotUsage(), BotUsageList, CONTEXT) == used


async def test_every_question_is_answered_on_the_bus(
    nats: NatsServer, bus: Bus, database_urls: Callable[..., Awaitable[tuple[str, str]]]
) -> None:
    settings = settings_for(Settings, nats.url, await database_urls("analytics"))
    asked = [model for model in REQUESTS.values() if model.service == "analytics"]
    assert len(asked) == 9
    async with running(settings, assemble, PROJECTIONS):
        for model in asked:
            assert isinstance(await bus.request(model(), model.Returns, CONTEXT), model.Returns)
        with pytest.raises(Refusal):
            await bus.request(GetBotUsage.model_construct(days=0), BotUsageList, CONTEXT)


async def test_the_overview_follows_the_events_and_survives_a_repair(
    nats: NatsServer, bus: Bus, database_urls: Callable[..., Awaitable[tuple[str, str]]]
) -> None:
    chat_settings = settings_for(ChatSettings, nats.url, await database_urls("chat", core_and()))
    ingest_settings = settings_for(IngestSettings, nats.url, await database_urls("ingest", core_and()))
    settings = settings_for(Settings, nats.url, await database_urls("analytics"))
    expected = Overview(
        bot_profiles=1,
        sources=1,
        chats=1,
        total_prompt_tokens=310,
        total_completion_tokens=48,
        total_tokens=358,
    )
    async with (
        running(chat_settings, nothing, ()) as chat,
        running(ingest_settings, nothing, (Nothing(),)) as ingest,
        running(settings, assemble, PROJECTIONS),
    ):
        await everything_happened(chat, ingest)
        async with asyncio.timeout(20):
            while True:
                if await bus.request(GetOverview(), Overview, CONTEXT) == expected:
                    break
                await asyncio.sleep(0.05)
        used = await bus.request(GetBotUsage(), BotUsageList, CONTEXT)
        asking = asyncio.create_task(asked_again_and_again(bus, used))
        for repair in (False, True):
            request = ProjectionsVerify(repair=repair)
            reply = await bus.ask("analytics", "projections.verify", request, ProjectionsReply, CONTEXT, 20)
            assert [report.differences for report in reply.reports] == [[] for _ in PROJECTIONS]
            assert all(report.rows for report in reply.reports)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):  # and not because an answer was another
            await asking
        assert await bus.request(GetOverview(), Overview, CONTEXT) == expected
