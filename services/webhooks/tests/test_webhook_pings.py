"""Tests of endpoints: one signed call, its outcome at once, and never a look into a private network."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest
from minirag_contracts.context import Context
from minirag_contracts.errors import Unavailable
from minirag_contracts.ids import new_id
from minirag_contracts.requests.webhooks import ListDeliveries, PingWebhook, WebhookTested
from minirag_webhooks.commands.pings import AT_ONCE, WAITING, WAITING_ALTOGETHER
from minirag_webhooks.domain.signature import own_signature
from minirag_webhooks.errors import TooManyTests, WebhookNotFound
from receiver import Answer, Receiver
from webhooks_builders import Webhooks, a_context


async def ping(webhooks: Webhooks, webhook_id: UUID, context: Context | None = None) -> WebhookTested:
    async with webhooks.delivering(delays=(0.02,)) as runner:
        request = PingWebhook(webhook_id=webhook_id)
        return await webhooks.pings(runner).ping(request, context or a_context())


async def test_a_test_is_one_call_that_is_signed_like_a_delivery(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url(), events=[])
    assert await ping(webhooks, created.id) == WebhookTested(success=True, status_code=204)
    [call] = receiver.received
    assert call.body == f'{{"event":"test.ping","webhook_id":"{created.id}"}}'.encode()
    assert call.headers["x-minirag-event"] == "test.ping"
    assert call.headers["x-minirag-signature"] == own_signature(created.secret, call.body)
    [logged] = (
        await webhooks.delivery_queries.list(ListDeliveries(webhook_id=created.id), a_context())
    ).items
    assert (logged.event, logged.state, logged.attempts) == ("test.ping", "succeeded", 1)
    assert call.headers["webhook-id"] == str(logged.id)
    assert await webhooks.rows("work") == []


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_refused_test_tells_the_status_and_is_not_repeated(
    webhooks: Webhooks, receiver: Receiver, status: int
) -> None:
    answer = Answer(status, headers={"Location": receiver.url("/elsewhere")})
    created = await webhooks.create(receiver.url("/hook", answer))
    assert await ping(webhooks, created.id) == WebhookTested(success=False, status_code=status)
    await asyncio.sleep(0.1)
    assert len(receiver.received) == 1
    assert await webhooks.rows("dead_letters") == await webhooks.rows("work") == []


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "169.254.169.254", "127.0.0.1:1", "10.1.2.3", "[::1]"])
async def test_every_private_address_gives_the_same_answer_whether_anybody_listens_there(
    webhooks: Webhooks, receiver: Receiver, host: str
) -> None:
    webhooks.allow = ""
    created = await webhooks.create(f"http://{host.format(port=receiver.port)}/")
    assert await ping(webhooks, created.id) == WebhookTested(success=False, status_code=None)
    assert receiver.received == []
    [row] = await webhooks.rows("deliveries")
    assert row["state"] == "failed" and "private network" in row["reason"]


async def test_an_endpoint_that_is_slow_ends_the_test_without_a_status(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.timeout = 0.2
    created = await webhooks.create(receiver.url("/hook", Answer(hangs=True)))
    assert await ping(webhooks, created.id) == WebhookTested(success=False, status_code=None)
    [row] = await webhooks.rows("deliveries")
    assert row["reason"] == "127.0.0.1 did not answer within 0.2 seconds."


async def test_an_inactive_endpoint_can_be_tested_and_an_unknown_one_cannot(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url())
    await webhooks.update(created.id, is_active=False)
    assert (await ping(webhooks, created.id)).success
    with pytest.raises(WebhookNotFound):
        await ping(webhooks, uuid4())
    with pytest.raises(WebhookNotFound):
        await ping(webhooks, created.id, a_context(uuid4()))
    assert len(receiver.received) == 1


async def test_the_same_test_twice_is_one_call_even_at_the_same_moment(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(202, after=0.1)))
    context = a_context(command_id=new_id())
    request = PingWebhook(webhook_id=created.id)
    async with webhooks.delivering() as runner:
        one, other = webhooks.pings(runner), webhooks.pings(runner)
        outcomes = await asyncio.gather(*(side.ping(request, context) for side in (one, other, one)))
        outcomes.append(await other.ping(request, context))
    assert outcomes == [WebhookTested(success=True, status_code=202)] * 4
    assert len(receiver.received) == 1


async def test_tests_of_one_tenant_cannot_keep_every_request_waiting(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(hangs=True)))
    request = PingWebhook(webhook_id=created.id)
    async with webhooks.delivering() as runner, asyncio.TaskGroup() as group:
        pings = webhooks.pings(runner)
        tests = [group.create_task(pings.ping(request, a_context())) for _ in range(AT_ONCE)]
        await receiver.wait(AT_ONCE)
        with pytest.raises(TooManyTests):
            await pings.ping(request, a_context())
        receiver.release()
        await asyncio.gather(*tests)
        assert (await pings.ping(request, a_context())).success
    assert len(receiver.received) == AT_ONCE + 1


async def test_repeats_of_one_test_cannot_keep_every_request_waiting(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(hangs=True)))
    request, context = PingWebhook(webhook_id=created.id), a_context(command_id=new_id())
    async with webhooks.delivering() as runner, asyncio.TaskGroup() as group:
        pings = webhooks.pings(runner)
        waiting = [group.create_task(pings.ping(request, context))]
        await receiver.wait(1)
        waiting += [group.create_task(pings.ping(request, context)) for _ in range(WAITING - 1)]
        await asyncio.sleep(0)
        refused = await asyncio.gather(
            *(pings.ping(request, context) for _ in range(64)), return_exceptions=True
        )
        assert [type(outcome) for outcome in refused] == [TooManyTests] * 64
        receiver.release()
        assert await asyncio.gather(*waiting) == [WebhookTested(success=True, status_code=204)] * WAITING
        assert (await pings.ping(request, context)).success
    assert len(receiver.received) == 1


async def test_tests_of_many_tenants_leave_room_for_other_requests(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    url = receiver.url("/hook", Answer(hangs=True))
    tests = []
    for tenant_id in (uuid4() for _ in range(WAITING_ALTOGETHER // WAITING)):
        created = await webhooks.create(url, tenant_id=tenant_id)
        tests.append((PingWebhook(webhook_id=created.id), a_context(tenant_id, command_id=new_id())))
    own = PingWebhook(webhook_id=(await webhooks.create(receiver.url("/own"))).id)
    async with webhooks.delivering() as runner, asyncio.TaskGroup() as group:
        pings = webhooks.pings(runner)
        waiting = [group.create_task(pings.ping(*test)) for test in tests]
        await receiver.wait(len(tests))
        waiting += [group.create_task(pings.ping(*test)) for test in tests for _ in range(WAITING - 1)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="Too many webhooks are being tested"):
            await pings.ping(own, a_context())
        receiver.release()
        await asyncio.gather(*waiting)
        assert (await pings.ping(own, a_context())).success


async def test_a_test_that_outlasts_its_deadline_is_told_as_running_and_ends_in_the_log(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(hangs=True)))
    async with webhooks.delivering() as runner:
        with pytest.raises(Unavailable, match="still running"):
            await webhooks.pings(runner).ping(PingWebhook(webhook_id=created.id), a_context().within(0.6))
        receiver.release()
        [row] = await webhooks.settled()
    assert row["state"] == "succeeded"


async def test_a_test_whose_process_died_during_the_call_is_not_made_again(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(hangs=True)))
    async with webhooks.delivering(delays=(0.02,)) as runner:
        asking = asyncio.create_task(
            webhooks.pings(runner).ping(PingWebhook(webhook_id=created.id), a_context())
        )
        await receiver.wait(1)
        async with webhooks.database.system() as connection:
            await connection.execute("UPDATE work SET lease_owner = $1, lease_until = now()", uuid4())
        assert await asking == WebhookTested(success=False, status_code=None)
    assert len(receiver.received) == 1
    [row] = await webhooks.rows("deliveries")
    assert row["reason"] == "No call came to its end: the process died during each of them."
    assert json.loads(receiver.received[0].body)["event"] == "test.ping"
