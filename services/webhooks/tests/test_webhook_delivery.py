"""Deliveries to a real server: signed, retried, given up on, and never in each other's way."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from uuid import uuid4

import pytest
from contexts import a_context
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.requests.webhooks import DeleteWebhook
from minirag_eventstore.rebuild import rebuild_own
from minirag_service.logging import JsonFormatter
from minirag_webhooks.projections import DeliveriesProjection
from receiver import Answer, Receiver
from recorded import an_example, recorded
from webhooks_builders import Webhooks

TOLD = "source.ingest.completed"


async def test_a_delivery_is_the_bare_body_with_both_signatures(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook?a=b"))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering():
        [row] = await webhooks.settled()
    [call] = receiver.received
    assert call.method == "POST" and call.path == "/hook?a=b"
    assert list(json.loads(call.body)) == ["source_id", "source_name", "document_count", "chunk_count"]
    assert call.headers["content-type"] == "application/json"
    assert call.headers["x-minirag-event"] == "source.ingested"
    secret = created.secret.encode()
    assert call.headers["x-minirag-signature"] == hmac.new(secret, call.body, hashlib.sha256).hexdigest()
    assert call.headers["webhook-id"] == str(row["delivery_id"])
    assert abs(int(call.headers["webhook-timestamp"]) - time.time()) < 60
    signed = f"{row['delivery_id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{expected}"
    assert (row["state"], row["status_code"], row["attempts"], row["reason"]) == ("succeeded", 204, 1, None)


async def test_a_failed_call_is_repeated_with_the_same_id_and_body(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    await webhooks.create(receiver.url("/hook", Answer(500), Answer(302), Answer(200)))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering(delays=(0.05, 0.05, 0.05)):
        [row] = await webhooks.settled()
    assert (row["state"], row["status_code"], row["attempts"]) == ("succeeded", 200, 3)
    assert len({(call.headers["webhook-id"], call.body) for call in receiver.received}) == 1
    attempts = await webhooks.rows("delivery_attempts")
    assert [
        (a["attempt"], a["status_code"], a["error"]) for a in sorted(attempts, key=lambda a: a["attempt"])
    ] == [
        (1, 500, None),
        (2, 302, None),
        (3, 200, None),
    ]
    assert all(a["duration_ms"] is not None for a in attempts)
    assert await webhooks.rows("work") == []


async def test_an_endpoint_that_never_takes_it_ends_among_the_dead_letters(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    await webhooks.create(receiver.url("/hook", Answer(500)))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering(delays=(0.02, 0.02)):
        [row] = await webhooks.settled()
    assert (row["state"], row["status_code"], row["attempts"]) == ("failed", 500, 3)
    assert row["reason"] == "The endpoint answered with status 500."
    [letter] = await webhooks.rows("dead_letters")
    assert (letter["kind"], letter["key"]) == ("delivery", str(row["delivery_id"]))
    assert len(receiver.received) == 3


async def test_a_dead_letter_that_is_replayed_can_still_be_delivered(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    await webhooks.create(receiver.url("/hook", Answer(500), Answer(200)))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering():
        await webhooks.settled()
        [letter] = await webhooks.rows("dead_letters")
        async with webhooks.store.transaction(a_context().scope) as tx:
            await tx.add_work(letter["kind"], letter["key"], payload=letter["payload"])
        await receiver.until(lambda: len(receiver.received) == 2)
        [row] = await webhooks.settled(state="succeeded")
    assert (row["attempts"], row["reason"]) == (2, None)


async def test_a_server_that_is_not_there_is_tried_again(webhooks: Webhooks, receiver: Receiver) -> None:
    unused = receiver.port
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    unused = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    await webhooks.create(f"http://127.0.0.1:{unused}/")
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering(delays=(0.02,)):
        [row] = await webhooks.settled()
    assert (row["state"], row["status_code"], row["attempts"]) == ("failed", None, 2)
    assert row["reason"] == "127.0.0.1 could not be connected to."


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://169.254.169.254/",
        "http://[::1]:{port}/",
    ],
)
async def test_a_private_address_is_refused_at_once(webhooks: Webhooks, receiver: Receiver, url: str) -> None:
    webhooks.allow = ""
    await webhooks.create(url.format(port=receiver.port))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering(delays=(60,)):
        [row] = await webhooks.settled()
    assert (row["state"], row["status_code"], row["attempts"]) == ("failed", None, 1)
    assert "private network" in row["reason"]
    assert receiver.received == []


async def test_an_endpoint_that_was_deleted_meanwhile_is_not_called(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook"))
    await webhooks.happen(recorded(an_example(TOLD)))
    await webhooks.commands.delete(DeleteWebhook(webhook_id=created.id), a_context())
    async with webhooks.delivering():
        [row] = await webhooks.settled()
    assert (row["state"], row["reason"]) == (
        "failed",
        "The webhook was deleted before this could be delivered.",
    )
    assert receiver.received == [] and await webhooks.rows("work") == []


async def test_an_endpoint_that_hangs_with_a_hundred_waiting_delays_nobody_else(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.concurrency, webhooks.per_endpoint = 24, 4
    hangs = await webhooks.create(receiver.url("/hangs", Answer(hangs=True)), events=["chat.message"])
    await webhooks.happen(*(recorded(an_example("chat.message.completed")) for _ in range(100)))
    works = await webhooks.create(receiver.url("/works"), events=["source.ingested"])
    async with webhooks.delivering(delays=(60,)):
        await receiver.until(lambda: len(receiver.at("/hangs")) == 4)
        await webhooks.happen(*(recorded(an_example(TOLD)) for _ in range(100)))
        rows = await webhooks.settled(100, timeout=60)
        # All of the one are taken while none of the other's first calls has come to its end.
        assert len(receiver.at("/works")) == 100 and len(receiver.at("/hangs")) == 4
        assert {(row["webhook_id"], row["state"]) for row in rows} == {
            (works.id, "succeeded"),
            (hangs.id, "scheduled"),
        }
        receiver.release()
        await webhooks.settled(200, timeout=60)
    assert len(receiver.at("/hangs")) == 100


async def test_a_tenant_with_many_endpoints_that_hang_delays_no_other_tenant(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.concurrency, webhooks.per_endpoint = 8, 4
    for number in range(12):
        await webhooks.create(receiver.url(f"/hangs/{number}", Answer(hangs=True)))
    other = uuid4()
    await webhooks.create(receiver.url("/works"), tenant_id=other)
    async with webhooks.delivering(delays=(60,)):
        await webhooks.happen(*(recorded(an_example(TOLD)) for _ in range(3)))
        await receiver.until(lambda: receiver.busy == 2)  # the tenant's quarter
        await webhooks.happen(*(recorded(an_example(TOLD), tenant_id=other) for _ in range(20)))
        await receiver.wait(20, "/works")
        assert len(receiver.received) - 20 == 2  # not one of the first tenant's calls has come to its end
        # What waited was no attempt: those two are all that was tried.
        assert sum(row["attempts"] for row in await webhooks.rows("work") if row["lease_owner"] is None) == 0
        receiver.release()
        rows = await webhooks.settled(36, timeout=60)
    assert {(row["state"], row["attempts"]) for row in rows} == {("succeeded", 1)}


async def test_all_of_a_queue_is_delivered_in_the_end_and_by_few_calls_at_once(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.concurrency, webhooks.per_endpoint = 16, 2
    await webhooks.create(receiver.url("/hook", Answer(200, after=0.02)))
    await webhooks.happen(*(recorded(an_example(TOLD)) for _ in range(40)))
    async with webhooks.delivering():
        await webhooks.settled(40, timeout=20)
    assert len(receiver.received) == 40 == len({call.headers["webhook-id"] for call in receiver.received})
    assert receiver.most_busy <= 4  # two, and those whose sockets are just being closed


async def test_a_delivery_whose_process_died_is_made_by_another(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    await webhooks.create(receiver.url("/hook", Answer(200, hangs=True), Answer(200)))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering(delays=(0.01,)):
        await receiver.until(lambda: len(receiver.received) == 1)
        async with webhooks.database.system() as connection:
            # What is left of a process that was killed: a lease that ran out, an attempt without an end.
            await connection.execute("UPDATE work SET lease_owner = $1, lease_until = now()", uuid4())
        [row] = await webhooks.settled()
    assert row["state"] == "succeeded" and row["attempts"] == 2


async def test_the_secret_and_the_body_are_never_logged(
    webhooks: Webhooks, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    created = await webhooks.create(
        receiver.url("/hook", Answer(500), Answer(200)), secret="a-secret-of-ours"
    )
    await webhooks.create("http://169.254.169.254/", secret="a-secret-of-ours")
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering(delays=(0.02,)):
        await webhooks.settled(2)
    lines = "\n".join(JsonFormatter("webhooks").format(record) for record in caplog.records)
    assert lines
    for hidden in (created.secret, "manual.pdf", receiver.received[0].headers["x-minirag-signature"]):
        assert hidden not in lines
    assert created.secret not in repr(created)


async def test_the_deliveries_equal_their_rebuild(webhooks: Webhooks, receiver: Receiver) -> None:
    await webhooks.create(receiver.url("/good"))
    await webhooks.create(receiver.url("/bad", Answer(500)))
    await webhooks.happen(recorded(an_example(TOLD)), recorded(an_example("chat.message.completed")))
    async with webhooks.delivering(delays=(0.02,)):
        await webhooks.settled(4)
    await webhooks.happen(recorded(an_example(TOLD)))
    report = await rebuild_own(webhooks.database, "webhooks", DeliveriesProjection())
    assert (report.differences, report.rows) == ([], 6)


async def test_another_tenant_sees_no_delivery(webhooks: Webhooks) -> None:
    await webhooks.create()
    await webhooks.happen(recorded(an_example(TOLD)))
    for table in ("deliveries", "delivery_bodies", "work"):
        assert len(await webhooks.rows(table, TENANT_ID)) == 1
        assert await webhooks.rows(table, uuid4()) == []
