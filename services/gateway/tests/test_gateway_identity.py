"""Sign-up and authentication, through HTTP."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from gateway_memory import counted_look_ups, principals_of, settled
from gateway_world import PASSWORD, World, a_sign_up
from minirag_contracts.context import TenantScope
from minirag_gateway.queries.principals import UNHEARD

NO_CREDENTIALS = [
    (None, "Not authenticated"),
    ("", "Not authenticated"),
    ("Basic abc", "Not authenticated"),
    ("Bearer", "Not authenticated"),
    ("Bearer a.b.c", "Invalid or expired JWT"),
    ("Bearer short", "Invalid or revoked API token"),
    (f"Bearer {'x' * 43}", "Invalid or revoked API token"),
]

pytestmark = pytest.mark.filterwarnings("error")


async def test_a_sign_up_answers_with_the_tenant_and_its_token_once(world: World) -> None:
    response = await world.sign_up("acme")
    signed_up = response.json()
    assert response.status_code == 201
    assert set(signed_up) == {"tenant", "api_token", "token_prefix"}
    assert signed_up["tenant"] | {"id": ""} == {
        "id": "",
        "name": "Example Ltd",
        "slug": "acme",
        "is_active": True,
        "plan": "free",
    }
    assert len(signed_up["api_token"]) == 43
    assert "." not in signed_up["api_token"]
    assert signed_up["token_prefix"] == signed_up["api_token"][:8]


async def test_the_token_is_good_for_the_own_tenant(world: World) -> None:
    signed_up = (await world.sign_up()).json()
    headers = {"Authorization": f"Bearer {signed_up['api_token']}"}
    response = await world.client.get("/v1/tenants/me", headers=headers)
    assert (response.status_code, response.json()) == (200, signed_up["tenant"])


async def test_a_slug_is_taken_only_once_also_when_many_ask_at_the_same_moment(world: World) -> None:
    responses = await asyncio.gather(*(world.sign_up("acme") for _ in range(6)))
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409, 409, 409]
    refused = next(response for response in responses if response.status_code == 409).json()
    assert (refused["detail"], refused["code"]) == ("Slug 'acme' is already taken", "slug_taken")


async def test_a_repeated_sign_up_gets_the_same_token_and_another_body_is_refused(world: World) -> None:
    headers = {"Idempotency-Key": "sign-up-1"}
    body = a_sign_up("acme")
    first = await world.client.post("/v1/tenants", json=body, headers=headers)
    again = await world.client.post("/v1/tenants", json=body, headers=headers)
    other = await world.client.post(
        "/v1/tenants", json=body | {"owner_password": "another one"}, headers=headers
    )
    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_one_time_tokens_and_passwords_are_stored_nowhere(world: World) -> None:
    response = await world.client.post(
        "/v1/tenants", json=a_sign_up("acme"), headers={"Idempotency-Key": "k"}
    )
    token = response.json()["api_token"]
    async with world.runtime.database.system() as connection:
        for table in ("events", "commands", "tenants", "users", "tokens", "user_content"):
            rows = " ".join(str(dict(row)) for row in await connection.fetch(f"SELECT * FROM {table}"))
            assert rows
            assert token not in rows
            assert PASSWORD not in rows
        events = " ".join(str(row["data"]) for row in await connection.fetch("SELECT data FROM events"))
        assert "owner@example.com" not in events
        hashed = await connection.fetchval("SELECT password_hash FROM user_content")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_without_a_valid_credential_nobody_gets_in(world: World) -> None:
    for header, detail in NO_CREDENTIALS:
        headers = {} if header is None else {"Authorization": header}
        response = await world.client.get("/v1/bot-profiles", headers=headers)
        assert (response.status_code, response.json()["detail"]) == (401, detail)
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ("UPDATE tokens SET is_active = false", 401, "Invalid or revoked API token"),
        ("UPDATE tokens SET expires_at = now() - interval '1 minute'", 401, "API token has expired"),
        ("UPDATE users SET is_active = false", 401, "Token owner account is disabled"),
        ("DELETE FROM users", 401, "Token owner account is disabled"),
        ("UPDATE tenants SET is_active = false", 403, "Tenant is disabled"),
    ],
)
async def test_a_credential_that_is_no_longer_good_says_why(
    start_world: Any, change: str, status: int, detail: str
) -> None:
    """The rows are changed behind the events' back, so the gateway is one that believes nothing for longer than a moment."""
    world = await start_world(identity_patience=0)
    client = await world.a_client()
    async with client:
        assert (await client.get("/v1/tenants/me")).status_code == 200
        async with world.runtime.database.system() as connection:
            await connection.execute(change)
        await asyncio.sleep(UNHEARD)
        response = await client.get("/v1/tenants/me")
    assert (response.status_code, response.json()["detail"]) == (status, detail)


async def test_members_may_chat_and_read_but_not_manage(start_world: Any) -> None:
    world = await start_world(identity_patience=0)
    client = await world.a_client()
    async with client:
        async with world.runtime.database.system() as connection:
            await connection.execute("UPDATE users SET role = 'member'")
        await asyncio.sleep(UNHEARD)
        allowed = [
            await client.get("/v1/bot-profiles"),
            await client.get("/v1/sources"),
            await client.get("/v1/chat"),
            await client.get("/v1/tenants/me"),
        ]
        refused = [
            await client.post("/v1/bot-profiles", json={"name": "x"}),
            await client.post("/v1/sources", json={}),
            await client.get("/v1/webhooks"),
            await client.get("/v1/stats/overview"),
        ]
    assert [response.status_code for response in allowed] == [200] * 4
    assert [response.status_code for response in refused] == [403] * 4
    assert refused[0].json()["detail"] == "Only owners and admins may do this"


