"""Limits as clients meet them: headers, 429, and what has no part in them."""

import asyncio
import json
import logging
from typing import Any
from uuid import uuid4

import httpx
import pytest
from gateway_world import World, a_sign_up
from minirag_contracts.requests.chat import GetBot, ListBots, TurnRead
from minirag_contracts.requests.ingest import UploadSource
from minirag_gateway.entrypoints.http import limits
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer

HEADERS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


pytestmark = pytest.mark.usefixtures("one_window", "patient_counters")


def told(response: httpx.Response) -> tuple[int, int, int]:
    """Limit, remaining, reset."""
    limit, remaining, reset = (int(response.headers[name]) for name in HEADERS)
    return limit, remaining, reset


def limited(response: httpx.Response, sentence: str) -> None:
    """It is the 429 that the contract describes, and names this limit."""
    assert response.status_code == 429, response.text
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (body["code"], body["title"], body["status"]) == ("rate_limited", "Too Many Requests", 429)
    assert sentence in body["detail"]
    assert 1 <= int(response.headers["retry-after"]) <= 3600
    assert told(response)[1] == 0


async def test_every_authenticated_answer_tells_what_is_left_of_the_tightest_limit(start_world: Any) -> None:
    world: World = await start_world(limit_token_requests=50, limit_tenant_requests=1000)
    async with await world.a_client() as client:
        first = await client.get("/v1/tenants/me")
        assert told(first)[:2] == (50, 49)
        assert 1 <= told(first)[2] <= 60
        refused = [
            await client.get(f"/v1/bot-profiles/{uuid4()}"),
            await client.get("/v1/bot-profiles/garbage"),
            await client.post("/v1/bot-profiles", content=b"{"),
        ]
        assert [response.status_code for response in refused] == [404, 422, 422]
        assert [told(response)[1] for response in refused] == [48, 47, 46]
    assert "ratelimit-limit" not in (await world.client.get("/health")).headers


async def test_beyond_the_limit_of_a_token_nothing_reaches_an_owner_and_others_go_on(
    start_world: Any,
) -> None:
    world: World = await start_world(limit_token_requests=3)
    async with await world.a_client() as client, await world.a_client() as other:
        assert [(await client.get("/v1/bot-profiles")).status_code for _ in range(5)] == [200] * 3 + [429] * 2
        assert sum(isinstance(request, ListBots) for request, _ in world.owners.asked) == 3
        limited(await client.get("/v1/tenants/me"), "requests with this token or session: at most 3 a minute")
        assert (await other.get("/v1/tenants/me")).status_code == 200


async def test_all_tokens_of_a_tenant_share_its_limit(start_world: Any) -> None:
    world: World = await start_world(limit_token_requests=5, limit_tenant_requests=4)
    async with await world.a_client() as client:
        answers = [await client.get("/v1/tenants/me") for _ in range(5)]
        assert [told(answer)[:2] for answer in answers[:4]] == [(4, left) for left in (3, 2, 1, 0)]
        limited(answers[4], "requests of this tenant")


