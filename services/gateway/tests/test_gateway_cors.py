"""Pages of other origins."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from gateway_world import World
from minirag_gateway.entrypoints.http.cors import Cors
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
