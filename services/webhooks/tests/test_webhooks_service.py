"""The whole service between a real bus and a real receiver."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from contexts import a_context
from ledger import core_and
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.examples import EXAMPLES
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Done
from minirag_contracts.requests.webhooks import (
    CreateWebhook,
    DeleteWebhook,
    DeliveryDetail,
    DeliveryList,
    DeliveryRead,
    GetDelivery,
    GetWebhook,
    ListDeliveries,
    ListWebhooks,
    PingWebhook,
    Redeliver,
    UpdateWebhook,
    WebhookCreatedReply,
    WebhookList,
    WebhookRead,
    WebhookTested,
    WebhookUpdatedReply,
)
from minirag_eventstore import Projection, RetryPolicy
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_service import Runtime, ServiceSettings
from minirag_service.common import sweep
from minirag_service.testing import begun, running, settings_for
from minirag_webhooks.bootstrap import assemble
from minirag_webhooks.projections import PROJECTIONS
from minirag_webhooks.settings import Settings
from receiver import Answer, Receiver
from recorded import recorded
from webhooks_builders import a_webhook

Urls = Callable[..., Awaitable[tuple[str, str]]]


class ChatSettings(ServiceSettings):
    service = "chat"


class IngestSettings(ServiceSettings):
    service = "ingest"


class Nothing(Projection):
    """What an owner without use cases makes of chat's events."""

    name, tables, owner = "nothing", (), "chat"


async def nothing(runtime: Runtime, settings: ServiceSettings) -> None:
    """An owner of events that has no use cases."""


async def happened(owner: Runtime, event_type: str) -> None:
    context = a_context()
    async with owner.store.transaction(context.scope) as tx:
        await tx.append(context, f"something-{new_id()}", 0, [EXAMPLES[event_type]])


async def test_endpoints_by_request_and_deliveries_by_event(
    nats: NatsServer, bus: Bus, database_urls: Urls, receiver: Receiver
) -> None:
    settings = settings_for(
        Settings,
        nats.url,
        await database_urls("webhooks"),
        egress_allow="127.0.0.1",
        webhooks_retry_delays=(timedelta(milliseconds=50),),
    )
    chat_settings = settings_for(ChatSettings, nats.url, await database_urls("chat", core_and()))
    ingest_settings = settings_for(IngestSettings, nats.url, await database_urls("ingest", core_and()))
    async with (
        running(chat_settings, nothing, ()) as chat,
        running(ingest_settings, nothing, (Nothing(),)) as ingest,
        running(settings, assemble, PROJECTIONS) as webhooks,
    ):
        await begun(webhooks)
        made = await bus.request(
            a_webhook(receiver.url("/hook", Answer(500), Answer(200))), WebhookCreatedReply, a_context()
        )
        await happened(chat, "chat.message.completed")
        await receiver.until(lambda: len(receiver.received) == 2)
        await happened(ingest, "source.ingest.completed")
        await happened(ingest, "source.ingest.failed")
        await receiver.until(lambda: len(receiver.received) == 4)
        assert {call.headers["x-minirag-event"] for call in receiver.received} == {
            "chat.message",
            "source.ingested",
            "source.failed",
        }
        assert set(json.loads(receiver.received[0].body)) == {"chat_id", "message_id", "bot_profile_id"}

        read = await bus.request(GetWebhook(webhook_id=made.id), WebhookRead, a_context())
        assert read.has_secret and read.url == made.url
        assert [item.id for item in (await bus.request(ListWebhooks(), WebhookList, a_context())).items] == [
            made.id
        ]
        await bus.request(DeleteWebhook(webhook_id=made.id), Done, a_context())
        with pytest.raises(RemoteRefusal) as refused:
            await bus.request(GetWebhook(webhook_id=made.id), WebhookRead, a_context())
        assert (refused.value.status, refused.value.code, refused.value.detail) == (
            404,
            "not_found",
            "Webhook not found",
        )
        with pytest.raises(RemoteRefusal) as refused:
            await bus.request(CreateWebhook(url="nowhere", events=[]), WebhookCreatedReply, a_context())
        assert refused.value.status == 422


