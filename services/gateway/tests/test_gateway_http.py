"""Requests and answers of every resource, and what happens to bad ones."""

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_world import NotFound, World
from minirag_contracts.requests.chat import CreateBot, ListBots
from minirag_contracts.requests.ingest import CreateSource
from minirag_contracts.requests.webhooks import CreateWebhook
from minirag_gateway.adapters import disk
from minirag_gateway.entrypoints.http import system
from minirag_gateway.entrypoints.http.app import RESOURCES
from minirag_gateway.errors import StorageLow

ZERO = "00000000-0000-0000-0000-000000000000"

BAD_BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b'{"name": "\xff"}',
    b'{"name": "\\ud800"}',
    b'{"name": "a\\u0000b"}',
    b'{"name": "a\x00b"}',
    b'{"name": ' + b"[" * 5000,
    b'{"name": 1}',
    b'{"name": ""}',
    b'{"name": "x", "temperature": NaN}',
    b'{"name": "x", "temperature": 1e400}',
    b'{"name": "x", "max_tokens": 9223372036854775808}',
    b'{"name": "x", "system_prompt": "\\u0000"}',
    b'{"name": "x", "system_prompt": null}',
    b'{"name": "x", "credentials": "sk-secret"}',
    b'{"name": "x", "credentials": {"api_key": {"sk-secret": 1}}}',
]

PROBLEM = {"type", "title", "status", "detail", "code", "trace_id"}


@pytest.fixture
async def client(world: World) -> Any:
    async with await world.a_client() as client:
        yield client


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body, once it is certain that it is a problem of this kind."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert set(body) >= PROBLEM
    assert (body["status"], body["code"]) == (status, code)
    assert isinstance(body["detail"], str)
    assert body["detail"]
    assert body["trace_id"] == response.headers["x-request-id"]
    return body


async def test_a_bot_is_created_as_the_contract_says(world: World, client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/v1/bot-profiles", json={"name": "Helpdesk", "credentials": {"api_key": "sk-1"}, "unknown": 1}
    )
    assert response.status_code == 201
    bot = response.json()
    assert list(bot) == [
        *(
            "id",
            "tenant_id",
            "name",
            "description",
            "model",
            "embedding_model",
            "system_prompt",
            "temperature",
        ),
        *("max_tokens", "has_credentials", "is_active", "created_at", "updated_at"),
        *("greeting", "suggested_questions", "has_identity_secret"),
    ]
    assert bot["created_at"] == "2026-03-01T12:00:00Z"
    asked, context = world.owners.asked[-1]
    assert isinstance(asked, CreateBot)
    assert asked.model is None
    assert asked.temperature == 0.7
    assert asked.credentials is not None
    assert asked.credentials.api_key == "sk-1"
    assert context.actor.startswith("user:")
    assert context.command_id is not None


async def test_empty_credentials_are_none(world: World, client: httpx.AsyncClient) -> None:
    await client.post("/v1/bot-profiles", json={"name": "Helpdesk", "credentials": {}})
    assert world.owners.asked[-1][0].credentials is None


async def test_a_list_is_a_bare_array_and_links_to_its_next_page(
    world: World, client: httpx.AsyncClient
) -> None:
    for _ in range(5):
        await world.a_bot(client)
    seen, url, pages = [], "/v1/bot-profiles?limit=2", 0
    while url:
        response = await client.get(url)
        seen += [bot["id"] for bot in response.json()]
        url, pages = response.links.get("next", {}).get("url", ""), pages + 1
    assert (len(set(seen)), pages) == (5, 3)
    assert isinstance(world.owners.asked[-1][0], ListBots)


@pytest.mark.parametrize(("path", "absurd"), [("/v1/bot-profiles", 1001), ("/v1/chat", 1_000_001)])
async def test_absurd_limits_and_cursors_are_refused(
    client: httpx.AsyncClient, path: str, absurd: int
) -> None:
    for query in (
        "limit=0",
        "limit=-1",
        f"limit={absurd}",
        "limit=x",
        "limit=" + "9" * 5000,
        "cursor=",
        "cursor=%00",
    ):
        body = problem(await client.get(f"{path}?{query}"), 422, "validation_error")
        assert body["errors"][0]["loc"][0] == "query"
        assert "999999" not in json.dumps(body)


async def test_negative_offsets_are_refused(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v1/chat?offset=-1"), 422, "validation_error")


async def test_what_an_owner_refuses_becomes_a_problem(client: httpx.AsyncClient) -> None:
    body = problem(await client.get(f"/v1/sources/{ZERO}"), 404, "not_found")
    assert (body["detail"], body["title"]) == ("Source not found", "Not Found")


async def test_another_tenants_bot_is_not_found(world: World, client: httpx.AsyncClient) -> None:
    async with await world.a_client() as other:
        foreign = await world.a_bot(other)
    body = problem(await client.get(f"/v1/bot-profiles/{foreign}"), 404, "not_found")
    assert body["detail"] == "Bot profile not found"


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "detail"),
    [
        ("GET", "/v1/nothing", 404, "not_found", "Not Found"),
        ("DELETE", "/v1/bot-profiles", 405, "method_not_allowed", "Method Not Allowed"),
        ("GET", "/v1/bot-profiles/not-a-uuid", 422, "validation_error", None),
    ],
)
async def test_unknown_paths_methods_and_ids(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str, detail: str | None
) -> None:
    body = problem(await client.request(method, path), status, code)
    assert detail is None or body["detail"] == detail


