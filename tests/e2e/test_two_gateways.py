"""Any number of gateways serve one stack: what is done on one is seen on the other."""

from collections.abc import Iterator

import httpx
import pytest
from api import Tenant
from gateways import Gateway, second_gateway
from minirag_local.testing import Stack


@pytest.fixture
def other(stack: Stack) -> Iterator[Gateway]:
    """A second gateway."""
    with second_gateway(stack) as gateway:
        yield gateway


async def test_what_is_done_on_one_gateway_is_seen_on_the_other(other: Gateway, tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    async with httpx.AsyncClient(base_url=other.url, headers=tenant.headers, timeout=30) as client:
        assert (await client.get(f"/v1/bot-profiles/{bot_id}")).status_code == 200
        made = await client.post("/v1/bot-profiles", json={"name": "Over there"})
        assert made.status_code == 201
    assert (await tenant.call("GET", f"/v1/bot-profiles/{made.json()['id']}", 200))["name"] == "Over there"


async def test_a_killed_gateway_comes_back_at_its_address(other: Gateway, tenant: Tenant) -> None:
    before = other.url
    other.kill()
    other.start()
    assert other.url == before
    async with httpx.AsyncClient(base_url=other.url, headers=tenant.headers, timeout=30) as client:
        assert (await client.get("/v1/tenants/me")).json()["id"] == tenant.id
