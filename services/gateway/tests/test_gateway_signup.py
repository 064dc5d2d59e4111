"""Who may sign up: anybody, whoever has an invite, nobody."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from gateway_world import World, a_sign_up
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.requests.gateway import CreateInvite, InviteCreated
from minirag_gateway.adapters.passwords import Argon2Passwords
from minirag_gateway.settings import Settings
from minirag_service.testing import settings_for

OPERATOR = Context.for_system("operator")


@pytest.fixture
async def world(start_world: Any) -> World:
    """A gateway where signing up takes an invite."""
    started: World = await start_world(signup="invite")
    return started


async def an_invite(world: World, days: int = 7) -> str:
    made = await world.owners.bus.request(CreateInvite(days=days), InviteCreated, OPERATOR)
    remaining = made.expires_at - datetime.now(UTC)
    assert timedelta(days=days, minutes=-1) < remaining <= timedelta(days=days)
    return made.invite


def refusal(response: Any) -> tuple[int, str, str]:
    body = response.json()
    return response.status_code, body["code"], body["detail"]


def test_only_the_embedded_stack_is_open_by_itself() -> None:
    urls = ("postgresql://x", "postgresql://x")
    embedded = settings_for(Settings, "nats://x", urls)
    assert embedded.signup_mode == "open"
    server = embedded.model_copy(update={"mode": "server"})
    assert server.signup_mode == "closed"
    assert server.model_copy(update={"signup": "open"}).signup_mode == "open"


async def test_where_it_is_closed_nobody_signs_up(start_world: Any) -> None:
    world = await start_world(signup="closed")
    invite = await an_invite(world)
    for body in (a_sign_up(), a_sign_up(invite=invite)):
        response = await world.client.post("/v1/tenants", json=body)
        assert refusal(response)[:2] == (403, "signup_closed")
        assert refusal(response)[2].startswith("Nobody can sign up here by themselves")


async def test_an_invite_is_good_for_one_sign_up(world: World) -> None:
    assert refusal(await world.sign_up())[:2] == (403, "invite_required")
    invite = await an_invite(world)
    first = await world.sign_up("acme", invite=invite)
    assert first.status_code == 201
    assert refusal(await world.sign_up(invite=invite)) == (
        403,
        "invalid_invite",
        "This invite is unknown, expired, or was used already.",
    )
    assert refusal(await world.sign_up(invite="made-up"))[1] == "invalid_invite"
    async with world.runtime.database.system() as connection:
        rows = [dict(row) for row in await connection.fetch("SELECT * FROM invites")]
        tenants = await connection.fetch("SELECT tenant_id FROM tenants")
    assert [str(row["tenant_id"]) for row in rows] == [first.json()["tenant"]["id"]]
    assert len(tenants) == 1
    assert invite not in str(rows)


async def test_two_sign_ups_at_one_moment_do_not_share_an_invite(world: World) -> None:
    invite = await an_invite(world)
    responses = await asyncio.gather(*(world.sign_up(invite=invite) for _ in range(6)))
    assert sorted(response.status_code for response in responses) == [201] + [403] * 5


async def test_a_failed_sign_up_leaves_the_invite_good(world: World) -> None:
    await world.sign_up("acme", invite=await an_invite(world))
    invite = await an_invite(world)
    assert (await world.sign_up("acme", invite=invite)).status_code == 409
    assert (await world.sign_up("other", invite=invite)).status_code == 201


async def test_a_repeated_sign_up_is_still_the_same_answer(world: World) -> None:
    body, headers = a_sign_up("acme", invite=await an_invite(world)), {"Idempotency-Key": "k"}
    first = await world.client.post("/v1/tenants", json=body, headers=headers)
    async with world.runtime.database.system() as connection:
        await connection.execute("UPDATE invites SET expires_at = now() - interval '1 hour'")
    again = await world.client.post("/v1/tenants", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = await world.client.post(
        "/v1/tenants", json=body | {"invite": await an_invite(world)}, headers=headers
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_an_invite_expires(world: World) -> None:
    invite = await an_invite(world)
    async with world.runtime.database.system() as connection:
        await connection.execute("UPDATE invites SET expires_at = now() - interval '1 second'")
    assert refusal(await world.sign_up(invite=invite))[1] == "invalid_invite"


@pytest.mark.parametrize("actor", ["user:1", "system:chat", "anonymous", "visitor:1"])
async def test_only_the_operator_makes_invites(world: World, actor: str) -> None:
    with pytest.raises(RemoteRefusal) as refused:
        await world.owners.bus.request(CreateInvite(), InviteCreated, Context(actor=actor))
    assert (refused.value.code, refused.value.status) == ("not_the_operator", 403)


async def test_a_tenant_sees_only_unused_invites_and_its_own_and_can_change_none_but_by_taking_it(
    world: World,
) -> None:
    await world.sign_up(invite=await an_invite(world))
    signed_up = await world.sign_up(invite=await an_invite(world))
    await an_invite(world)
    scope = TenantScope(UUID(signed_up.json()["tenant"]["id"]))
    async with world.runtime.database.tenant(scope) as connection:
        rows = await connection.fetch("SELECT tenant_id, used_at FROM invites")
        assert {row["tenant_id"] for row in rows} == {scope.tenant_id, UUID(int=0)}
        assert len(rows) == 2
        await connection.execute("DELETE FROM invites WHERE used_at IS NULL")
        assert await connection.fetchval("SELECT count(*) FROM invites WHERE used_at IS NULL") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with world.runtime.database.tenant(scope) as connection:
            await connection.execute("UPDATE invites SET expires_at = now() WHERE used_at IS NULL")


async def test_beyond_a_bound_passwords_do_not_wait() -> None:
    passwords = Argon2Passwords(1, 2)
    answers = await asyncio.gather(*(passwords.hash("x") for _ in range(10)), return_exceptions=True)
    hashes = [answer for answer in answers if isinstance(answer, str)]
    refused = [answer for answer in answers if not isinstance(answer, str)]
    assert len(hashes) == 3
    assert {getattr(answer, "code", None) for answer in refused} == {"unavailable"}
    assert (await passwords.hash("x")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await passwords.close()


async def test_a_crowd_of_sign_ups_is_answered_with_503(start_world: Any) -> None:
    world = await start_world(password_concurrency=1, password_waiting=1)
    responses = await asyncio.gather(*(world.sign_up() for _ in range(12)))
    statuses = [response.status_code for response in responses]
    assert set(statuses) == {201, 503}
    refused = next(response for response in responses if response.status_code == 503)
    assert refused.headers["retry-after"] == "1"
    assert "Too many passwords" in refused.json()["detail"]
