"""Users, their roles and passwords, through HTTP."""

import asyncio
import base64
from typing import Any

import httpx
import pytest
from gateway_world import PASSWORD, World
from turning import turning

OTHER = "another long password"

pytestmark = pytest.mark.filterwarnings("error")


async def a_user(owner: httpx.AsyncClient, role: str = "member", name: str = "ada") -> dict[str, Any]:
    body = {"email": f"{name}@example.com", "password": PASSWORD, "display_name": name, "role": role}
    response = await owner.post("/v1/users", json=body)
    assert response.status_code == 201, response.text
    user: dict[str, Any] = response.json()
    return user


async def as_user(world: World, user: dict[str, Any], owner: httpx.AsyncClient) -> httpx.AsyncClient:
    slug = (await owner.get("/v1/tenants/me")).json()["slug"]
    response = await world.sign_in(user["email"], PASSWORD, tenant_slug=slug)
    assert response.status_code == 200, response.text
    return world.bearer(response.json()["access_token"])


async def test_a_user_is_made_and_read_without_anything_secret(world: World) -> None:
    async with await world.a_client() as owner:
        user = await a_user(owner)
        assert set(user) == {"id", "tenant_id", "email", "display_name", "role", "is_active"}
        assert (user["role"], user["is_active"], user["display_name"]) == ("member", True, "ada")
        assert (await owner.get(f"/v1/users/{user['id']}")).json() == user


async def test_users_are_listed_by_address_page_by_page_inactive_ones_included(world: World) -> None:
    async with await world.a_client() as owner:
        for name in ("zoe", "Bea", "carl"):
            await a_user(owner, name=name)
        gone = (await owner.get("/v1/users")).json()[0]
        await owner.delete(f"/v1/users/{gone['id']}")
        emails = [user["email"] for user in (await owner.get("/v1/users")).json()]
        assert emails == ["Bea@example.com", "carl@example.com", "owner@example.com", "zoe@example.com"]
        paged, url = [], "/v1/users?limit=2"
        while url:
            response = await owner.get(url)
            paged += [user["email"] for user in response.json()]
            url = response.links.get("next", {}).get("url", "")
    assert paged == emails


HALF_A_PAIR = base64.urlsafe_b64encode(b'["\\ud800", "019f0000-0000-7000-8000-000000000001"]').decode()


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "WzEsMl0", "%00", HALF_A_PAIR])
async def test_a_cursor_that_is_none_is_refused(world: World, cursor: str) -> None:
    async with await world.a_client() as owner:
        assert (await owner.get(f"/v1/users?cursor={cursor}")).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"email": "no address", "password": PASSWORD},
        {"email": "a@example.com", "password": "short"},
        {"email": "a@example.com", "password": PASSWORD, "role": "king"},
        {"email": "a@example.com"},
        {"password": PASSWORD},
    ],
)
async def test_a_user_that_cannot_be_is_refused(world: World, body: dict[str, str]) -> None:
    async with await world.a_client() as owner:
        response = await owner.post("/v1/users", json=body)
        assert (response.status_code, response.json()["code"]) == (422, "validation_error")
        assert PASSWORD not in response.text and "short" not in response.json()["detail"]
        assert len((await owner.get("/v1/users")).json()) == 1


async def test_an_address_is_one_user_of_a_tenant_in_any_spelling(world: World) -> None:
    async with await world.a_client() as owner, await world.a_client() as stranger:
        await a_user(owner)
        again = await owner.post("/v1/users", json={"email": "ADA@example.com", "password": PASSWORD})
        assert (again.status_code, again.json()["code"]) == (409, "email_taken")
        assert again.json()["detail"] == "A user with this email already exists in this tenant"
        await a_user(stranger)