async def test_tests_the_log_and_redeliveries_by_request(
    nats: NatsServer, bus: Bus, database_urls: Urls, receiver: Receiver
) -> None:
    urls = await database_urls("webhooks")
    settings = settings_for(Settings, nats.url, urls, egress_allow="127.0.0.1", webhooks_keep=timedelta(0))
    async with running(settings, assemble, PROJECTIONS) as runtime:
        made = await bus.request(a_webhook(receiver.url()), WebhookCreatedReply, a_context())
        ping = PingWebhook(webhook_id=made.id)
        assert (await bus.request(ping, WebhookTested, a_context(command_id=new_id()))).success
        await bus.request(UpdateWebhook(webhook_id=made.id, events=[]), WebhookUpdatedReply, a_context())
        listing = ListDeliveries(webhook_id=made.id)
        [logged] = (await bus.request(listing, DeliveryList, a_context())).items
        again = Redeliver(webhook_id=made.id, delivery_id=logged.id)
        assert (await bus.request(again, DeliveryRead, a_context(command_id=new_id()))).id == logged.id
        await receiver.wait(2)
        asked = GetDelivery(webhook_id=made.id, delivery_id=logged.id)
        async with asyncio.timeout(10):
            while (await bus.request(asked, DeliveryDetail, a_context())).state == "scheduled":
                await asyncio.sleep(0.02)
        await sweep(runtime)
        assert (await bus.request(asked, DeliveryDetail, a_context())).expired
        with pytest.raises(RemoteRefusal) as refused:
            await bus.request(again, DeliveryRead, a_context(command_id=new_id()))
        assert (refused.value.status, refused.value.code) == (409, "delivery_expired")


async def test_a_reaction_that_is_parked_is_announced(
    nats: NatsServer, bus: Bus, database_urls: Urls
) -> None:
    settings = settings_for(Settings, nats.url, await database_urls("webhooks"))
    event = recorded(EXAMPLES["chat.message.completed"])
    heard = await bus.client.subscribe("dlq.>")
    await bus.settled()
    async with running(settings, assemble, PROJECTIONS) as runtime:
        [answers] = [reactor for reactor in runtime.reactors if reactor.spec.name == "answers"]
        async with runtime.database.tenant(TenantScope(event.tenant_id)) as connection:
            await connection.execute(
                "INSERT INTO inbox_failures (tenant_id, consumer, event_id, attempts, error) VALUES ($1, $2, $3, $4, '')",
                event.tenant_id,
                answers.spec.durable,
                event.event_id,
                RetryPolicy().attempts - 1,
            )
        await answers.handle(event, deliveries=99)
        message = await heard.next_msg(timeout=5)
        await answers.handle(event, deliveries=100)
        with pytest.raises(TimeoutError):
            await heard.next_msg(timeout=0.3)
    assert message.subject == "dlq.webhooks.reaction"
    letter = json.loads(message.data)
    assert set(letter) == {"letter_id", "tenant_id", "kind", "key", "attempts", "parked_at"}
    assert (letter["kind"], letter["key"], letter["attempts"]) == (
        "reaction:webhooks_answers",
        str(event.event_id),
        RetryPolicy().attempts,
    )


def test_durations_in_the_environment_are_iso_8601_or_seconds_in_a_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINIRAG_WEBHOOKS_TIMEOUT", "PT3S")
    monkeypatch.setenv("MINIRAG_WEBHOOKS_RETRY_DELAYS", "[1, 60]")
    monkeypatch.setenv("MINIRAG_EGRESS_ALLOW", "127.0.0.1:80")
    settings = settings_for(Settings, "nats://127.0.0.1:4222", ("postgresql://a", "postgresql://b"))
    assert settings.webhooks_timeout == timedelta(seconds=3)
    assert settings.webhooks_retry_delays == (timedelta(seconds=1), timedelta(minutes=1))
    assert settings.egress_allow == "127.0.0.1:80"


def test_by_default_a_delivery_is_tried_for_more_than_a_day() -> None:
    settings = settings_for(Settings, "nats://127.0.0.1:4222", ("postgresql://a", "postgresql://b"))
    assert timedelta(hours=24) < sum(settings.webhooks_retry_delays, timedelta()) < timedelta(hours=30)
    assert list(settings.webhooks_retry_delays) == sorted(settings.webhooks_retry_delays)
