"""The log of deliveries: read in pages, repeated on demand, and forgotten by age."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from contexts import a_context
from minirag_contracts.errors import InvalidRequest
from minirag_contracts.ids import new_id
from minirag_contracts.requests.webhooks import GetDelivery, ListDeliveries, Redeliver
from minirag_eventstore import WorkRunner
from minirag_eventstore.rebuild import rebuild_own
from minirag_webhooks.errors import (
    DeliveryExpired,
    DeliveryNotFound,
    DeliveryStillScheduled,
    WebhookInactive,
    WebhookNotFound,
)
from minirag_webhooks.projections import DeliveriesProjection
from receiver import Answer, Receiver
from recorded import an_example, recorded
from webhooks_builders import Webhooks

TOLD = "source.ingest.completed"
DAY = timedelta(days=1)


async def redeliver(webhooks: Webhooks, runner: WorkRunner, webhook_id: UUID, delivery_id: UUID) -> None:
    request = Redeliver(webhook_id=webhook_id, delivery_id=delivery_id)
    await webhooks.redelivery(runner).redeliver(request, a_context())


async def age(webhooks: Webhooks, by: timedelta) -> None:
    """Lets time pass for everything that was kept so far."""
    async with webhooks.database.system() as connection:
        await connection.execute("UPDATE delivery_bodies SET kept_at = kept_at - $1::interval", by)
        await connection.execute("UPDATE deliveries SET settled_at = settled_at - $1::interval", by)


async def test_a_delivery_is_read_with_each_of_its_calls(webhooks: Webhooks, receiver: Receiver) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(500), Answer(204)))
    event = recorded(an_example(TOLD))
    await webhooks.happen(event)
    [row] = await webhooks.rows("deliveries")
    waiting = await webhooks.read(created.id, row["delivery_id"])
    assert (waiting.state, waiting.attempts, waiting.status_code, waiting.settled_at) == (
        "scheduled",
        0,
        None,
        None,
    )
    assert waiting.next_attempt_at is not None and waiting.attempt_log == [] and not waiting.expired
    async with webhooks.delivering(delays=(0.02,)):
        await webhooks.settled()
    read = await webhooks.read(created.id, row["delivery_id"])
    assert (read.event, read.cause_id, read.webhook_id) == ("source.ingested", event.event_id, created.id)
    assert (read.state, read.attempts, read.status_code, read.reason) == ("succeeded", 2, 204, None)
    assert read.next_attempt_at is None and read.settled_at is not None
    assert [(a.attempt, a.status_code, a.error) for a in read.attempt_log] == [(1, 500, None), (2, 204, None)]
    assert all(a.duration_ms is not None and a.started_at.tzinfo for a in read.attempt_log)


async def test_a_delivery_between_two_calls_says_when_the_next_one_is_due(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(503)))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering(delays=(3600,)):
        await webhooks.resting(1)
    [row] = await webhooks.rows("deliveries")
    read = await webhooks.read(created.id, row["delivery_id"])
    assert (read.state, read.attempts, read.status_code) == ("scheduled", 1, 503)
    assert read.next_attempt_at is not None
    assert read.next_attempt_at - read.attempt_log[0].started_at > timedelta(minutes=59)


async def test_the_log_is_newest_first_paged_and_of_one_endpoint(webhooks: Webhooks) -> None:
    created, other = await webhooks.create(), await webhooks.create(events=["chat.message"])
    for _ in range(5):
        await webhooks.happen(recorded(an_example(TOLD)))
    await webhooks.happen(recorded(an_example("chat.message.completed")))
    seen, cursor = [], None
    while True:
        asked = ListDeliveries(webhook_id=created.id, limit=4, cursor=cursor)
        page = await webhooks.delivery_queries.list(asked, a_context())
        seen += page.items
        cursor = page.next
        if cursor is None:
            break
    assert len({item.id for item in seen}) == len(seen) == 6
    assert [item.scheduled_at for item in seen] == sorted((i.scheduled_at for i in seen), reverse=True)
    assert {item.webhook_id for item in seen} == {created.id}
    [only] = (await webhooks.delivery_queries.list(ListDeliveries(webhook_id=other.id), a_context())).items
    assert only.event == "chat.message"
    with pytest.raises(InvalidRequest):
        await webhooks.delivery_queries.list(ListDeliveries(webhook_id=other.id, cursor="zz"), a_context())
    with pytest.raises(DeliveryNotFound):
        await webhooks.read(other.id, seen[0].id)


async def test_another_tenant_reads_and_repeats_nothing(webhooks: Webhooks) -> None:
    created = await webhooks.create()
    await webhooks.happen(recorded(an_example(TOLD)))
    [row] = await webhooks.rows("deliveries")
    stranger = a_context(uuid4())
    ids = {"webhook_id": created.id, "delivery_id": row["delivery_id"]}
    async with webhooks.delivering() as runner:
        with pytest.raises(WebhookNotFound):
            await webhooks.redelivery(runner).redeliver(Redeliver(**ids), stranger)
    with pytest.raises(WebhookNotFound):
        await webhooks.delivery_queries.get(GetDelivery(**ids), stranger)
    with pytest.raises(WebhookNotFound):
        await webhooks.delivery_queries.list(ListDeliveries(webhook_id=created.id), stranger)


@pytest.mark.parametrize("first", [204, 500])
async def test_a_settled_delivery_is_repeated_with_its_id_and_body(
    webhooks: Webhooks, receiver: Receiver, first: int
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(first), Answer(500), Answer(200)))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering() as runner:
        [row] = await webhooks.settled()
    async with webhooks.delivering(delays=(0.02,)) as runner:
        request = Redeliver(webhook_id=created.id, delivery_id=row["delivery_id"])
        context = a_context(command_id=new_id())
        accepted = await webhooks.redelivery(runner).redeliver(request, context)
        assert (accepted.state, accepted.settled_at, accepted.reason) == ("scheduled", None, None)
        assert await webhooks.redelivery(runner).redeliver(request, context) == accepted
        await receiver.until(lambda: len(receiver.received) == 3)
        [row] = await webhooks.settled(state="succeeded")
        assert await webhooks.redelivery(runner).redeliver(request, context) == accepted
    assert (row["attempts"], row["status_code"], row["reason"]) == (3, 200, None)
    assert len({(call.headers["webhook-id"], call.body) for call in receiver.received}) == 1
    assert len(receiver.received) == 3
    letters = await webhooks.rows("dead_letters")
    assert len(letters) == (1 if first == 500 else 0)
    assert all(letter["replayed_at"] is not None for letter in letters)
    report = await rebuild_own(webhooks.database, "webhooks", DeliveriesProjection())
    assert report.differences == []


async def test_what_is_still_scheduled_unknown_or_of_an_inactive_endpoint_is_not_repeated(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created, other = await webhooks.create(receiver.url("/hook")), await webhooks.create(events=[])
    await webhooks.happen(recorded(an_example(TOLD)))
    [row] = await webhooks.rows("deliveries")
    stopped = WorkRunner(webhooks.store, "delivery", lambda item: webhooks.settled())  # type: ignore[arg-type, return-value]
    with pytest.raises(DeliveryStillScheduled):
        await redeliver(webhooks, stopped, created.id, row["delivery_id"])
    with pytest.raises(DeliveryNotFound):
        await redeliver(webhooks, stopped, created.id, uuid4())
    with pytest.raises(DeliveryNotFound):
        await redeliver(webhooks, stopped, other.id, row["delivery_id"])
    async with webhooks.delivering() as runner:
        await webhooks.settled()
        await webhooks.update(created.id, is_active=False)
        with pytest.raises(WebhookInactive):
            await redeliver(webhooks, runner, created.id, row["delivery_id"])
    assert len(receiver.received) == 1


async def test_a_delivery_that_was_repeated_with_success_is_not_made_again_by_its_old_letter(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(500), Answer(200)))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering() as runner:
        [row] = await webhooks.settled()
        [letter] = await webhooks.rows("dead_letters")
        await redeliver(webhooks, runner, created.id, row["delivery_id"])
        await webhooks.settled(state="succeeded")
        async with webhooks.store.transaction(a_context().scope) as tx:
            await tx.add_work(letter["kind"], letter["key"], payload=letter["payload"])
        await webhooks.no_work()
    assert len(receiver.received) == 2
    assert (await webhooks.read(created.id, row["delivery_id"])).state == "succeeded"


async def test_old_bodies_and_attempts_are_forgotten_and_the_delivery_says_so(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(500), Answer(204)))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering(delays=(0.02,)) as runner:
        [old] = await webhooks.settled()
        await age(webhooks, 31 * DAY)
        await webhooks.happen(recorded(an_example(TOLD)))
        await webhooks.settled(2)
        await age(webhooks, 2 * DAY)
        assert await webhooks.archive.prune(30 * DAY) == 1
        assert await webhooks.archive.prune(30 * DAY) == 0
        with pytest.raises(DeliveryExpired):
            await redeliver(webhooks, runner, created.id, old["delivery_id"])
    read = await webhooks.read(created.id, old["delivery_id"])
    assert (read.expired, read.attempt_log, read.attempts, read.status_code) == (True, [], 2, 204)
    page = await webhooks.delivery_queries.list(ListDeliveries(webhook_id=created.id), a_context())
    assert [item.expired for item in page.items] == [False, True]
    assert len(await webhooks.rows("delivery_bodies")) == 1
    assert {row["delivery_id"] for row in await webhooks.rows("delivery_attempts")} == {page.items[0].id}


async def test_pruning_leaves_the_projection_equal_to_its_rebuild(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    await webhooks.create(receiver.url("/hook"))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering():
        await webhooks.settled()
    assert await webhooks.archive.prune(-DAY) == 1
    report = await rebuild_own(webhooks.database, "webhooks", DeliveriesProjection())
    assert (report.differences, report.rows) == ([], 1)


async def test_a_delivery_that_is_scheduled_keeps_its_body_however_old_it_is(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(204), Answer(500)))
    await webhooks.happen(recorded(an_example(TOLD)))
    await age(webhooks, 99 * DAY)
    assert await webhooks.archive.prune(30 * DAY) == 0
    async with webhooks.delivering(delays=(3600,)) as runner:
        [row] = await webhooks.settled()
        await age(webhooks, 29 * DAY)
        await redeliver(webhooks, runner, created.id, row["delivery_id"])
        await webhooks.resting(1)
    assert await webhooks.archive.prune(timedelta(0)) == 0
    assert len(await webhooks.rows("delivery_bodies")) == 1
