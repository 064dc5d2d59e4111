"""Every route of tenants, logins and users (spec §§3, 4, 6) through HTTP: status, shape of the body, what it does."""

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from api import Tenant

TENANT = {"id", "name", "slug", "is_active", "plan"}

USER = {"id", "tenant_id", "email", "display_name", "role", "is_active"}

LOGIN = {"access_token", "token_type", "expires_in", "refresh_token", "user", "tenant"}

PASSWORD = "a long enough password"

OTHER = "another long password"


async def a_user(tenant: Tenant, role: str = "member", name: str = "ada", **fields: Any) -> dict[str, Any]:
    """A user of the tenant, at an address that nobody else has."""
    email = f"{name}@{secrets.token_hex(6)}.example"
    body = {"email": email, "password": PASSWORD, "display_name": name, "role": role, **fields}
    user: dict[str, Any] = await tenant.call("POST", "/v1/users", 201, json=body)
    return user


async def log_in(
    tenant: Tenant, email: str, expected: int = 200, password: str = PASSWORD, **fields: str
) -> Any:
    """What a login answers; it must end in a status."""
    body = {"email": email, "password": password, **fields}
    response = await tenant.http.post("/v1/auth/login", json=body)
    assert response.status_code == expected, response.text
    assert expected != 200 or response.headers["cache-control"] == "no-store"
    return response.json()


async def as_user(tenant: Tenant, user: dict[str, Any]) -> Tenant:
    """The tenant, asked by this user, who has just logged in."""
    return tenant.bearing((await log_in(tenant, user["email"]))["access_token"])


async def public(tenant: Tenant, path: str, expected: int, **body: str) -> Any:
    """A POST without any credential, which must end in a status."""
    response = await tenant.http.post(path, json=body)
    assert response.status_code == expected, response.text
    return response.json() if response.content else None


async def test_an_organisation_signs_up_once(tenant: Tenant) -> None:
    slug = f"weir-{secrets.token_hex(6)}"
    body = {
        "tenant_name": "Weir",
        "tenant_slug": slug,
        "owner_email": f"ada@{slug}.example",
        "owner_password": PASSWORD,
    }
    made = await public(tenant, "/v1/tenants", 201, **body)
    assert set(made) == {"tenant", "api_token", "token_prefix"}
    new = Tenant(tenant.http, made["tenant"]["id"], "").bearing(made["api_token"])
    assert made["tenant"] == {"id": new.id, "name": "Weir", "slug": slug, "is_active": True, "plan": "free"}
    assert len(new.token) == 43 and made["token_prefix"] == new.token[:8]
    assert await new.call("GET", "/v1/tenants/me", 200) == made["tenant"]
    [owner] = await new.call("GET", "/v1/users", 200)
    assert (owner["email"], owner["role"], owner["display_name"]) == (f"ada@{slug}.example", "owner", "")
    assert await log_in(new, owner["email"])
    [token] = await new.call("GET", "/v1/api-tokens", 200)
    assert (token["name"], token["token_prefix"]) == ("default", made["token_prefix"])
    problem = await public(tenant, "/v1/tenants", 409, **body | {"owner_email": "bea@example.com"})
    assert problem["detail"] == f"Slug '{slug}' is already taken"
    for wrong in ({"tenant_slug": "Weir House"}, {"owner_email": "ada"}, {"owner_password": "short"}):
        await public(tenant, "/v1/tenants", 422, **body | wrong)


async def test_a_tenant_gets_another_name(tenant: Tenant, stranger: Tenant) -> None:
    before = await tenant.call("GET", "/v1/tenants/me", 200)
    assert set(before) == TENANT
    others = await stranger.call("GET", "/v1/tenants/me", 200)
    member = await as_user(tenant, await a_user(tenant))
    admin = await as_user(tenant, await a_user(tenant, "admin"))
    changed = await tenant.call("PATCH", "/v1/tenants/me", 200, json={"tenant_name": "Acme Group"})
    assert changed == before | {"name": "Acme Group"}
    for reader in (tenant, member, admin):
        await eventually_named(reader, "Acme Group")
    for wrong in ({}, {"tenant_name": ""}, {"tenant_name": None}, {"tenant_name": "x" * 256}):
        await tenant.call("PATCH", "/v1/tenants/me", 422, json=wrong)
    for nobody in (member, admin):
        problem = await nobody.call("PATCH", "/v1/tenants/me", 403, json={"tenant_name": "Mine"})
        assert problem["code"] == "forbidden"
    assert await tenant.call("GET", "/v1/tenants/me", 200) == changed
    assert await stranger.call("GET", "/v1/tenants/me", 200) == others