async def test_a_wrong_method_is_told_every_right_one(client: httpx.AsyncClient) -> None:
    for path, methods in (
        ("/v1/webhooks", "GET, POST"),
        ("/v1/webhooks/0191e7a0-0000-7000-8000-000000000000", "DELETE, GET"),
        ("/docs", "GET, HEAD"),
    ):
        response = await client.put(path)
        assert response.status_code == 405
        allowed = {method.strip() for method in response.headers["allow"].split(",")}
        assert set(methods.split(", ")) <= allowed, path
        assert response.json()["code"] == "method_not_allowed"


async def test_the_path_of_a_route_is_no_id_of_another(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/sources/upload")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert (await client.get("/v1/sources/uploads")).status_code == 422


async def test_bodies_that_are_no_such_json_are_refused(world: World, client: httpx.AsyncClient) -> None:
    for raw in BAD_BODIES:
        response = await client.post(
            "/v1/bot-profiles", content=raw, headers={"Content-Type": "application/json"}
        )
        body = problem(response, 422, "validation_error")
        assert body["errors"]
        assert set(body["errors"][0]) == {"loc", "msg", "type"}
        assert "sk-secret" not in response.text
    assert world.owners.asked == []


async def test_a_type_is_what_the_document_says(client: httpx.AsyncClient) -> None:
    for fields in ({"max_tokens": True}, {"max_tokens": "12"}, {"temperature": "0.5"}, {"name": 7}):
        response = await client.post("/v1/bot-profiles", json={"name": "A", **fields})
        assert response.status_code == 422, fields
        assert response.json()["errors"][0]["loc"] == ["body", *fields]
    assert (await client.post("/v1/bot-profiles", json={"name": "A", "temperature": 1})).status_code == 201


async def test_an_escaped_backslash_is_no_nul(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/bot-profiles", json={"name": "a\\u0000b"})
    assert (response.status_code, response.json()["name"]) == (201, "a\\u0000b")


async def test_a_sign_up_that_is_refused_never_repeats_the_password(world: World) -> None:
    response = await world.sign_up("Not A Slug", owner_password="hunter2", owner_email="nobody")
    body = problem(response, 422, "validation_error")
    assert {tuple(error["loc"]) for error in body["errors"]} == {
        ("body", "tenant_slug"),
        ("body", "owner_email"),
        ("body", "owner_password"),
    }
    assert "hunter2" not in response.text
    assert "Not A Slug" not in response.text


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    body = {"name": "x", "system_prompt": "x" * 2_000_000}
    assert (
        "1024 KiB"
        in problem(await client.post("/v1/bot-profiles", json=body), 413, "body_too_large")["detail"]
    )

    async def chunks() -> Any:
        for _ in range(40):
            yield b" " * 100_000

    problem(await client.post("/v1/bot-profiles", content=chunks()), 413, "body_too_large")
    problem(await client.post("/v1/sources", content=b" " * (11 * 1024 * 1024)), 413, "body_too_large")


async def test_a_source_may_hold_a_long_text(world: World, client: httpx.AsyncClient) -> None:
    bot_id = await world.a_bot(client)
    body = {"bot_profile_id": bot_id, "name": "Long", "source_type": "text", "content": "word " * 1_000_000}
    response = await client.post("/v1/sources", json=body)
    assert (response.status_code, response.json()["status"]) == (201, "pending")
    asked = world.owners.asked[-1][0]
    assert isinstance(asked, CreateSource)
    assert asked.content is not None
    assert len(asked.content) == 5_000_000
    too_long = await client.post("/v1/sources", json=body | {"content": "x" * 7_500_000})
    assert "upload it as a .txt" in problem(too_long, 413, "body_too_large")["detail"]


async def test_ingestion_is_accepted_once_while_it_runs(client: httpx.AsyncClient) -> None:
    response = await client.post(f"/v1/sources/{ZERO}/ingest")
    assert (response.status_code, response.json()) == (
        202,
        {"status": "accepted", "message": f"Ingestion queued for source {ZERO}"},
    )
    body = problem(await client.post(f"/v1/sources/{ZERO}/ingest"), 409, "conflict")
    assert body["detail"] == "Source is already being processed"


async def test_webhooks(world: World, client: httpx.AsyncClient) -> None:
    body = {"url": "https://example.com/hook", "events": ["chat.message"]}
    created = await client.post("/v1/webhooks", json=body)
    assert created.status_code == 201
    assert len(created.json()["secret"]) == 43
    assert isinstance(world.owners.asked[-1][0], CreateWebhook)
    assert "secret" not in (await client.get("/v1/webhooks")).json()[0]
    assert (await client.get(f"/v1/webhooks/{created.json()['id']}")).status_code == 200
    deleted = await client.delete(f"/v1/webhooks/{created.json()['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    refused = problem(
        await client.post("/v1/webhooks", json=body | {"events": ["zz"]}), 422, "invalid_event_type"
    )
    assert refused["detail"] == (
        "Invalid event type: zz. Valid: ['chat.message', 'source.failed', 'source.ingested']"
    )


async def test_statistics(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/stats/overview")).json()["total_tokens"] == 9


async def test_a_key_names_one_command_per_tenant_and_path(world: World, client: httpx.AsyncClient) -> None:
    async with await world.a_client() as other:
        for sender in (client, client, other):
            await sender.post("/v1/bot-profiles", json={"name": "x"}, headers={"Idempotency-Key": "one"})
    await client.post("/v1/bot-profiles", json={"name": "x"})
    ids = [context.command_id for _, context in world.owners.asked]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


async def test_a_key_must_be_short_and_printable(client: httpx.AsyncClient) -> None:
    for key in (b"", b"x" * 256, b"\xe9"):
        response = await client.post(
            "/v1/bot-profiles", json={"name": "x"}, headers={b"Idempotency-Key": key}
        )
        problem(response, 422, "invalid_idempotency_key")


async def test_a_trace_is_continued_and_told_to_the_owner(world: World, client: httpx.AsyncClient) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    traceparent = f"00-{trace_id}-b7ad6b7169203331-01"
    response = await client.get("/v1/bot-profiles", headers={"traceparent": traceparent})
    assert response.headers["x-request-id"] == trace_id
    assert world.owners.asked[-1][1].trace_id == trace_id


async def test_an_unexpected_error_is_a_problem_without_its_text(
    world: World, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret inside")

    world.runtime.bus.request = broken  # type: ignore[method-assign,assignment]
    with caplog.at_level(logging.ERROR):
        response = await client.get("/v1/bot-profiles")
    body = problem(response, 500, "internal_error")
    assert "secret inside" not in response.text
    assert any(getattr(record, "trace_id", "") == body["trace_id"] for record in caplog.records)


async def test_an_owner_that_is_away_is_a_503(start_world: Any) -> None:
    world = await start_world(request_timeout=0.3)
    async with await world.a_client() as client:
        await world.owners.stop()
        response = await client.get("/v1/bot-profiles")
    assert problem(response, 503, "unavailable")
    assert response.headers["retry-after"] == "1"


async def test_the_access_log_has_routes_and_figures_but_no_texts(
    world: World, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="minirag_gateway.access"):
        await client.get("/v1/bot-profiles?secret=whatever")
        await client.get("/v1/unknown-secret-path")
    lines = [vars(record) for record in caplog.records if record.name == "minirag_gateway.access"]
    assert [(line["route"], line["status"]) for line in lines] == [
        ("/v1/bot-profiles", 200),
        ("unmatched", 404),
    ]
    assert lines[0]["tenant_id"]
    assert "whatever" not in str(lines)
    assert "unknown-secret-path" not in str(lines)


async def test_any_origin_may_ask_but_never_with_cookies(world: World) -> None:
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    response = await world.client.options("/v1/chat", headers=preflight)
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    refused = await world.client.get("/v1/chat", headers={"Origin": "https://shop.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")


async def test_health_is_public_and_says_nothing_of_the_inside(world: World) -> None:
    assert (await world.client.get("/health")).json() == {"status": "ok"}
    body = (await world.client.get("/v1/system/health")).json()
    assert body["status"] == "ok"
    assert {name: body[name]["status"] for name in ("postgres", "qdrant", "redis", "disk")} == {
        "postgres": "ok",
        "qdrant": "ok",
        "redis": "ok",
        "disk": "ok",
    }
    assert set(body["services"]) == {"gateway", "ingest", "retrieval", "chat", "webhooks", "analytics"}
    assert body["postgres"]["version"] is None


async def test_health_names_what_is_degraded(
    start_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "TIMEOUT", 0.2)
    monkeypatch.setattr(disk, "LOW_DISK", 2**60)
    world = await start_world(data_dir=tmp_path)
    await world.owners.stop()
    assert (await world.client.get("/health")).json()["detail"] == StorageLow.default_detail()
    body = (await world.client.get("/v1/system/health")).json()
    assert (body["status"], body["disk"]["detail"]) == ("degraded", StorageLow.default_detail())
    assert body["services"]["chat"] == {
        "status": "error",
        "detail": "The service does not answer.",
        "version": None,
        "latency_ms": None,
    }


async def test_the_document_describes_every_route(world: World) -> None:
    spec = (await world.client.get("/openapi.json")).json()
    assert spec["openapi"].startswith("3.1")
    operations = [operation for path in spec["paths"].values() for operation in path.values()]
    assert len(operations) == sum(len(resource.endpoints) for resource in RESOURCES)
    assert all("security" in operation and operation["description"] for operation in operations)
    text = json.dumps(spec)
    references = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references <= set(spec["components"]["schemas"])
    page = await world.client.get("/docs")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "//cdn" not in page.text
    assert NotFound.code in text
