"""Every row of the webhooks table through HTTP: status, shape of the body, and what it brings about."""

import asyncio
import hashlib
import hmac
import json
import signal
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from api import Tenant
from minirag_local.testing import Stack
from owners import events_of_owner, verify_projections
from receiver import Answer, Received, Receiver, receiving

READ = [
    *("id", "tenant_id", "url", "events", "is_active", "description", "has_secret"),
    *("created_at", "updated_at"),
]
DELIVERY = [
    *("id", "webhook_id", "event", "cause_id", "state", "attempts", "status_code", "reason"),
    *("scheduled_at", "next_attempt_at", "settled_at", "expired"),
]
ALL = ["chat.message", "source.failed", "source.ingested"]
UNKNOWN = str(uuid4())


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody who receives webhooks, on the loopback."""
    async with receiving() as found:
        yield found


def signed_with(secret: str, call: Received) -> bool:
    expected = hmac.new(secret.encode(), call.body, hashlib.sha256).hexdigest()
    return call.headers["x-minirag-signature"] == expected


async def create(tenant: Tenant, url: str, events: list[str], **fields: Any) -> dict[str, Any]:
    body = {"url": url, "events": events, **fields}
    made: dict[str, Any] = await tenant.call("POST", "/v1/webhooks", 201, json=body)
    return made


async def settled(tenant: Tenant, webhook_id: str, count: int = 1) -> list[dict[str, Any]]:
    """The endpoint's deliveries, once none of them is scheduled and there are that many."""
    async with asyncio.timeout(60):
        while True:
            found: list[dict[str, Any]] = await tenant.call(
                "GET", f"/v1/webhooks/{webhook_id}/deliveries", 200
            )
            if len(found) >= count and all(delivery["state"] != "scheduled" for delivery in found):
                return found
            await asyncio.sleep(0.1)


async def test_an_endpoint_is_made_read_listed_and_deleted_for_good(tenant: Tenant) -> None:
    made = await create(tenant, "https://example.org/a", ALL, description="Our desk")
    assert list(made) == [*READ, "secret"]
    assert (made["events"], made["is_active"], made["has_secret"]) == (ALL, True, True)
    assert len(made["secret"]) == 43 and made["created_at"].endswith("Z")
    second = await create(tenant, "https://example.org/b", [], secret="a secret of ours")
    assert second["secret"] == "a secret of ours"
    path = f"/v1/webhooks/{made['id']}"
    read = await tenant.call("GET", path, 200)
    assert read == {key: made[key] for key in READ}
    listed = await tenant.call("GET", "/v1/webhooks", 200)
    assert [item["id"] for item in listed] == [second["id"], made["id"]]
    assert all(list(item) == READ for item in listed)
    response = await tenant.request("GET", "/v1/webhooks", params={"limit": 1})
    [only] = response.json()
    following = response.headers["link"].partition(">")[0].lstrip("<")
    assert [only["id"], (await tenant.call("GET", following, 200))[0]["id"]] == [second["id"], made["id"]]
    response = await tenant.request("DELETE", path)
    assert (response.status_code, response.content) == (204, b"")
    for method, suffix in (
        ("GET", ""),
        ("DELETE", ""),
        ("PATCH", ""),
        ("POST", "/test"),
        ("GET", "/deliveries"),
        ("GET", f"/deliveries/{UNKNOWN}"),
        ("POST", f"/deliveries/{UNKNOWN}/redeliver"),
    ):
        body = {"json": {"is_active": True}} if method == "PATCH" else {}
        problem = await tenant.call(method, path + suffix, 404, **body)
        assert problem["detail"] == "Webhook not found", (method, suffix)


async def test_bad_endpoints_are_refused_in_the_words_of_the_contract(tenant: Tenant) -> None:
    made = await create(tenant, "https://example.org/", ["chat.message"])
    sentence = "Invalid event type: zz. Valid: ['chat.message', 'source.failed', 'source.ingested']"
    path = f"/v1/webhooks/{made['id']}"
    for method, where, more in (
        ("POST", "/v1/webhooks", {"url": "https://example.org/"}),
        ("PATCH", path, {}),
    ):
        problem = await tenant.call(method, where, 422, json={**more, "events": ["chat.message", "zz"]})
        assert problem["detail"] == sentence
        for bad in ({"url": "ftp://example.org/"}, {"url": "x" * 2049}, {"description": "x" * 501}):
            await tenant.call(method, where, 422, json={"events": [], **more, **bad})
    for field in ("url", "events", "description", "is_active", "secret", "rotate_secret"):
        await tenant.call("PATCH", path, 422, json={field: None})
    await tenant.call("PATCH", path, 422, json={"secret": "one", "rotate_secret": True})
    assert await tenant.call("GET", path, 200) == {key: made[key] for key in READ}