async def test_limits_of_zero_are_none(start_world: Any) -> None:
    world: World = await start_world(limit_token_requests=0, limit_tenant_requests=0)
    async with await world.a_client() as client:
        answers = await asyncio.gather(*(client.get("/v1/tenants/me") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert not set(HEADERS) & set(answers[0].headers)


async def test_sign_ups_are_limited_by_address_whatever_a_header_says(start_world: Any) -> None:
    world: World = await start_world(limit_signups=2)
    for number in range(4):
        spoofed = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
        response = await world.client.post("/v1/tenants", json=a_sign_up(), headers=spoofed)
        assert response.status_code == (201 if number < 2 else 429)
    limited(response, "sign-ups from this address: at most 2 an hour")


async def test_behind_a_trusted_proxy_each_client_has_its_own_limit(start_world: Any) -> None:
    world: World = await start_world(limit_signups=1, trusted_proxies="127.0.0.0/8")

    async def sign_up(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return (await world.client.post("/v1/tenants", json=a_sign_up(), headers=headers)).status_code

    assert await sign_up("203.0.113.1") == 201
    assert await sign_up("203.0.113.1") == 429
    assert await sign_up("1.1.1.1, 203.0.113.1") == 429
    assert await sign_up("203.0.113.2") == 201
    assert await sign_up("2001:db8:0:1::1") == 201
    assert await sign_up("2001:db8:0:1::2") == 429
    assert await sign_up("2001:db8:0:2::1") == 201


async def test_the_address_reaches_owners_and_no_log_line(
    start_world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world: World = await start_world(trusted_proxies="127.0.0.0/8")
    async with await world.a_client() as client:
        await client.get(f"/v1/bot-profiles/{uuid4()}", headers={"X-Forwarded-For": "203.0.113.77"})
    request, context = world.owners.asked[-1]
    assert isinstance(request, GetBot)
    assert context.address == "203.0.113.77"
    assert any(record.name == "minirag_gateway.access" for record in caplog.records)
    assert "203.0.113.77" not in str([vars(record) for record in caplog.records])


async def test_guessing_is_limited_by_address_and_good_tokens_are_not_slowed(start_world: Any) -> None:
    world: World = await start_world(limit_failed_authentications=5)
    async with await world.a_client() as client:
        tries = [
            await world.client.get("/v1/tenants/me", headers={"Authorization": f"Bearer {number:043d}"})
            for number in range(8)
        ]
        assert [response.status_code for response in tries] == [401] * 5 + [429] * 3
        limited(tries[-1], "requests without valid credentials from this address")
        assert (await world.client.get("/v1/tenants/me")).status_code == 429
        assert (await client.get("/v1/tenants/me")).status_code == 200


async def test_without_the_bus_no_limit_is_open(start_world: Any, nats: NatsServer) -> None:
    world: World = await start_world(limit_signups=4, limit_token_requests=0, limit_tenant_requests=0)
    nats.kill()
    responses = [await world.sign_up() for _ in range(4)]
    assert [response.status_code for response in responses] == [201, 503, 503, 503]
    assert responses[-1].json()["code"] == "unavailable"
    assert responses[-1].headers["retry-after"] == "1"
    nats.start()


async def a_running_turn(world: World) -> str:
    """The path of a stream that stays open."""
    chat_id, message_id = uuid4(), uuid4()
    world.owners.turns[message_id] = TurnRead(chat_id=chat_id, message_id=message_id, state="running")
    return f"/v1/chat/{chat_id}/messages/{message_id}/stream"


async def test_open_streams_of_a_tenant_are_limited_and_closed_ones_are_not_counted(start_world: Any) -> None:
    world: World = await start_world(limit_streams=2, turn_quiet=0.2, heartbeat=0.1, drain=1)
    path = await a_running_turn(world)
    async with await world.a_client() as client, await world.a_client() as other:
        bot_id = await world.a_bot(client)
        body = {"bot_profile_id": bot_id, "message": "Hello"}
        async with client.stream("GET", path) as first, client.stream("GET", path) as second:
            assert (first.status_code, second.status_code) == (200, 200)
            refused = await client.get(path)
            limited(refused, "open streams of this tenant: at most 2 at a time")
            limited(await client.post("/v1/chat", json=body | {"stream": True}), "open streams")
            waiting = await client.post("/v1/chat", json=body)  # who waits for an answer holds as much
            limited(waiting, "open streams")
            assert not world.owners.started  # refused before it took effect
            async with other.stream("GET", path) as elsewhere:
                assert elsewhere.status_code == 200
        async with asyncio.timeout(5):
            while True:
                async with client.stream("GET", path) as again:
                    if again.status_code == 200:
                        break
                await asyncio.sleep(0.05)


async def test_uploaded_bytes_are_counted_as_they_come(start_world: Any) -> None:
    world: World = await start_world(limit_upload_bytes=300_000)
    async with await world.a_client() as client:
        bot_id = await world.a_bot(client)

        async def upload(size: int) -> httpx.Response:
            files, data = {"file": ("a.txt", b"x" * size)}, {"bot_profile_id": bot_id}
            return await client.post("/v1/sources/upload", files=files, data=data)

        assert (await upload(100_000)).status_code == 201
        assert told(await upload(100_000))[0] == 600  # bytes are no requests
        refused = await upload(400_000)
        assert refused.status_code == 429
        assert "uploaded bytes of this tenant: at most 300000 an hour" in refused.json()["detail"]
        assert sum(isinstance(request, UploadSource) for request, _ in world.owners.asked) == 2
        assert (await client.get("/v1/tenants/me")).status_code == 200


async def test_the_document_says_which_routes_are_limited_and_how_it_is_told(world: World) -> None:
    spec = (await world.client.get("/openapi.json")).json()
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            is_limited = bool(operation["security"]) or method == "post" or path == "/v1/system/health"
            assert ("429" in operation["responses"]) == is_limited, (method, path)
            for status, answer in operation["responses"].items():
                component = answer.get("$ref", "").removeprefix("#/components/responses/")
                headers = (
                    spec["components"]["responses"][component]["headers"] if component else answer["headers"]
                )
                if is_limited or not component:
                    assert (set(limits.HEADERS) <= set(headers)) == is_limited, (method, path, status)
                assert ("Retry-After" in headers) == (status in ("429", "503")), (method, path, status)
                for name in {*limits.HEADERS, "Retry-After"} & set(headers):
                    assert headers[name] == {"$ref": f"#/components/headers/{name}"}
    assert {*limits.HEADERS, "Retry-After"} <= set(spec["components"]["headers"])


async def test_pages_of_other_origins_may_read_what_is_left(world: World) -> None:
    async with await world.a_client() as client:
        answer = await client.get("/v1/tenants/me", headers={"Origin": "https://shop.example"})
    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert {*HEADERS, "retry-after", "x-request-id", "link"} <= set(exposed)


async def test_counters_on_the_bus_name_nobody(start_world: Any, bus: Bus) -> None:
    world: World = await start_world(limit_signups=5)
    await world.sign_up()
    subjects = json.loads(
        (await bus.replies.request("$JS.API.STREAM.INFO.LIMITS_LONG", b'{"subjects_filter": ">"}')).data
    )["state"]["subjects"]
    assert len(subjects) == 1
    assert "127" not in next(iter(subjects)).split(".")