async def eventually_named(reader: Tenant, name: str) -> None:
    """Gateways remember who asks for up to a second."""
    async with asyncio.timeout(5):
        while (await reader.call("GET", "/v1/tenants/me", 200))["name"] != name:
            await asyncio.sleep(0.02)
    assert (await reader.call("GET", "/v1/auth/me", 200))["tenant"]["name"] == name


async def test_a_login_from_the_password_to_the_logout(tenant: Tenant) -> None:
    user = await a_user(tenant)
    found = await log_in(tenant, user["email"].upper())
    assert set(found) == LOGIN
    assert (found["token_type"], found["user"]) == ("bearer", user)
    assert found["tenant"] == await tenant.call("GET", "/v1/tenants/me", 200)
    assert 0 < found["expires_in"] <= 3600
    member = tenant.bearing(found["access_token"])
    assert await member.call("GET", "/v1/auth/me", 200) == {"user": user, "tenant": found["tenant"]}

    following = await public(tenant, "/v1/auth/refresh", 200, refresh_token=found["refresh_token"])
    assert set(following) == LOGIN
    assert (following["user"], following["tenant"]) == (user, found["tenant"])
    assert following["refresh_token"] != found["refresh_token"]
    renewed = tenant.bearing(following["access_token"])
    assert (await renewed.call("GET", "/v1/auth/me", 200))["user"] == user

    assert await renewed.call("POST", "/v1/auth/logout", 204) is None
    for ended in (member, renewed):
        assert (await ended.refused())["detail"] == "Invalid or expired JWT"
    problem = await public(tenant, "/v1/auth/refresh", 401, refresh_token=following["refresh_token"])
    assert problem["code"] == "invalid_refresh_token"
    assert (await tenant.call("POST", "/v1/auth/logout", 403))["code"] == "forbidden"
    await log_in(tenant, user["email"])


async def test_a_refresh_token_that_was_used_before_ends_the_login(tenant: Tenant) -> None:
    """The one before the current one is answered for a minute more: its client may have lost the reply."""
    first = await log_in(tenant, (await a_user(tenant))["email"])
    second = await public(tenant, "/v1/auth/refresh", 200, refresh_token=first["refresh_token"])
    third = await public(tenant, "/v1/auth/refresh", 200, refresh_token=second["refresh_token"])
    for stale in (first, second, third):
        problem = await public(tenant, "/v1/auth/refresh", 401, refresh_token=stale["refresh_token"])
        assert problem["code"] == "invalid_refresh_token"
    for ended in (first, third):
        await tenant.bearing(ended["access_token"]).refused()


async def test_who_may_not_log_in_is_told_no_more_than_they_know(tenant: Tenant, stranger: Tenant) -> None:
    user = await a_user(tenant)
    for email, password in ((user["email"], OTHER), ("nobody@nowhere.example", PASSWORD)):
        problem = await log_in(tenant, email, 401, password)
        assert problem["detail"] == "Invalid email or password"
    await log_in(tenant, "no address", 422)
    twin = await a_user(stranger, email=user["email"])
    assert (await log_in(tenant, user["email"], 409))["code"] == "ambiguous_login"
    for side, expected in ((tenant, user), (stranger, twin)):
        slug = (await side.call("GET", "/v1/tenants/me", 200))["slug"]
        assert (await log_in(tenant, user["email"], tenant_slug=slug))["user"] == expected
    await log_in(tenant, user["email"], 401, tenant_slug="nowhere")
    await tenant.call("DELETE", f"/v1/users/{user['id']}", 204)
    slug = (await tenant.call("GET", "/v1/tenants/me", 200))["slug"]
    problem = await log_in(tenant, user["email"], 403, tenant_slug=slug)
    assert problem["detail"] == "Account is disabled"
    await log_in(tenant, user["email"], 401, OTHER, tenant_slug=slug)


