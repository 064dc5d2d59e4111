"""``/v1/system``: public health that tells nothing of the inside, and the tenant's own figures."""

import asyncio
import platform
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from gateway_world import World
from minirag_contracts.context import Context
from minirag_contracts.requests.common import HealthCheck, HealthReply
from minirag_gateway.entrypoints.http import system

SECRETS = {
    "database": "OperationalError: password authentication failed for user chat at 10.0.0.7:5432",
    "vectors": "ConnectionRefusedError: qdrant 1.13.2 at vectors.internal",
}

KEYS = {
    "db_stats": (
        *("sources_by_status", "total_chunks", "total_messages", "total_chats", "total_usage_events"),
        *("total_prompt_tokens", "total_completion_tokens"),
    ),
    "qdrant_stats": (
        *("collection", "vectors_count", "points_count", "segments_count", "status", "disk_data_size_mb"),
        "ram_data_size_mb",
    ),
    "redis_stats": (
        *("used_memory_human", "used_memory_peak_human", "connected_clients", "uptime_seconds", "db_keys"),
    ),
    "config": (
        *("database_url", "redis_url", "qdrant_url", "encryption_configured", "jwt_configured"),
        *("jwt_expire_minutes", "default_llm_model", "default_embedding_model", "cors_origins"),
    ),
}


@pytest.fixture
async def client(world: World) -> Any:
    async with await world.a_client() as client:
        yield client


async def break_everything(world: World) -> None:
    """Every service answers that it is broken, and says more than a client may know."""

    async def broken(request: HealthCheck, context: Context) -> HealthReply:
        return HealthReply(status="error", checks=SECRETS, details={"version": "PostgreSQL 18.6"})

    await world.owners.stop()
    world.owners.health = broken  # type: ignore[method-assign]
    await world.owners.start()


async def test_a_broken_part_is_named_without_its_error(world: World) -> None:
    await break_everything(world)
    response = await world.client.get("/v1/system/health")
    body = response.json()
    assert (response.status_code, body["status"]) == (200, "degraded")
    part = body["services"]["chat"]
    assert (part["status"], part["detail"], part["version"]) == (
        "error",
        "The service cannot do all of its work.",
        None,
    )
    assert body["qdrant"]["status"] == "error"
    for secret in ("password", "10.0.0.7", "qdrant 1.13", "vectors.internal", "18.6", "Error:"):
        assert secret not in response.text, secret
    for part in (body["postgres"], body["qdrant"], body["redis"], *body["services"].values()):
        assert set(part) == {"status", "detail", "version", "latency_ms"}
        assert part["version"] is None


async def looks_at(world: World) -> list[Context]:
    """From now on, one for each service that is asked how it is."""
    asked: list[Context] = []

    async def counted(request: HealthCheck, context: Context) -> HealthReply:
        asked.append(context)
        return HealthReply(status="ok", checks={}, details={})

    await world.owners.stop()
    world.owners.health = counted  # type: ignore[method-assign]
    await world.owners.start()
    return asked


async def test_everybody_who_asks_at_once_is_told_of_one_look(
    start_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "BELIEVED", 60)
    world: World = await start_world()
    asked = await looks_at(world)
    await asyncio.gather(*(world.client.get("/v1/system/health") for _ in range(20)))
    async with await world.a_client() as client:
        await client.get("/v1/system/health/detailed")
    assert len(asked) == len(world.owners.servers)


async def test_a_look_is_believed_for_a_moment(start_world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "BELIEVED", 0.05)
    world: World = await start_world()
    asked = await looks_at(world)
    for looks in (1, 2):
        assert (await world.client.get("/v1/system/health")).json()["status"] == "ok"
        assert len(asked) == looks * len(world.owners.servers)
        await asyncio.sleep(system.BELIEVED)


