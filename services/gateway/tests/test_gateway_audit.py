"""``GET /v1/audit``, the schemas and the AsyncAPI document through HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from gateway_world import PASSWORD, World
from minirag_contracts.asyncapi import document
from minirag_contracts.context import Context
from minirag_contracts.events.gateway import TenantUpdated
from minirag_contracts.ids import new_id


@pytest.fixture
async def owner(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """The owner of a tenant."""
    async with await world.a_client() as owner:
        yield owner


async def tenant_of(owner: httpx.AsyncClient) -> UUID:
    return UUID((await owner.get("/v1/tenants/me")).json()["id"])


async def rename(world: World, tenant_id: UUID, times: int = 1, **fields: Any) -> Context:
    """Something that somebody did."""
    fields = {"actor": "user:somebody", "via": "token:1", **fields}
    context = Context(tenant_id=tenant_id, correlation_id=new_id(), command_id=new_id(), **fields)
    async with world.runtime.store.transaction(context.scope) as transaction:
        renamed = [TenantUpdated(name=f"Name {n}") for n in range(times)]
        await transaction.append(context, f"rename-{new_id()}", 0, renamed)
    return context


async def test_the_log_says_who_did_what_when_from_where(world: World, owner: httpx.AsyncClient) -> None:
    tenant_id = await tenant_of(owner)
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    context = await rename(world, tenant_id, address="192.0.2.7", agent="curl/8", traceparent=trace)
    newest = (await owner.get("/v1/audit")).json()[0]
    assert newest == newest | {
        "type": "tenant.updated",
        "actor": "user:somebody",
        "via": "token:1",
        "address": "192.0.2.7",
        "agent": "curl/8",
        "trace_id": "ab" * 16,
        "correlation_id": str(context.correlation_id),
        "data": {"name": "Name 0"},
    }
    assert newest["time"].endswith("Z")
    assert set(newest) == {
        *("id", "time", "type", "subject", "actor", "via", "address", "agent"),
        *("trace_id", "correlation_id", "data"),
    }


async def test_a_sign_up_is_in_the_log_without_the_hash_of_its_token(owner: httpx.AsyncClient) -> None:
    entries = (await owner.get("/v1/audit")).json()
    assert sorted(entry["type"] for entry in entries) == ["tenant.created", "token.created", "user.created"]
    assert not any("token_hash" in entry["data"] for entry in entries)
    assert {entry["actor"] for entry in entries} == {"anonymous"}


async def test_pages_lead_through_the_whole_log(world: World, owner: httpx.AsyncClient) -> None:
    tenant_id = await tenant_of(owner)
    await rename(world, tenant_id, 5)
    whole = (await owner.get("/v1/audit")).json()
    seen, url = [], "/v1/audit?limit=3&types=tenant.%3E,user.*,token.*"
    while url:
        response = await owner.get(url)
        seen += response.json()
        url = response.links.get("next", {}).get("url", "")
        await rename(world, tenant_id)
    assert seen == whole
    assert len(whole) == 8


async def test_the_log_is_chosen_from(world: World, owner: httpx.AsyncClient) -> None:
    tenant_id = await tenant_of(owner)
    moment = datetime.now(UTC)
    await rename(world, tenant_id, 2, actor="user:other")

    async def count(**params: str) -> int:
        response = await owner.get("/v1/audit", params=params)
        assert response.status_code == 200, response.text
        return len(response.json())

    assert await count(actor="user:other") == 2
    assert await count(types="token.created,user.>") == 2
    assert await count(**{"from": moment.isoformat()}) == 2
    assert await count(to=moment.isoformat()) == 3
    assert await count(to=(moment - timedelta(days=1)).isoformat()) == 0
    assert await count(**{"from": "2026-01-01", "to": "9999-12-31T23:59:59Z"}) == 5


async def test_what_cannot_be_asked_is_refused(owner: httpx.AsyncClient) -> None:
    wrong = (
        "limit=0",
        "cursor=x",
        "types=nothing",
        "from=yesterday",
        "to=9999-12-31T23:59:59-12:00",
        "actor=%00",
    )
    for query in wrong:
        response = await owner.get(f"/v1/audit?{query}")
        assert response.status_code == 422, response.text
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("role", ["admin", "member"])
async def test_only_owners_read_it(world: World, owner: httpx.AsyncClient, role: str) -> None:
    who = {"email": "somebody@example.com", "password": PASSWORD}
    assert (await owner.post("/v1/users", json={**who, "role": role})).status_code == 201
    token = (await world.sign_in(*who.values())).json()["access_token"]
    answer = await world.client.get("/v1/audit", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert (await world.client.get("/v1/audit")).status_code == 401


async def test_without_one_owner_there_is_no_log(world: World, owner: httpx.AsyncClient) -> None:
    world.owners.away.add("webhooks")
    assert (await owner.get("/v1/audit")).status_code == 503


async def test_the_documents_of_events_are_public(world: World) -> None:
    described = await world.client.get("/asyncapi.json")
    assert described.json() == document()
    schema = (await world.client.get("/v1/schemas/token.created")).json()
    assert "token_hash" not in schema["properties"]
    assert "token_hash" not in schema["required"]
    assert (await world.client.get("/v1/schemas/nothing.here")).status_code == 404
