"""The routes of webhooks: what becomes of a body, what is asked of the owner, and what is answered."""

from typing import Any

import httpx
import pytest
from gateway_world import World
from minirag_contracts.requests.webhooks import ListDeliveries, PingWebhook, Redeliver, UpdateWebhook

WEBHOOK, DELIVERY = "019f0000-0000-4000-8000-0000000000aa", "019f0000-0000-4000-8000-0000000000bb"
ONE = f"/v1/webhooks/{WEBHOOK}"
LOG = f"{ONE}/deliveries"


@pytest.fixture
async def client(world: World) -> Any:
    async with await world.a_client() as client:
        yield client


async def test_only_what_the_body_names_is_asked_for(world: World, client: httpx.AsyncClient) -> None:
    for body in ({}, {"is_active": False}, {"description": "", "events": [], "unknown": 1}):
        assert (await client.patch(ONE, json=body)).status_code == 200
    asked = [request for request, _ in world.owners.asked]
    assert asked == [
        UpdateWebhook(webhook_id=WEBHOOK),
        UpdateWebhook(webhook_id=WEBHOOK, is_active=False),
        UpdateWebhook(webhook_id=WEBHOOK, description="", events=[]),
    ]


async def test_a_new_secret_is_shown_in_the_answer_and_otherwise_there_is_none(
    world: World, client: httpx.AsyncClient
) -> None:
    rotated = (await client.patch(ONE, json={"rotate_secret": True, "url": "https://example.com/2"})).json()
    assert (rotated["secret"], rotated["url"]) == ("n" * 43, "https://example.com/2")
    given = (await client.patch(ONE, json={"secret": "our own secret"})).json()
    assert given["secret"] == world.owners.asked[-1][0].secret == "our own secret"
    assert (await client.patch(ONE, json={"is_active": True})).json()["secret"] is None
    assert "our own secret" not in repr(world.owners.asked[-2][0])


@pytest.mark.parametrize(
    "body",
    [
        {"url": None},
        {"url": ""},
        {"url": "h" * 2049},
        {"events": None},
        {"events": "chat.message"},
        {"description": None},
        {"description": "x" * 501},
        {"is_active": None},
        {"is_active": "perhaps"},
        {"secret": None},
        {"rotate_secret": None},
        {"url": "https://example.com/\x00"},
        [],
    ],
)
async def test_a_field_that_is_named_must_have_a_value(
    world: World, client: httpx.AsyncClient, body: Any
) -> None:
    refused = await client.patch(ONE, json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_error")
    assert world.owners.asked == []


async def test_an_unknown_event_is_refused_in_the_words_of_the_contract(client: httpx.AsyncClient) -> None:
    refused = await client.patch(ONE, json={"events": ["zz"]})
    assert (refused.status_code, refused.json()["detail"]) == (
        422,
        "Invalid event type: zz. Valid: ['chat.message', 'source.failed', 'source.ingested']",
    )


async def test_a_test_answers_with_success_and_status_and_has_time(
    world: World, client: httpx.AsyncClient
) -> None:
    tested = await client.post(f"{ONE}/test")
    assert (tested.status_code, tested.json()) == (200, {"success": False, "status_code": None})
    asked, context = world.owners.asked[-1]
    assert isinstance(asked, PingWebhook) and context.command_id is not None
    assert context.remaining(0) > 15


async def test_the_log_is_a_list_like_every_other(world: World, client: httpx.AsyncClient) -> None:
    listed = await client.get(LOG, params={"limit": 2})
    assert listed.status_code == 200
    assert list(listed.json()[0]) == [
        *("id", "webhook_id", "event", "cause_id", "state", "attempts", "status_code", "reason"),
        *("scheduled_at", "next_attempt_at", "settled_at", "expired"),
    ]
    assert listed.headers["link"] == f'<{LOG}?limit=2&cursor=more>; rel="next"'
    await client.get(LOG, params={"cursor": "more"})
    assert world.owners.asked[-1][0] == ListDeliveries(webhook_id=WEBHOOK, limit=1000, cursor="more")
    for limit in ("0", "-1", "1001", "x"):
        assert (await client.get(LOG, params={"limit": limit})).status_code == 422


async def test_one_delivery_has_its_attempts(client: httpx.AsyncClient) -> None:
    read = (await client.get(f"{LOG}/{DELIVERY}")).json()
    assert (read["id"], read["attempts"]) == (DELIVERY, 1)
    assert read["attempt_log"] == [
        {
            "attempt": 1,
            "started_at": "2026-03-01T12:00:00Z",
            "status_code": 204,
            "error": None,
            "duration_ms": 12,
        }
    ]


async def test_a_redelivery_is_accepted_under_its_key(world: World, client: httpx.AsyncClient) -> None:
    for _ in range(2):
        accepted = await client.post(f"{LOG}/{DELIVERY}/redeliver", headers={"Idempotency-Key": "again"})
        assert (accepted.status_code, accepted.json()["id"]) == (202, DELIVERY)
    (first, one), (second, other) = world.owners.asked
    assert first == second == Redeliver(webhook_id=WEBHOOK, delivery_id=DELIVERY)
    assert one.command_id == other.command_id


async def test_the_document_does_not_promise_what_a_change_leaves_out(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    update = schemas["WebhookUpdate"]
    assert set(update["properties"]) == {
        *("url", "events", "description", "is_active", "secret", "rotate_secret")
    }
    assert not update.get("required")
    assert [name for name, field in update["properties"].items() if "default" in field] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/v1/webhooks/x"),
        ("POST", "/v1/webhooks/x/test"),
        ("GET", "/v1/webhooks/x/deliveries"),
        ("GET", f"{LOG}/x"),
        ("POST", f"{LOG}/x/redeliver"),
    ],
)
async def test_a_malformed_id_is_refused(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path, json={})).status_code == 422