@pytest.mark.usefixtures("one_window")
async def test_health_is_limited_by_address_and_the_plain_one_is_not(
    start_world: Any,
) -> None:
    world: World = await start_world(limit_public_gets=3)
    answers = [await world.client.get("/v1/system/health") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["code"] == "rate_limited" and int(answers[3].headers["retry-after"]) > 0
    assert (await world.client.get("/health")).json() == {"status": "ok"}


async def test_the_disk_is_looked_at_once_a_second() -> None:
    looks: list[int] = []

    def is_low() -> bool:
        looks.append(1)
        return True

    health = system.Health(SimpleNamespace(disk_is_low=is_low))  # type: ignore[arg-type]
    assert all(await asyncio.gather(*(health.disk_is_low() for _ in range(20))))
    assert await health.disk_is_low() and len(looks) == 1
    await asyncio.sleep(system.BELIEVED)
    assert await health.disk_is_low() and len(looks) == 2


async def test_the_details_have_the_keys_of_the_contract_and_the_tenants_figures(
    world: World, client: httpx.AsyncClient
) -> None:
    bots = [await world.a_bot(client) for _ in range(2)]
    body = (await client.get("/v1/system/health/detailed")).json()
    assert list(body) == [
        *("status", "postgres", "qdrant", "redis", "disk", "services"),
        *("uptime_seconds", "python_version", "platform"),
        *("db_stats", "qdrant_stats", "redis_stats", "bot_sources", "config"),
    ]
    assert {name: tuple(body[name]) for name in KEYS} == KEYS
    assert body["status"] == "ok"
    assert body["db_stats"] == {
        "sources_by_status": {"ready": 1, "error": 1},
        "total_chunks": 42,
        "total_messages": 6,
        "total_chats": 3,
        "total_usage_events": 3,
        "total_prompt_tokens": 4,
        "total_completion_tokens": 5,
    }
    assert body["qdrant_stats"]["points_count"] == 42
    shown = {"bot_name": "Helpdesk", "model": "minirag/extractive", "is_active": True}
    assert body["bot_sources"] == [
        {"bot_profile_id": bots[0], **shown, "source_count": 2, "ready_sources": 1, "total_chunks": 42},
        {"bot_profile_id": bots[1], **shown, "source_count": 0, "ready_sources": 0, "total_chunks": 0},
    ]


async def test_the_details_say_nothing_of_the_operators_machines(
    world: World, client: httpx.AsyncClient
) -> None:
    response = await client.get("/v1/system/health/detailed")
    body = response.json()
    assert [body[key] for key in ("uptime_seconds", "python_version", "platform")] == [None] * 3
    assert set(body["redis_stats"].values()) == {None}
    assert {key for key, value in body["qdrant_stats"].items() if value is not None} == {"points_count"}
    for url in ("database_url", "redis_url", "qdrant_url", "cors_origins"):
        assert body["config"][url] is None
    assert (body["config"]["encryption_configured"], body["config"]["jwt_configured"]) == (True, True)
    for secret in (platform.python_version(), platform.node(), "postgresql://", "nats://"):
        assert secret not in response.text


async def test_the_details_ask_each_owner_once_however_many_bots_there_are(
    world: World, client: httpx.AsyncClient
) -> None:
    for _ in range(5):
        await world.a_bot(client)
    before = len(world.owners.asked)
    assert len((await client.get("/v1/system/health/detailed")).json()["bot_sources"]) == 5
    assert sorted(request.verb for request, _ in world.owners.asked[before:]) == [
        *("bots.list", "index.summary", "sources.summary", "totals")
    ]


async def test_the_details_show_all_bots_however_few_fit_into_a_reply(
    world: World, client: httpx.AsyncClient
) -> None:
    bots = [await world.a_bot(client) for _ in range(3)]
    world.owners.bots_of_a_page = 1
    body = (await client.get("/v1/system/health/detailed")).json()
    assert [bot["bot_profile_id"] for bot in body["bot_sources"]] == bots


async def test_another_tenant_sees_its_own_bots(world: World, client: httpx.AsyncClient) -> None:
    await world.a_bot(client)
    async with await world.a_client() as other:
        assert (await other.get("/v1/system/health/detailed")).json()["bot_sources"] == []


@pytest.mark.parametrize(
    ("away", "missing"),
    [
        ("analytics", {"db_stats.total_messages", "db_stats.total_usage_events"}),
        ("ingest", {"db_stats.sources_by_status", "db_stats.total_chunks", "bot_sources"}),
        ("retrieval", {"qdrant_stats.points_count"}),
        ("chat", {"bot_sources"}),
    ],
)
async def test_what_a_service_cannot_tell_is_null_and_never_a_500(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, away: str, missing: set[str]
) -> None:
    monkeypatch.setattr(system, "TIMEOUT", 1.0)
    services = ["chat", "ingest", "webhooks", "analytics", "retrieval"]
    await world.owners.servers[services.index(away)].drain(1)
    response = await client.get("/v1/system/health/detailed")
    body = response.json()
    assert (response.status_code, body["status"]) == (200, "degraded"), response.text
    assert body["services"][away]["status"] == "error"
    figures = {
        "bot_sources": body["bot_sources"],
        **{f"db_stats.{key}": value for key, value in body["db_stats"].items()},
        "qdrant_stats.points_count": body["qdrant_stats"]["points_count"],
    }
    nulls = {key for key, value in figures.items() if value is None}
    assert missing <= nulls
    if away != "analytics":
        assert nulls == missing


async def test_the_details_are_for_those_who_may_read_them(world: World) -> None:
    assert (await world.client.get("/v1/system/health/detailed")).status_code == 401


async def test_both_documentation_pages_are_one_without_scripts(world: World) -> None:
    docs, redoc = await world.client.get("/docs"), await world.client.get("/redoc")
    assert (docs.status_code, redoc.status_code, redoc.text) == (200, 200, docs.text)
    assert redoc.headers["content-type"] == "text/html; charset=utf-8"
    assert "/v1/stats/latency" in redoc.text
    assert "<script" not in redoc.text and "src=" not in redoc.text and "//cdn" not in redoc.text
    spec = (await world.client.get("/openapi.json")).json()
    assert not {"/docs", "/redoc"} & set(spec["paths"])