async def test_a_patch_changes_what_it_names_and_nothing_else(world: World) -> None:
    async with await world.a_client() as owner:
        user = await a_user(owner)
        url = f"/v1/users/{user['id']}"
        assert (await owner.patch(url, json={"display_name": "Ada L."})).json() == user | {
            "display_name": "Ada L."
        }
        changed = await owner.patch(url, json={"email": "lovelace@example.com", "role": "admin"})
        assert changed.json() == user | {
            "display_name": "Ada L.",
            "email": "lovelace@example.com",
            "role": "admin",
        }
        assert (await owner.patch(url, json={})).json() == changed.json()
        assert (await owner.patch(url, json={"email": None})).status_code == 422
        assert (await owner.patch(url, json={"email": "owner@example.com"})).json()["code"] == "email_taken"


async def test_a_patch_that_is_refused_in_part_changes_nothing(world: World) -> None:
    async with await world.a_client() as owner:
        me = (await owner.get("/v1/auth/me")).json()["user"]
        refused = await owner.patch(f"/v1/users/{me['id']}", json={"display_name": "x", "role": "member"})
        assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
        assert (await owner.get("/v1/auth/me")).json()["user"] == me


async def test_a_tenant_keeps_an_owner_also_when_two_leave_at_the_same_moment(world: World) -> None:
    async with await world.a_client() as owner:
        first = (await owner.get("/v1/auth/me")).json()["user"]
        second = await a_user(owner, "owner")
        async with await as_user(world, second, owner) as other:
            answers = await asyncio.gather(
                owner.patch(f"/v1/users/{first['id']}", json={"role": "member"}),
                other.delete(f"/v1/users/{second['id']}"),
            )
        assert sorted(answer.status_code for answer in answers) in ([200, 409], [204, 409])
    async with world.runtime.database.system() as connection:
        owners = "SELECT count(*) FROM users WHERE role = 'owner' AND is_active"
        assert await connection.fetchval(owners) == 1


async def test_only_owners_grant_owner_and_touch_owners(world: World) -> None:
    async with await world.a_client() as owner:
        me = (await owner.get("/v1/auth/me")).json()["user"]
        boss = await a_user(owner, "admin", "boss")
        async with await as_user(world, boss, owner) as admin:
            user = await a_user(admin)
            refused = [
                await admin.post(
                    "/v1/users", json={"email": "x@example.com", "password": PASSWORD, "role": "owner"}
                ),
                await admin.patch(f"/v1/users/{user['id']}", json={"role": "owner"}),
                await admin.patch(f"/v1/users/{me['id']}", json={"role": "member"}),
                await admin.patch(f"/v1/users/{me['id']}", json={"password": OTHER}),
                await admin.delete(f"/v1/users/{me['id']}"),
                await admin.post(f"/v1/users/{me['id']}/password-reset"),
            ]
            assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [
                (403, "owners_only")
            ] * 6
            assert (await admin.patch(f"/v1/users/{user['id']}", json={"role": "admin"})).status_code == 200
            assert (await admin.delete(f"/v1/users/{user['id']}")).status_code == 204
        assert (await owner.get("/v1/auth/me")).json()["user"] == me


async def test_members_manage_nobody(world: World) -> None:
    async with await world.a_client() as owner:
        user = await a_user(owner)
        async with await as_user(world, user, owner) as member:
            for answer in (
                await member.post("/v1/users", json={"email": "x@example.com", "password": PASSWORD}),
                await member.get("/v1/users"),
                await member.patch(f"/v1/users/{user['id']}", json={"role": "owner"}),
                await member.get("/v1/api-tokens"),
                await member.post("/v1/api-tokens", json={"name": "x"}),
                await member.patch("/v1/tenants/me", json={"tenant_name": "x"}),
                await member.get("/v1/embed-keys"),
            ):
                assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_user_of_another_tenant_is_unknown(world: World) -> None:
    async with await world.a_client() as owner, await world.a_client() as stranger:
        user = await a_user(owner)
        for answer in (
            await stranger.get(f"/v1/users/{user['id']}"),
            await stranger.patch(f"/v1/users/{user['id']}", json={"role": "admin"}),
            await stranger.delete(f"/v1/users/{user['id']}"),
            await stranger.post(f"/v1/users/{user['id']}/password-reset"),
        ):
            assert (answer.status_code, answer.json()["detail"]) == (404, "User not found")
        assert (await owner.get(f"/v1/users/{user['id']}")).json() == user