async def test_who_one_is(tenant: Tenant) -> None:
    found = await tenant.call("GET", "/v1/auth/me", 200)
    assert set(found) == {"user", "tenant"}
    assert (set(found["user"]), set(found["tenant"])) == (USER, TENANT)
    assert (found["user"]["role"], found["tenant"]["id"]) == ("owner", tenant.id)
    response = await tenant.http.get("/v1/auth/me")
    assert (response.status_code, response.json()["detail"]) == (401, "Not authenticated")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_ones_own_password_is_changed_by_who_knows_it(tenant: Tenant) -> None:
    user = await a_user(tenant)
    here, there = await as_user(tenant, user), await as_user(tenant, user)

    async def change(by: Tenant, expected: int, current: str, new: str) -> Any:
        body = {"current_password": current, "new_password": new}
        return await by.call("POST", "/v1/auth/password", expected, json=body)

    assert (await change(here, 403, OTHER, "a third long password"))["code"] == "wrong_password"
    await change(here, 422, PASSWORD, "short")
    await log_in(tenant, user["email"])
    assert await change(here, 204, PASSWORD, OTHER) is None
    await there.refused()
    assert (await here.call("GET", "/v1/auth/me", 200))["user"] == user
    await log_in(tenant, user["email"], 401)
    await log_in(tenant, user["email"], password=OTHER)
    made = await tenant.call("POST", "/v1/api-tokens", 201, json={"name": "x", "scopes": ["chat"]})
    assert (await change(tenant.bearing(made["raw_token"]), 403, OTHER, PASSWORD))["code"] == "forbidden"


async def test_an_administrators_link_chooses_a_password_once(tenant: Tenant, stranger: Tenant) -> None:
    user = await a_user(tenant)
    member = await as_user(tenant, user)
    admin = await as_user(tenant, await a_user(tenant, "admin"))
    path, chosen = f"/v1/users/{user['id']}/password-reset", {"new_password": OTHER}
    older, newer = [await admin.call("POST", path, 201) for _ in range(2)]
    assert set(newer) == {"reset_token", "expires_at"}
    assert datetime.fromisoformat(newer["expires_at"]) > datetime.now(UTC)
    await member.call("GET", "/v1/auth/me", 200)  # a link alone changes nothing
    reset = "/v1/auth/password-reset"
    await public(tenant, reset, 422, reset_token=newer["reset_token"], new_password="short")
    for unknown in (older["reset_token"], "nonsense"):
        assert (await public(tenant, reset, 403, reset_token=unknown, **chosen))["code"] == "invalid_reset"
    assert await public(tenant, reset, 204, reset_token=newer["reset_token"], **chosen) is None
    await member.refused()
    await log_in(tenant, user["email"], 401)
    await log_in(tenant, user["email"], password=OTHER)
    again = {"reset_token": newer["reset_token"], "new_password": "a third long password"}
    assert (await public(tenant, reset, 403, **again))["code"] == "invalid_reset"
    await log_in(tenant, user["email"], password=OTHER)

    owner = (await tenant.call("GET", "/v1/auth/me", 200))["user"]
    of_owner = await admin.call("POST", f"/v1/users/{owner['id']}/password-reset", 403)
    assert of_owner["code"] == "owners_only"
    await tenant.call("POST", f"/v1/users/{uuid4()}/password-reset", 404)
    assert (await stranger.call("POST", path, 404))["detail"] == "User not found"


async def test_users_are_made_read_and_listed(tenant: Tenant, stranger: Tenant) -> None:
    owner = (await tenant.call("GET", "/v1/auth/me", 200))["user"]
    key = {"Idempotency-Key": str(uuid4())}
    body = {"email": "Zoe@example.com", "password": PASSWORD}
    zoe = await tenant.call("POST", "/v1/users", 201, json=body, headers=key)
    assert await tenant.call("POST", "/v1/users", 201, json=body, headers=key) == zoe
    assert set(zoe) == USER
    assert zoe == {
        "id": zoe["id"], "tenant_id": tenant.id, "email": "Zoe@example.com", "display_name": "", "role": "member",
        "is_active": True,
    }  # fmt: skip
    bea = await a_user(tenant, "admin", "bea", email="bea@example.com")
    assert (bea["display_name"], bea["role"]) == ("bea", "admin")
    taken = await tenant.call("POST", "/v1/users", 409, json=body | {"email": "zoe@EXAMPLE.com"})
    assert taken["detail"] == "A user with this email already exists in this tenant"
    for wrong in ({"email": "zoe"}, {"password": "short"}, {"password": "x" * 129}, {"role": "king"}):
        await tenant.call("POST", "/v1/users", 422, json=body | wrong)
    everybody = await tenant.call("GET", "/v1/users", 200)
    assert everybody == sorted((owner, zoe, bea), key=lambda user: user["email"].lower())
    assert await tenant.paged("/v1/users") == [user["id"] for user in everybody]
    await tenant.call("GET", "/v1/users?limit=-1", 422)
    assert await tenant.call("GET", f"/v1/users/{zoe['id']}", 200) == zoe
    await tenant.call("GET", "/v1/users/nonsense", 422)
    await tenant.call("GET", f"/v1/users/{uuid4()}", 404)
    assert zoe not in await stranger.call("GET", "/v1/users", 200)
    for method in ("GET", "PATCH", "DELETE"):
        problem = await stranger.call(method, f"/v1/users/{zoe['id']}", 404, json={"role": "admin"})
        assert problem["detail"] == "User not found"
    member = await as_user(tenant, await a_user(tenant))
    assert (await member.call("POST", "/v1/users", 403, json=body))["code"] == "forbidden"
    for path in ("/v1/users", f"/v1/users/{zoe['id']}"):
        assert (await member.call("GET", path, 403))["code"] == "forbidden"


