"""One tenant's load does not keep the others waiting. Asserted by order, which no other load of the machine changes."""

import asyncio
import random
from collections.abc import AsyncIterator

import httpx
import pytest
from api import Tenant
from minirag_local.testing import Stack

LOAD = 240
OTHERS = 19
MEANWHILE = 160
"""Documents of the load that may end while nineteen others do: they share the places, half and half, and it is never alone."""
WORDS = (
    "harbour",
    "lighthouse",
    "captain",
    "anchor",
    "tide",
    "storm",
    "chart",
    "compass",
    "rope",
    "sail",
    "keel",
    "mast",
)


@pytest.fixture
async def tenants(stack: Stack) -> AsyncIterator[list[Tenant]]:
    """The one that loads, and the others."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=120) as client:
        yield [await Tenant.sign_up(client, f"T{number}") for number in range(1 + OTHERS)]


def a_text(chosen: random.Random) -> str:
    return " ".join(f"{' '.join(chosen.sample(WORDS, 9)).capitalize()}." for _ in range(12))


async def bot_of(tenant: Tenant) -> str:
    return str((await tenant.call("POST", "/v1/bot-profiles", 201, json={"name": "Guide"}))["id"])


async def loading(tenant: Tenant, chosen: random.Random) -> str:
    children = [{"name": f"Page {n}", "source_type": "text", "content": a_text(chosen)} for n in range(LOAD)]
    body = {
        "bot_profile_id": await bot_of(tenant),
        "name": "Load",
        "source_type": "text",
        "children": children,
    }
    batch = await tenant.call("POST", "/v1/sources/batch", 201, json=body)
    parent = str(batch["parent"]["id"])
    queued = await tenant.call("POST", f"/v1/sources/{parent}/ingest-children", 202)
    assert queued["enqueued"] == LOAD
    return parent


async def ready(tenant: Tenant, parent: str) -> int:
    children = await tenant.call("GET", f"/v1/sources/{parent}/children?limit=1000", 200)
    assert not [child for child in children if child["status"] == "error"]
    return sum(child["status"] == "ready" for child in children)


async def single(tenant: Tenant, text: str) -> None:
    body = {"bot_profile_id": await bot_of(tenant), "name": "Note", "source_type": "text", "content": text}
    source = await tenant.call("POST", "/v1/sources", 201, json=body)
    await tenant.call("POST", f"/v1/sources/{source['id']}/ingest", 202)
    async with asyncio.timeout(60):
        while (found := await tenant.call("GET", f"/v1/sources/{source['id']}", 200))["status"] != "ready":
            assert found["status"] != "error", found
            await asyncio.sleep(0.02)


async def test_nineteen_single_documents_are_found_long_before_a_load_is_through(
    tenants: list[Tenant],
) -> None:
    chosen = random.Random(19)
    bulk, *others = tenants
    parent = await loading(bulk, chosen)
    before = await ready(bulk, parent)
    await asyncio.gather(*(single(tenant, a_text(chosen)) for tenant in others))
    after = await ready(bulk, parent)
    assert after < LOAD, "the load was through first"
    assert after - before <= MEANWHILE, "the others had to wait for the load"
    async with asyncio.timeout(120):
        while await ready(bulk, parent) < LOAD:
            await asyncio.sleep(0.2)