async def test_a_change_changes_what_it_names_and_nothing_else(tenant: Tenant, stack: Stack) -> None:
    made = await create(tenant, "https://example.org/a", ["chat.message"], description="Desk")
    path = f"/v1/webhooks/{made['id']}"
    changed = await tenant.call("PATCH", path, 200, json={"url": "https://example.org/b", "is_active": False})
    assert list(changed) == [*READ, "secret"] and changed["secret"] is None
    assert (changed["url"], changed["is_active"]) == ("https://example.org/b", False)
    assert (changed["events"], changed["description"]) == (["chat.message"], "Desk")
    assert changed["updated_at"] > made["updated_at"]
    assert await tenant.call("PATCH", path, 200, json={"is_active": False}) == changed
    assert await tenant.call("PATCH", path, 200, json={}) == changed
    updated = await events_of_owner(stack, "webhooks", ["webhook.updated"])
    [event] = [event for event in updated if event.data["webhook_id"] == made["id"]]
    assert event.data == {
        "webhook_id": made["id"],
        "url": "https://example.org/b",
        "events": ["chat.message"],
        "description": "Desk",
        "is_active": False,
    }


async def test_a_rotated_secret_verifies_what_comes_and_the_old_one_no_longer_does(
    tenant: Tenant, receiver: Receiver
) -> None:
    made = await create(tenant, receiver.url(), ["chat.message"])
    path = f"/v1/webhooks/{made['id']}"
    assert (await tenant.call("POST", f"{path}/test", 200))["success"]
    rotated = await tenant.call("PATCH", path, 200, json={"rotate_secret": True})
    assert len(rotated["secret"]) == 43 and rotated["secret"] != made["secret"]
    await tenant.call("POST", f"{path}/test", 200)
    given = await tenant.call("PATCH", path, 200, json={"secret": "our own secret"})
    assert given["secret"] == "our own secret"
    await tenant.call("POST", f"{path}/test", 200)
    secrets = [made["secret"], rotated["secret"], "our own secret"]
    assert [[signed_with(secret, call) for secret in secrets] for call in receiver.received] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]
    assert "secret" not in await tenant.call("GET", path, 200)


async def test_a_test_is_one_signed_call_whose_outcome_is_told_at_once(
    tenant: Tenant, receiver: Receiver
) -> None:
    made = await create(tenant, receiver.url("/hook", Answer(204), Answer(500), Answer(302)), [])
    path = f"/v1/webhooks/{made['id']}"
    outcomes = [await tenant.call("POST", f"{path}/test", 200) for _ in range(3)]
    assert outcomes == [
        {"success": True, "status_code": 204},
        {"success": False, "status_code": 500},
        {"success": False, "status_code": 302},
    ]
    assert len(receiver.received) == 3
    for call in receiver.received:
        assert json.loads(call.body) == {"event": "test.ping", "webhook_id": made["id"]}
        assert call.headers["x-minirag-event"] == "test.ping" and signed_with(made["secret"], call)
    logged = await tenant.call("GET", f"{path}/deliveries", 200)
    assert [(d["event"], d["state"], d["attempts"]) for d in logged] == [
        ("test.ping", "failed", 1),
        ("test.ping", "failed", 1),
        ("test.ping", "succeeded", 1),
    ]
    key = {"Idempotency-Key": "one test"}
    for _ in range(2):
        await tenant.call("POST", f"{path}/test", 200, headers=key)
    assert len(receiver.received) == 4


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "192.168.0.1:22", "[::1]:5432"])
async def test_a_test_tells_nothing_about_a_private_network(tenant: Tenant, address: str) -> None:
    made = await create(tenant, f"http://{address}/", ALL)
    tested = await tenant.call("POST", f"/v1/webhooks/{made['id']}/test", 200)
    assert tested == {"success": False, "status_code": None}
    [logged] = await tenant.call("GET", f"/v1/webhooks/{made['id']}/deliveries", 200)
    assert "private network" in logged["reason"]


