"""Every route of API tokens (spec §5) through HTTP: status, shape of the body, and what a token opens."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from api import Tenant

TOKEN = {
    "id", "tenant_id", "user_id", "name", "token_prefix", "scopes", "is_active", "expires_at", "last_used_at",
    "created_at",
}  # fmt: skip


async def test_tokens_are_made_listed_and_revoked(tenant: Tenant, stranger: Tenant) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    made = await tenant.call("POST", "/v1/api-tokens", 201, json={"name": "CI"}, headers=key)
    assert await tenant.call("POST", "/v1/api-tokens", 201, json={"name": "CI"}, headers=key) == made
    assert set(made) == TOKEN | {"raw_token"}
    assert len(made["raw_token"]) == 43 and made["raw_token"].startswith(made["token_prefix"])
    assert (made["name"], made["is_active"], len(made["token_prefix"])) == ("CI", True, 8)
    assert (made["scopes"], made["expires_at"], made["last_used_at"]) == (None, None, None)
    program = tenant.bearing(made["raw_token"])
    me = await tenant.call("GET", "/v1/auth/me", 200)
    assert await program.call("GET", "/v1/auth/me", 200) == me
    assert (made["tenant_id"], made["user_id"]) == (tenant.id, me["user"]["id"])

    later = await program.call("POST", "/v1/api-tokens", 201, json={"name": "Later"})
    listed = await tenant.call("GET", "/v1/api-tokens", 200)
    assert all(set(token) == TOKEN for token in listed)
    assert [token["name"] for token in listed] == ["Later", "CI", "default"]
    assert await tenant.paged("/v1/api-tokens") == [token["id"] for token in listed]
    assert made["id"] not in {token["id"] for token in await stranger.call("GET", "/v1/api-tokens", 200)}
    path = f"/v1/api-tokens/{made['id']}"
    for by, unknown in ((stranger, path), (tenant, f"/v1/api-tokens/{uuid4()}")):
        assert (await by.call("DELETE", unknown, 404))["detail"] == "Token not found"
    await tenant.call("DELETE", "/v1/api-tokens/nonsense", 422)
    await program.call("GET", "/v1/auth/me", 200)

    for _ in range(2):
        assert await tenant.call("DELETE", path, 204) is None
    assert (await program.refused())["detail"] == "Invalid or revoked API token"
    kept = await tenant.call("GET", "/v1/api-tokens", 200)
    assert [(token["id"], token["is_active"]) for token in kept[:2]] == [
        (later["id"], True),
        (made["id"], False),
    ]


CHAT, BOTS, SOURCES = ("POST", "/v1/chat"), ("GET", "/v1/bot-profiles"), ("GET", "/v1/sources")
MAKE_BOT, USERS, TOKENS = ("POST", "/v1/bot-profiles"), ("GET", "/v1/users"), ("POST", "/v1/api-tokens")


@pytest.mark.parametrize(
    ("scopes", "opened"),
    [
        (["chat"], {CHAT, BOTS}),
        (["read"], {BOTS, SOURCES, USERS}),
        (["write"], {BOTS, SOURCES, MAKE_BOT}),
        (["chat", "read"], {CHAT, BOTS, SOURCES, USERS}),
        (["admin"], {CHAT, BOTS, SOURCES, MAKE_BOT, USERS, TOKENS}),
    ],
)
async def test_a_token_opens_what_its_scopes_say(
    tenant: Tenant, scopes: list[str], opened: set[tuple[str, str]]
) -> None:
    bot_id = await tenant.bot()
    made = await tenant.call("POST", "/v1/api-tokens", 201, json={"name": "x", "scopes": scopes})
    assert made["scopes"] == scopes
    program = tenant.bearing(made["raw_token"])
    bodies = {
        CHAT: {"bot_profile_id": bot_id, "message": "Hello?"},
        MAKE_BOT: {"name": "b"},
        TOKENS: {"name": "t"},
    }
    for route in (CHAT, BOTS, SOURCES, MAKE_BOT, USERS, TOKENS):
        response = await program.request(*route, json=bodies.get(route))
        let_in = response.status_code in (200, 201)
        assert let_in == (route in opened), f"{route}: {response.status_code} {response.text}"
        assert let_in or (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert len(await tenant.call("GET", "/v1/bot-profiles", 200)) == 1 + (MAKE_BOT in opened)


async def test_a_token_ends_when_it_says(tenant: Tenant) -> None:
    end = datetime.now(UTC) + timedelta(seconds=4)
    made = await tenant.call("POST", "/v1/api-tokens", 201, json={"name": "x", "expires_at": end.isoformat()})
    assert datetime.fromisoformat(made["expires_at"]) == end
    assert made["expires_at"].endswith("Z")
    program = tenant.bearing(made["raw_token"])
    await program.call("GET", "/v1/auth/me", 200)
    await asyncio.sleep((end - datetime.now(UTC)).total_seconds())
    assert (await program.call("GET", "/v1/auth/me", 401))["detail"] == "API token has expired"
    for wrong in (
        {"expires_at": (end - timedelta(hours=1)).isoformat()},
        {"expires_at": "2099-01-01T00:00:00"},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"name": ""},
        {"name": "x" * 256},
    ):
        await tenant.call("POST", "/v1/api-tokens", 422, json={"name": "x", **wrong})
    assert len(await tenant.call("GET", "/v1/api-tokens", 200)) == 2