async def test_a_repeated_command_makes_one_user(world: World) -> None:
    async with await world.a_client() as owner:
        body, headers = {"email": "ada@example.com", "password": PASSWORD}, {"Idempotency-Key": "u1"}
        answers = await asyncio.gather(
            *(owner.post("/v1/users", json=body, headers=headers) for _ in range(5))
        )
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.text for answer in answers}) == 1
        other = await owner.post("/v1/users", json=body | {"password": OTHER}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_deactivated_user_comes_back_without_the_old_logins(world: World) -> None:
    async with await world.a_client() as owner:
        user = await a_user(owner)
        async with await as_user(world, user, owner) as member:
            assert (await owner.delete(f"/v1/users/{user['id']}")).status_code == 204
            assert (await owner.delete(f"/v1/users/{user['id']}")).status_code == 204
            assert (await world.sign_in(user["email"], PASSWORD)).json()["code"] == "account_disabled"
            back = await owner.patch(f"/v1/users/{user['id']}", json={"is_active": True})
            assert back.json()["is_active"] is True
            assert (await world.sign_in(user["email"], PASSWORD)).status_code == 200
            assert (await member.get("/v1/tenants/me")).status_code == 401


async def test_ones_own_password_is_changed_with_the_old_one_and_ends_other_logins(world: World) -> None:
    async with await world.a_client() as owner:
        user = await a_user(owner)
        async with await as_user(world, user, owner) as here, await as_user(world, user, owner) as there:
            wrong = {"current_password": "not it at all", "new_password": OTHER}
            assert (await here.post("/v1/auth/password", json=wrong)).json()["code"] == "wrong_password"
            right = {"current_password": PASSWORD, "new_password": OTHER}
            assert (await here.post("/v1/auth/password", json=right)).status_code == 204
            assert (await here.get("/v1/auth/me")).status_code == 200
            assert await eventually(there, 401)
        assert (await world.sign_in(user["email"], PASSWORD)).status_code == 401
        assert (await world.sign_in(user["email"], OTHER)).status_code == 200


async def test_a_reset_works_once_and_only_the_newest(world: World) -> None:
    async with await world.a_client() as owner:
        user = await a_user(owner)
        older = (await owner.post(f"/v1/users/{user['id']}/password-reset")).json()
        newer = (await owner.post(f"/v1/users/{user['id']}/password-reset")).json()
        for token, status in ((older, 403), (newer, 204), (newer, 403)):
            body = {"reset_token": token["reset_token"], "new_password": OTHER}
            response = await world.client.post("/v1/auth/password-reset", json=body)
            assert response.status_code == status, response.text
        assert (await world.sign_in(user["email"], OTHER)).status_code == 200
    async with world.runtime.database.system() as connection:
        for table in ("events", "commands", "password_resets"):
            rows = " ".join(str(dict(row)) for row in await connection.fetch(f"SELECT * FROM {table}"))
            assert newer["reset_token"] not in rows


async def test_a_reset_that_is_too_old_is_none(start_world: Any) -> None:
    world = await start_world(reset_lifetime=-1)
    async with await world.a_client() as owner:
        user = await a_user(owner)
        token = (await owner.post(f"/v1/users/{user['id']}/password-reset")).json()["reset_token"]
        body = {"reset_token": token, "new_password": OTHER}
        assert (await world.client.post("/v1/auth/password-reset", json=body)).json()[
            "code"
        ] == "invalid_reset"


async def eventually(client: httpx.AsyncClient, status: int) -> bool:
    """Whether the client's credential gets this status within a second."""
    async with turning(1):
        while (await client.get("/v1/tenants/me")).status_code != status:
            await asyncio.sleep(0.01)
    return True
