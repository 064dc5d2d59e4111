"""Limits of two real gateways over one stack, and who may sign up on a third."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from api import Tenant
from gateways import Gateway, second_gateway
from minirag_local.testing import Stack

SPOOFED = {"X-Forwarded-For": "203.0.113.5", "Forwarded": "for=203.0.113.5", "X-Real-IP": "203.0.113.5"}

LIMITS = {
    "MINIRAG_LIMIT_TOKEN_REQUESTS": "200",
    "MINIRAG_LIMIT_STREAMS": "3",
    "MINIRAG_LIMIT_SIGNUPS": "6",
    "MINIRAG_LIMIT_FAILED_AUTHENTICATIONS": "10",
}


SLOW = "openai/slow--tokens-400--gap-50"


@pytest.fixture(scope="module")
def pair(stack: Stack) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways with the same limits."""
    with second_gateway(stack, LIMITS) as first, second_gateway(stack, LIMITS) as second:
        yield first, second


async def early_in_a_window(ask: Callable[[], Awaitable[httpx.Response]]) -> None:
    """Waits for the next window where this one is about to end or to be full. ``ask`` has spent one of the window's then."""
    while True:
        answer = await ask()
        reset = int(answer.headers["ratelimit-reset"])
        if answer.status_code != 429 and reset > 20:
            return
        await asyncio.sleep(reset)


async def test_the_limit_of_a_token_holds_across_both(pair: tuple[Gateway, Gateway], tenant: Tenant) -> None:
    async with (
        httpx.AsyncClient(base_url=pair[0].url, timeout=60) as first,
        httpx.AsyncClient(base_url=pair[1].url, timeout=60) as second,
    ):
        await early_in_a_window(lambda: first.get("/v1/tenants/me", headers=tenant.headers))
        answers = [
            await client.get("/v1/tenants/me", headers={**tenant.headers, **SPOOFED})
            for _ in range(130)
            for client in (first, second)
        ]
    allowed = sum(answer.status_code == 200 for answer in answers)
    assert allowed == 200 - 1  # both go on asking, so what either has leased is spent
    last = answers[-1]
    assert (last.status_code, last.json()["code"]) == (429, "rate_limited")
    assert "requests with this token or session: at most 200 a minute" in last.json()["detail"]
    assert last.headers["ratelimit-limit"] == "200"
    assert last.headers["ratelimit-remaining"] == "0"
    assert 1 <= int(last.headers["retry-after"]) <= 60


async def test_failed_authentications_are_counted_by_the_address_that_connects(
    pair: tuple[Gateway, Gateway], tenant: Tenant
) -> None:
    async with httpx.AsyncClient(timeout=60) as client:
        await early_in_a_window(lambda: client.get(f"{pair[0].url}/v1/tenants/me"))
        statuses = []
        for number in range(24):
            headers = {"Authorization": f"Bearer {number:043d}", "X-Forwarded-For": f"203.0.113.{number}"}
            url = f"{pair[number % 2].url}/v1/tenants/me"
            statuses.append((await client.get(url, headers=headers)).status_code)
        assert statuses == 9 * [401] + 15 * [429]
        for gateway in pair:
            good = await client.get(f"{gateway.url}/v1/tenants/me", headers=tenant.headers)
            assert good.status_code == 200


async def test_sign_ups_are_counted_by_the_address_that_connects(pair: tuple[Gateway, Gateway]) -> None:
    async with httpx.AsyncClient(timeout=60) as client:
        await early_in_a_window(lambda: client.post(f"{pair[0].url}/v1/tenants", json={}))
        statuses = []
        for number in range(14):
            body = {
                "tenant_name": "Many",
                "tenant_slug": f"many-{os.urandom(6).hex()}",
                "owner_email": "owner@example.com",
                "owner_password": "a long password",
            }
            headers = {"X-Forwarded-For": f"203.0.113.{number}"}
            response = await client.post(f"{pair[number % 2].url}/v1/tenants", json=body, headers=headers)
            statuses.append(response.status_code)
    assert statuses == 5 * [201] + 9 * [429]


async def test_open_streams_hold_across_both_and_those_of_a_killed_gateway_are_forgotten(
    stack: Stack, pair: tuple[Gateway, Gateway], tenant: Tenant
) -> None:
    bot_id = await tenant.bot(model=SLOW)
    async with AsyncExitStack() as streams:
        client = await streams.enter_async_context(httpx.AsyncClient(headers=tenant.headers, timeout=60))
        body = {"bot_profile_id": bot_id, "message": "Tell me everything", "stream": True}
        turn = client.stream("POST", f"{pair[0].url}/v1/chat", json=body)
        first = await streams.enter_async_context(turn)
        assert first.status_code == 200
        chat_id, message_id = first.headers["x-minirag-chat-id"], first.headers["x-minirag-message-id"]
        path = f"/v1/chat/{chat_id}/messages/{message_id}/stream"
        with second_gateway(stack, LIMITS) as doomed:
            for _ in range(2):
                more = await streams.enter_async_context(client.stream("GET", doomed.url + path))
                assert more.status_code == 200
            for gateway in (doomed, *pair):
                refused = await client.get(gateway.url + path)
                assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
                assert "open streams of this tenant: at most 3" in refused.json()["detail"]
            doomed.kill()
        killed = time.monotonic()
        while True:
            again = await streams.enter_async_context(client.stream("GET", pair[1].url + path))
            if again.status_code == 200:
                break
            assert time.monotonic() < killed + 8
            await asyncio.sleep(0.1)


def invite(stack: Stack, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """``minirag invite``."""
    return subprocess.run(
        [sys.executable, "-m", "minirag_local", "invite", *arguments],
        env={**stack.environment, "MINIRAG_DATA_DIR": str(stack.data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def sign_up(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    body = {
        "tenant_name": "Invited",
        "tenant_slug": f"invited-{os.urandom(6).hex()}",
        "owner_email": "owner@example.com",
        "owner_password": "a long password",
    }
    return await client.post("/v1/tenants", json=body | fields)


async def test_where_it_takes_an_invite_the_operator_makes_one(stack: Stack) -> None:
    with second_gateway(stack, {"MINIRAG_SIGNUP": "invite"}) as gateway:
        async with httpx.AsyncClient(base_url=gateway.url, timeout=60) as client:
            assert (await sign_up(client)).json()["code"] == "invite_required"
            made = invite(stack, "--days", "2")
            assert made.returncode == 0, made.stderr
            secret = made.stdout.splitlines()[0]
            assert (await sign_up(client, invite=secret)).status_code == 201
            again = await sign_up(client, invite=secret)
            assert (again.status_code, again.json()["code"]) == (403, "invalid_invite")
    assert "1 to 365 days" in invite(stack, "--days", "0").stderr
    assert secret not in stack.logs()


async def test_where_it_is_closed_nobody_signs_up(stack: Stack) -> None:
    with second_gateway(stack, {"MINIRAG_SIGNUP": "closed"}) as gateway:
        async with httpx.AsyncClient(base_url=gateway.url, timeout=60) as client:
            refused = await sign_up(client)
    assert (refused.status_code, refused.json()["code"]) == (403, "signup_closed")


async def test_the_stack_itself_is_open_and_its_tests_are_not_limited(http: httpx.AsyncClient) -> None:
    assert (await sign_up(http)).status_code == 201
    answers = [await http.get("/v1/tenants/me") for _ in range(80)]
    assert {answer.status_code for answer in answers} == {401}