async def test_a_user_is_changed_deactivated_and_comes_back(tenant: Tenant) -> None:
    user = await a_user(tenant)
    path, member = f"/v1/users/{user['id']}", await as_user(tenant, user)
    assert await tenant.call("PATCH", path, 200, json={}) == user
    changed = await tenant.call("PATCH", path, 200, json={"display_name": "Ada L.", "role": "admin"})
    assert changed == user | {"display_name": "Ada L.", "role": "admin"}
    async with asyncio.timeout(5):
        while (await member.request("GET", "/v1/users")).status_code != 200:
            await asyncio.sleep(0.02)
    assert (await member.call("GET", "/v1/auth/me", 200))["user"] == changed

    as_before = {"email": f"new-{user['email']}", "password": OTHER}  # the earlier system asked for both
    moved = await member.call("PATCH", path, 200, json=as_before)
    assert moved == changed | {"email": as_before["email"]}
    await member.refused()
    await log_in(tenant, user["email"], 401, OTHER)
    await log_in(tenant, moved["email"], 401)
    again = tenant.bearing((await log_in(tenant, moved["email"], password=OTHER))["access_token"])
    for wrong in ({"email": None}, {"role": None}, {"role": "king"}, {"password": "short"}):
        await tenant.call("PATCH", path, 422, json=wrong)
    owner = (await tenant.call("GET", "/v1/auth/me", 200))["user"]
    problem = await tenant.call("PATCH", path, 409, json={"email": owner["email"], "display_name": "x"})
    assert problem["code"] == "email_taken"
    assert await tenant.call("GET", path, 200) == moved

    for _ in range(2):
        assert await tenant.call("DELETE", path, 204) is None
    await again.refused()
    assert await tenant.call("GET", path, 200) == moved | {"is_active": False}
    assert moved | {"is_active": False} in await tenant.call("GET", "/v1/users", 200)
    assert (await log_in(tenant, moved["email"], 403, OTHER))["detail"] == "Account is disabled"
    assert await tenant.call("PATCH", path, 200, json={"is_active": True}) == moved
    await log_in(tenant, moved["email"], password=OTHER)
    await again.refused()


async def test_owners_are_above_administrators_and_the_last_one_stays(tenant: Tenant) -> None:
    owner = (await tenant.call("GET", "/v1/auth/me", 200))["user"]
    path, admin = f"/v1/users/{owner['id']}", await as_user(tenant, await a_user(tenant, "admin"))
    body = {"email": "king@example.com", "password": PASSWORD, "role": "owner"}
    ada = await a_user(tenant)
    for method, url, sent in (
        ("POST", "/v1/users", body),
        ("PATCH", f"/v1/users/{ada['id']}", {"role": "owner"}),
        ("PATCH", path, {"role": "member"}),
        ("DELETE", path, None),
    ):
        assert (await admin.call(method, url, 403, json=sent))["code"] == "owners_only"
    for change in ({"role": "admin"}, {"is_active": False}):
        assert (await tenant.call("PATCH", path, 409, json=change))["code"] == "last_owner"
    assert (await tenant.call("DELETE", path, 409))["code"] == "last_owner"
    assert await tenant.call("GET", path, 200) == owner

    second = await as_user(tenant, await a_user(tenant, "owner"))
    assert (await second.call("PATCH", path, 200, json={"role": "member"})) == owner | {"role": "member"}
    assert (await tenant.refused("/v1/users", 403))[
        "code"
    ] == "forbidden"  # a token is worth what its user is
    itself = (await second.call("GET", "/v1/auth/me", 200))["user"]
    assert (await second.call("DELETE", f"/v1/users/{itself['id']}", 409))["code"] == "last_owner"