async def test_reading_with_a_token_writes_nothing_and_use_is_noted_later(world: World) -> None:
    client = await world.a_client()
    async with client:
        await client.get("/v1/tenants/me")
    async with world.runtime.database.system() as connection:
        assert await connection.fetchval("SELECT count(*) FROM token_use") == 0
    await principals_of(world).write_uses()
    async with world.runtime.database.system() as connection:
        assert await connection.fetchval("SELECT count(*) FROM token_use") == 1


async def test_the_use_of_a_token_is_not_noted_after_its_tenant_was_erased(world: World) -> None:
    erased, other = [(await world.sign_up()).json() for _ in range(2)]
    for signed_up in (erased, other):
        async with world.bearer(signed_up["api_token"]) as client:
            assert (await client.get("/v1/tenants/me")).status_code == 200
    async with world.runtime.database.system() as connection:
        await connection.execute("INSERT INTO erasures (tenant_id) VALUES ($1)", erased["tenant"]["id"])
    await principals_of(world).write_uses()
    async with world.runtime.database.system() as connection:
        noted = [str(row["tenant_id"]) for row in await connection.fetch("SELECT tenant_id FROM token_use")]
    assert noted == [other["tenant"]["id"]]


async def test_a_tenant_sees_no_row_of_another(world: World) -> None:
    mine, theirs = [(await world.sign_up()).json()["tenant"]["id"] for _ in range(2)]
    async with world.runtime.database.tenant(TenantScope(mine)) as connection:
        for table in ("tenants", "users", "tokens", "user_content", "slugs", "events"):
            seen = {str(row["tenant_id"]) for row in await connection.fetch(f"SELECT tenant_id FROM {table}")}
            assert seen == {mine}, table
    assert mine != theirs


async def test_a_database_that_is_away_is_a_503_and_no_401(start_world: Any) -> None:
    world = await start_world(identity_patience=0)
    client = await world.a_client()
    async with client:
        await world.runtime.database._system.close()
        await asyncio.sleep(UNHEARD)
        response = await client.get("/v1/tenants/me")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["retry-after"] == "1"


async def test_the_same_token_is_looked_up_once_for_many_requests(start_world: Any) -> None:
    world: World = await start_world(identity_patience=3600)  # a late beat of a busy machine is not the point
    client = await world.a_client()
    async with client:
        await settled(world)
        with counted_look_ups(world) as looked_up:
            responses: list[httpx.Response] = await asyncio.gather(
                *(client.get("/v1/tenants/me") for _ in range(20))
            )
            await asyncio.sleep(UNHEARD * 2)
            responses.append(await client.get("/v1/tenants/me"))
    assert {response.status_code for response in responses} == {200}
    assert len(looked_up) <= 1


async def test_notes_whose_time_is_over_are_forgotten_and_no_others(world: World) -> None:
    tenant = UUID((await world.sign_up()).json()["tenant"]["id"])
    await world.client.post("/v1/auth/login", json={"email": "owner@example.com", "password": PASSWORD})
    async with world.runtime.database.system() as connection:
        for age in ("-1 hour", "1 hour"):
            await connection.execute(
                "INSERT INTO password_resets (reset_id, tenant_id, user_id, secret_hash, expires_at) "
                "VALUES (gen_random_uuid(), $1, gen_random_uuid(), $2, now() + $2::text::interval)",
                tenant,
                age,
            )
        await connection.execute(
            "INSERT INTO embed_usage (key_id, day, tenant_id, messages) "
            "SELECT gen_random_uuid(), current_date - ago, $1, 1 FROM unnest(ARRAY[0, 1, 8, 90]) AS ago",
            tenant,
        )
        await connection.execute(
            "INSERT INTO invites (invite_hash, expires_at) VALUES ('old', now() - interval '31 days'), ('new', now())"
        )
    assert await after_sweeps(world) == ("1 hour", 1, "new", 1)
    async with world.runtime.database.system() as connection:
        await connection.execute("UPDATE sessions SET expires_at = now() - interval '1 second'")
    assert await after_sweeps(world) == ("1 hour", 1, "new", 0)


async def after_sweeps(world: World) -> tuple[Any, ...]:
    """What is left of resets, days of use (the oldest), invites and refresh generations."""
    for sweep in world.runtime.sweeps:
        await sweep()
    async with world.runtime.database.system() as connection:
        return tuple(
            await connection.fetchrow(
                "SELECT (SELECT string_agg(secret_hash, ',') FROM password_resets), "
                "(SELECT max(current_date - day) FROM embed_usage), "
                "(SELECT string_agg(invite_hash, ',') FROM invites), (SELECT count(*) FROM session_refresh)"
            )
        )


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/auth/login", {"email": "you@example.com", "password": "x" * 1025}),
        ("/v1/auth/refresh", {"refresh_token": "x" * 201}),
        ("/v1/auth/password-reset", {"reset_token": "x" * 201, "new_password": PASSWORD}),
        ("/v1/embed/pk_x/sessions", {"identity": "x" * 4097}),
    ],
)
async def test_a_secret_that_is_longer_than_documented_is_refused_before_anybody_looks_at_it(
    world: World, path: str, body: dict[str, str]
) -> None:
    refused = await world.client.post(path, json=body, headers={"Origin": "https://www.example.com"})
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_error"), refused.text
    assert "x" * 50 not in refused.text