async def test_what_happens_is_delivered_with_the_bare_body_and_logged(
    tenant: Tenant, receiver: Receiver
) -> None:
    made = await create(tenant, receiver.url(), ALL)
    bot_id = await tenant.bot()
    source = await tenant.ready(await tenant.text_source(bot_id, "Otters sleep under the boathouse."))
    plain = await tenant.ask(bot_id, "Where do otters sleep?")
    streamed = (await tenant.ask_streamed(bot_id, "Where do otters sleep?"))[-1].data
    calls = await receiver.wait(3)
    assert all(signed_with(made["secret"], call) for call in calls)
    said = [(call.headers["x-minirag-event"], list(json.loads(call.body).items())) for call in calls]
    assert ("source.ingested", [*_ingested(source)]) in said
    for turn in (
        (plain["chat_id"], plain["message"]["id"]),
        (streamed["chat_id"], streamed["message_id"]),
    ):
        pairs = zip(("chat_id", "message_id", "bot_profile_id"), (*turn, bot_id), strict=True)
        assert ("chat.message", list(pairs)) in said
    logged = await settled(tenant, made["id"], 3)
    assert all(list(delivery) == DELIVERY for delivery in logged)
    assert {(d["state"], d["attempts"], d["status_code"], d["reason"]) for d in logged} == {
        ("succeeded", 1, 204, None)
    }
    assert {d["id"] for d in logged} == {call.headers["webhook-id"] for call in calls}
    detail = await tenant.call("GET", f"/v1/webhooks/{made['id']}/deliveries/{logged[0]['id']}", 200)
    assert list(detail) == [*DELIVERY, "attempt_log"]
    [attempt] = detail["attempt_log"]
    assert (attempt["attempt"], attempt["status_code"], attempt["error"]) == (1, 204, None)


def _ingested(source: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("source_id", source["id"]),
        ("source_name", source["name"]),
        ("document_count", 1),
        ("chunk_count", source["chunk_count"]),
    ]


async def test_every_kind_of_failed_ingestion_is_told_with_a_short_error(
    tenant: Tenant, receiver: Receiver
) -> None:
    await create(tenant, receiver.url(), ["source.failed"])
    bot_id = await tenant.bot()
    failing: list[str] = []
    for address in ("http://10.0.0.1/", "http://no-such-host.invalid/"):
        body = {"bot_profile_id": bot_id, "name": "x", "source_type": "url", "config": {"url": address}}
        failing.append((await tenant.call("POST", "/v1/sources", 201, json=body))["id"])
    failing.append(await tenant.text_source(bot_id, " \n ", ingest=False))
    for source_id in failing:
        await tenant.call("POST", f"/v1/sources/{source_id}/ingest", 202)
    upload = {"file": ("broken.pdf", b"%PDF-1.4 broken", "application/pdf")}
    form = {"bot_profile_id": bot_id}
    failing.append((await tenant.call("POST", "/v1/sources/upload", 201, files=upload, data=form))["id"])
    ended = [await tenant.settled(source_id) for source_id in failing]
    assert [source["status"] for source in ended] == ["error"] * 4
    calls = await receiver.wait(4)
    told = {body["source_id"]: body["error"] for body in (json.loads(call.body) for call in calls)}
    assert told == {source["id"]: source["error_message"][:500] for source in ended}
    assert all(list(json.loads(call.body)) == ["source_id", "error"] for call in calls)
    assert all(0 < len(error) <= 500 for error in told.values())


async def test_a_delivery_is_made_again_on_demand_once_for_each_key(
    tenant: Tenant, receiver: Receiver
) -> None:
    made = await create(tenant, receiver.url("/hook", Answer(302), Answer(410), Answer(200)), [])
    path = f"/v1/webhooks/{made['id']}"
    assert not (await tenant.call("POST", f"{path}/test", 200))["success"]
    [failed] = await settled(tenant, made["id"])
    again = f"{path}/deliveries/{failed['id']}/redeliver"
    key = {"Idempotency-Key": "again, please"}
    accepted = await tenant.call("POST", again, 202, headers=key)
    assert list(accepted) == DELIVERY
    assert (accepted["id"], accepted["state"], accepted["reason"]) == (failed["id"], "scheduled", None)
    assert await tenant.call("POST", again, 202, headers=key) == accepted
    await receiver.wait(2)  # the 410, after which it waits for its second attempt
    problem = await tenant.call("POST", again, 409)
    assert problem["code"] == "delivery_scheduled"
    [taken] = await settled(tenant, made["id"])
    assert (taken["state"], taken["attempts"], taken["status_code"]) == ("succeeded", 3, 200)
    await tenant.call("POST", again, 202)
    await receiver.wait(4)
    await settled(tenant, made["id"])
    assert len({(call.headers["webhook-id"], call.body) for call in receiver.received}) == 1
    assert len(receiver.received) == 4
    await tenant.call("PATCH", path, 200, json={"is_active": False})
    assert (await tenant.call("POST", again, 409))["code"] == "webhook_inactive"
    problem = await tenant.call("POST", f"{path}/deliveries/{UNKNOWN}/redeliver", 404)
    assert problem["detail"] == "Delivery not found"


