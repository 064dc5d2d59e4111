"""From events to deliveries that are due: one for each endpoint that wants it, once."""

import json
from uuid import uuid4

import pytest
from contexts import a_context
from minirag_contracts.examples import EXAMPLES, TENANT_ID
from minirag_contracts.requests.webhooks import DeleteWebhook
from minirag_contracts.topology import ERASURES, consumers_of
from minirag_webhooks.domain.delivery import delivery_id
from recorded import an_example, recorded
from webhooks_builders import Webhooks

HANDLED = sorted(
    {pattern for spec in consumers_of("webhooks") if spec.name != ERASURES for pattern in spec.patterns}
)


@pytest.mark.parametrize("event_type", HANDLED)
async def test_every_event_that_is_subscribed_to_leads_to_a_delivery(
    webhooks: Webhooks, event_type: str
) -> None:
    created = await webhooks.create()
    event = recorded(an_example(event_type))
    await webhooks.happen(event)
    [row] = await webhooks.rows("deliveries")
    assert row["delivery_id"] == delivery_id(event.event_id, created.id)
    assert (row["state"], row["cause_id"], row["webhook_id"]) == ("scheduled", event.event_id, created.id)
    [work] = await webhooks.rows("work")
    assert (work["kind"], work["key"]) == ("delivery", str(row["delivery_id"]))


def test_every_handled_type_has_an_example() -> None:
    assert set(HANDLED) <= set(EXAMPLES)


async def test_the_same_event_twice_leads_to_one_delivery(webhooks: Webhooks) -> None:
    await webhooks.create()
    event = recorded(an_example("chat.message.completed"))
    await webhooks.happen(event, event)
    assert len(await webhooks.rows("deliveries")) == len(await webhooks.rows("work")) == 1


async def test_an_event_that_the_inbox_forgot_still_leads_to_one_delivery(webhooks: Webhooks) -> None:
    await webhooks.create()
    event = recorded(an_example("chat.message.completed"))
    await webhooks.happen(event)
    async with webhooks.database.system() as connection:
        await connection.execute("DELETE FROM inbox")
    await webhooks.happen(event)
    assert len(await webhooks.rows("deliveries")) == len(await webhooks.rows("work")) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_plain_and_streamed_turns_are_told_alike(webhooks: Webhooks, stream: bool) -> None:
    await webhooks.create(events=["chat.message"])
    turn = an_example("chat.message.completed").model_copy(update={"stream": stream})
    await webhooks.happen(recorded(turn))
    [row] = await webhooks.rows("delivery_bodies")
    assert set(json.loads(row["body"])) == {"chat_id", "message_id", "bot_profile_id"}


async def test_only_endpoints_of_the_tenant_that_want_the_event_are_told(webhooks: Webhooks) -> None:
    wants = [await webhooks.create(), await webhooks.create(events=["source.failed"])]
    await webhooks.create(events=[])
    await webhooks.create(events=["chat.message"])
    await webhooks.create(tenant_id=uuid4())
    gone = await webhooks.create()
    await webhooks.commands.delete(DeleteWebhook(webhook_id=gone.id), a_context())
    await webhooks.happen(recorded(an_example("source.ingest.failed")))
    assert {row["webhook_id"] for row in await webhooks.rows("deliveries")} == {
        webhook.id for webhook in wants
    }


async def test_a_delivery_follows_from_its_cause(webhooks: Webhooks) -> None:
    await webhooks.create()
    event = recorded(an_example("source.ingest.completed"))
    await webhooks.happen(event)
    [scheduled] = [
        row for row in await webhooks.rows("events") if row["type"] == "webhook.delivery.scheduled"
    ]
    assert scheduled["tenant_id"] == TENANT_ID
    assert scheduled["metadata"]["causation_id"] == str(event.event_id)
    assert scheduled["metadata"]["correlation_id"] == str(event.metadata.correlation_id)
