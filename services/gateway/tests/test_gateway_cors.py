"""Pages of other origins."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from gateway_world import World
from minirag_contracts.errors import Unavailable
from minirag_gateway.entrypoints.http import cors
from minirag_gateway.entrypoints.http.cors import ORIGINS, Cors
from starlette.responses import PlainTextResponse

SHOP, OTHER, EMBEDDED = "https://shop.example", "https://other.example", "https://customer.example"


def preflight(origin: str, wanted: str = "authorization,content-type") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": wanted,
    }


@pytest.fixture
async def listed(start_world: Any) -> World:
    """A gateway that two pages may call."""
    world: World = await start_world(allowed_origins=f"{SHOP}, https://second.example")
    return world


async def test_a_preflight_of_any_page_is_answered_where_any_may_ask(world: World) -> None:
    answer = await world.client.options("/v1/chat", headers=preflight(OTHER))
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PATCH" in answer.headers["access-control-allow-methods"].split(", ")
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert "access-control-allow-credentials" not in answer.headers


async def test_only_listed_origins_are_named_and_caches_are_told(listed: World) -> None:
    for path in ("/health", "/v1/tenants/me", "/nothing"):
        ours = await listed.client.get(path, headers={"Origin": SHOP})
        assert ours.headers["access-control-allow-origin"] == SHOP
        assert "x-minirag-message-id" in ours.headers["access-control-expose-headers"].lower()
        theirs = await listed.client.get(path, headers={"Origin": OTHER})
        nobody = await listed.client.get(path)
        for answer in (theirs, nobody):
            assert "access-control-allow-origin" not in answer.headers
        for answer in (ours, theirs, nobody):
            assert "Origin" in answer.headers["vary"]
            assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_of_another_page_is_refused(listed: World) -> None:
    assert (await listed.client.options("/v1/chat", headers=preflight(SHOP))).status_code == 204
    for origin in (OTHER, "null", SHOP + ".evil.example", "https://SHOP.example/"):
        answer = await listed.client.options("/v1/chat", headers=preflight(origin))
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in answer.headers
        assert "Origin" in answer.headers["vary"]


async def test_options_that_is_no_preflight_is_a_405(world: World) -> None:
    answer = await world.client.options("/v1/chat")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.fixture
async def embedding() -> AsyncIterator[httpx.AsyncClient]:
    """The middleware over a bare application, with somebody who knows a further origin."""

    async def known(origin: str) -> bool:
        return origin == EMBEDDED

    app = Cors(PlainTextResponse("ok"), origins=[SHOP], exposed=["Link"], origin_allowed=known)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        yield client


@pytest.mark.parametrize(("origin", "allowed"), [(SHOP, True), (EMBEDDED, True), (OTHER, False)])
async def test_origins_that_somebody_knows_are_allowed_beside_the_list(
    embedding: httpx.AsyncClient, origin: str, allowed: bool
) -> None:
    asked = await embedding.options("/", headers=preflight(origin))
    got = await embedding.get("/", headers={"Origin": origin})
    for answer in (asked, got):
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
    assert (got.status_code, got.text) == (200, "ok")


class Origins:
    """Whoever knows a further origin, and how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False

    async def known(self, origin: str) -> bool:
        """As the database does."""
        self.asked.append(origin)
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("The database cannot be reached at the moment.")
        return origin == EMBEDDED

    def client(self) -> httpx.AsyncClient:
        """Of the middleware over a bare application."""
        app = Cors(PlainTextResponse("ok"), origins=[SHOP], exposed=[], origin_allowed=self.known)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")


async def test_an_origin_is_looked_up_once_in_a_while_and_few_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    origins = Origins()
    async with origins.client() as client:
        answers = await asyncio.gather(*(client.get("/", headers={"Origin": EMBEDDED}) for _ in range(5)))
        answers += [await client.get("/", headers={"Origin": EMBEDDED})]
        assert {answer.headers["access-control-allow-origin"] for answer in answers} == {EMBEDDED}
        assert origins.asked == [EMBEDDED]
        for number in range(ORIGINS):
            await client.get("/", headers={"Origin": f"https://{number}.example"})
        assert len(origins.asked) == 1 + ORIGINS
        await client.get("/", headers={"Origin": EMBEDDED})
        assert origins.asked[-1] == EMBEDDED, "it was the oldest of more than are remembered"

    monkeypatch.setattr(cors, "BELIEVED", 0.1)
    origins = Origins()
    async with origins.client() as client:
        await client.get("/", headers={"Origin": OTHER})
        await asyncio.sleep(0.15)
        await client.get("/", headers={"Origin": OTHER})
    assert origins.asked == [OTHER, OTHER]


async def test_where_nobody_can_tell_the_answer_is_a_problem_and_is_not_remembered() -> None:
    origins = Origins()
    origins.away = True
    async with origins.client() as client:
        for answer in (
            await client.get("/", headers={"Origin": EMBEDDED}),
            await client.options("/", headers=preflight(EMBEDDED)),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert answer.headers["content-type"] == "application/problem+json"
            assert (answer.headers["retry-after"], answer.headers["vary"]) == ("1", "Origin")
        assert (await client.get("/", headers={"Origin": SHOP})).status_code == 200
        origins.away = False
        assert (await client.get("/", headers={"Origin": EMBEDDED})).status_code == 200