async def test_an_endpoint_that_ends_hears_nothing_more(tenant: Tenant, receiver: Receiver) -> None:
    quiet = await create(tenant, receiver.url("/quiet", Answer(500)), ["chat.message"])
    gone = await create(tenant, receiver.url("/gone", Answer(500)), ["chat.message"])
    bot_id = await tenant.bot()
    await tenant.ask(bot_id, "Anything?")
    await receiver.wait(1, "/quiet")
    await receiver.wait(1, "/gone")
    await tenant.call("PATCH", f"/v1/webhooks/{quiet['id']}", 200, json={"is_active": False})
    await tenant.call("DELETE", f"/v1/webhooks/{gone['id']}", 204)
    [given_up] = await settled(tenant, quiet["id"])
    assert given_up["reason"] == "The webhook was deactivated before this could be delivered."
    await tenant.ask(bot_id, "Anything else?")
    witness = await create(tenant, receiver.url("/witness"), ["chat.message"])
    await tenant.ask(bot_id, "And now?")
    await settled(tenant, witness["id"])
    assert len(receiver.at("/quiet")) == len(receiver.at("/gone")) == 1
    assert len(await tenant.call("GET", f"/v1/webhooks/{quiet['id']}/deliveries", 200)) == 1


async def test_another_tenant_reaches_none_of_it(
    tenant: Tenant, stranger: Tenant, receiver: Receiver
) -> None:
    made = await create(tenant, receiver.url(), ALL)
    await tenant.call("POST", f"/v1/webhooks/{made['id']}/test", 200)
    [delivery] = await settled(tenant, made["id"])
    own = await create(stranger, receiver.url("/own"), ALL)
    path, log = f"/v1/webhooks/{made['id']}", f"/v1/webhooks/{made['id']}/deliveries/{delivery['id']}"
    for method, where in (
        ("GET", path),
        ("DELETE", path),
        ("POST", f"{path}/test"),
        ("GET", f"{path}/deliveries"),
        ("GET", log),
        ("POST", f"{log}/redeliver"),
        ("GET", f"/v1/webhooks/{own['id']}/deliveries/{delivery['id']}"),
        ("POST", f"/v1/webhooks/{own['id']}/deliveries/{delivery['id']}/redeliver"),
    ):
        await stranger.call(method, where, 404)
    await stranger.call("PATCH", path, 404, json={"rotate_secret": True})
    assert len(receiver.received) == 1
    assert (await tenant.call("GET", path, 200))["updated_at"] == made["updated_at"]


async def test_a_process_that_is_killed_during_calls_doubles_no_delivery(
    tenant: Tenant, stack: Stack, receiver: Receiver
) -> None:
    made = await create(
        tenant, receiver.url("/hook", *[Answer(hangs=True)] * 3, Answer(204)), ["chat.message"]
    )
    bot_id = await tenant.bot()
    for number in range(3):
        await tenant.ask(bot_id, f"Question {number}?")
    await receiver.wait(3)
    await asyncio.to_thread(stack.kill, "webhooks", signal.SIGKILL)
    logged = await _log_through_a_restart(tenant, made["id"])
    assert [(d["state"], d["attempts"]) for d in logged] == [("succeeded", 2)] * 3
    ids = [call.headers["webhook-id"] for call in receiver.received]
    assert len(ids) == 6 and sorted(set(ids)) == sorted(d["id"] for d in logged)
    assert len({(call.headers["webhook-id"], call.body) for call in receiver.received}) == 3
    detail = await tenant.call("GET", f"/v1/webhooks/{made['id']}/deliveries/{logged[0]['id']}", 200)
    first, second = detail["attempt_log"]
    assert (first["status_code"], first["error"], first["duration_ms"]) == (None, None, None)
    assert second["status_code"] == 204


async def _log_through_a_restart(tenant: Tenant, webhook_id: str) -> list[dict[str, Any]]:
    """The settled deliveries; while the service is away its routes answer 503."""
    async with asyncio.timeout(90):
        while True:
            response = await tenant.request("GET", f"/v1/webhooks/{webhook_id}/deliveries")
            if response.status_code == 200 and all(d["state"] != "scheduled" for d in response.json()):
                found: list[dict[str, Any]] = response.json()
                return found
            assert response.status_code in (200, 503)
            await asyncio.sleep(0.2)


async def test_after_all_of_it_the_projections_equal_their_rebuild(
    tenant: Tenant, stack: Stack, receiver: Receiver
) -> None:
    made = await create(tenant, receiver.url("/hook", Answer(404), Answer(204)), ALL)
    path = f"/v1/webhooks/{made['id']}"
    await tenant.call("POST", f"{path}/test", 200)
    [failed] = await settled(tenant, made["id"])
    await tenant.call("POST", f"{path}/deliveries/{failed['id']}/redeliver", 202)
    await settled(tenant, made["id"])
    await tenant.call("PATCH", path, 200, json={"events": [], "rotate_secret": True, "is_active": False})
    reports = (await verify_projections(stack, "webhooks")).reports
    assert {report.projection: report.differences for report in reports} == {
        "endpoints": [],
        "deliveries": [],
    }
