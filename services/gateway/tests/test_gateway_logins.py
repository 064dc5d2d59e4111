"""Logins: JWTs, refresh tokens, logout, through HTTP."""

import asyncio
import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.fernet import Fernet
from gateway_world import PASSWORD, World
from minirag_gateway.adapters.signing import KeyedSigner, derived_key
from minirag_gateway.errors import InvalidJwt, InvalidRefreshToken
from minirag_gateway.queries.proofs import SESSION, VISITOR
from turning import turning

pytestmark = pytest.mark.filterwarnings("error")


async def a_login(world: World) -> dict[str, Any]:
    await world.sign_up()
    response = await world.sign_in("owner@example.com", PASSWORD)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def me(world: World, token: str) -> httpx.Response:
    return await world.client.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"})


async def test_a_login_answers_with_a_token_and_whose_it_is(world: World) -> None:
    found = await a_login(world)
    assert set(found) == {"access_token", "token_type", "expires_in", "refresh_token", "user", "tenant"}
    assert (found["token_type"], found["user"]["role"]) == ("bearer", "owner")
    assert 3590 <= found["expires_in"] <= 3600
    answer = await me(world, found["access_token"])
    assert answer.json() == {"user": found["user"], "tenant": found["tenant"]}


@pytest.mark.parametrize(
    ("email", "password"), [("owner@example.com", "wrong password"), ("nobody@example.com", PASSWORD)]
)
async def test_who_does_not_fit_is_told_no_more_than_that(world: World, email: str, password: str) -> None:
    await world.sign_up()
    answer = await world.sign_in(email, password)
    assert (answer.status_code, answer.json()["detail"]) == (401, "Invalid email or password")


async def test_an_unknown_address_costs_a_comparison_as_well(world: World) -> None:
    """By count, not by time: one comparison for a wrong password, one for an unknown address."""
    await world.sign_up()
    identity: Any = world.runtime.stops  # the hasher is only reachable through what stops it
    hasher = next(stop.__self__ for stop in identity if getattr(stop, "__name__", "") == "close")
    compared = 0
    compare = hasher._compare

    def counting(*arguments: str) -> bool:
        nonlocal compared
        compared += 1
        return bool(compare(*arguments))

    hasher._compare = counting
    for email in ("owner@example.com", "nobody@example.com"):
        compared = 0
        assert (await world.sign_in(email, "wrong password")).status_code == 401
        assert compared == 1


async def test_an_address_in_two_tenants_says_which(world: World) -> None:
    await world.sign_up("one")
    await world.sign_up("two", owner_password="something else")
    await world.sign_up("three")
    assert (await world.sign_in("owner@example.com", "something else")).json()["tenant"]["slug"] == "two"
    unclear = await world.sign_in("owner@example.com", PASSWORD)
    assert (unclear.status_code, unclear.json()["code"]) == (409, "ambiguous_login")
    clear = await world.sign_in("OWNER@example.com", PASSWORD, tenant_slug="three")
    assert clear.json()["tenant"]["slug"] == "three"
    assert (await world.sign_in("owner@example.com", PASSWORD, tenant_slug="four")).status_code == 401


async def test_a_login_says_what_is_disabled_only_to_who_knows_the_password(world: World) -> None:
    await world.sign_up()
    for table, code in (("tenants", "tenant_disabled"), ("users", "account_disabled")):
        async with world.runtime.database.system() as connection:
            await connection.execute(f"UPDATE {table} SET is_active = false")
        assert (await world.sign_in("owner@example.com", "wrong password")).status_code == 401
        answer = await world.sign_in("owner@example.com", PASSWORD)
        assert (answer.status_code, answer.json()["code"]) == (403, code)


def forged(claims: dict[str, Any], key: bytes, digest: str = "sha256", **headers: Any) -> str:
    """A JWT made by hand, as somebody would who need not obey a library."""
    header = {"alg": {"sha256": "HS256", "sha512": "HS512"}[digest], "typ": "JWT", **headers}
    signed = ".".join(
        encoded(json.dumps(part, default=datetime.timestamp).encode()) for part in (header, claims)
    )
    return f"{signed}.{encoded(hmac.digest(key, signed.encode(), digest))}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def test_a_jwt_of_anybody_else_is_none(start_world: Any) -> None:
    """S3: an empty key, no expiry, another algorithm, another audience, another key id, none at all."""
    secret_key = Fernet.generate_key().decode()
    world = await start_world(secret_key=secret_key)
    token = (await a_login(world))["access_token"]
    key, header = derived_key(secret_key, "jwt"), jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (header["alg"], claims["aud"], set(claims)) == (
        "HS256", SESSION, {"sub", "tid", "role", "sid", "aud", "iat", "exp"},
    )  # fmt: skip
    unsigned = ".".join(
        encoded(json.dumps(part).encode()) for part in ({"alg": "none", "kid": header["kid"]}, claims)
    )
    past = {**claims, "exp": datetime.now(UTC) - timedelta(seconds=1)}
    without = [{k: v for k, v in claims.items() if k != name} for name in ("exp", "aud", "iat")]
    attempts = [
        forged(claims, b"", kid=header["kid"]),
        forged(claims, Fernet.generate_key(), kid=header["kid"]),
        forged(claims, key),
        forged(claims, key, kid="other"),
        forged(claims, key, "sha512", kid=header["kid"]),
        forged({**claims, "aud": "somebody"}, key, kid=header["kid"]),
        forged({**claims, "aud": [SESSION]}, key, kid=header["kid"]),
        forged(past, key, kid=header["kid"]),
        *(forged(some, key, kid=header["kid"]) for some in without),
        unsigned + ".",
        token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
        "a.b.c",
        "." * 4000,
    ]
    for attempt in attempts:
        answer = await me(world, attempt)
        assert (answer.status_code, answer.json()["detail"]) == (401, "Invalid or expired JWT"), attempt
    for lacking in ("sub", "tid", "sid"):
        claims_without = {k: v for k, v in claims.items() if k != lacking}
        answer = await me(world, forged(claims_without, key, kid=header["kid"]))
        assert (answer.status_code, answer.json()["detail"]) == (401, "Malformed JWT payload")
    stolen = forged({**claims, "sub": str(claims["sid"])}, key, kid=header["kid"])
    assert (await me(world, stolen)).status_code == 401
    assert (await me(world, forged(claims, key, kid=header["kid"]))).status_code == 200


async def test_the_role_is_the_one_of_now_and_not_the_one_in_the_jwt(start_world: Any) -> None:
    secret_key = Fernet.generate_key().decode()
    world = await start_world(secret_key=secret_key)
    await world.sign_up()
    async with world.bearer(
        (await world.sign_in("owner@example.com", PASSWORD)).json()["access_token"]
    ) as owner:
        body = {"email": "m@example.com", "password": PASSWORD}
        assert (await owner.post("/v1/users", json=body)).status_code == 201
    token = (await world.sign_in("m@example.com", PASSWORD)).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    promoted = forged({**claims, "role": "owner"}, derived_key(secret_key, "jwt"), kid=kid)
    async with world.bearer(promoted) as member:
        assert (await member.get("/v1/users")).status_code == 403


async def test_refreshing_gives_the_next_pair_and_a_lost_reply_can_be_asked_again(world: World) -> None:
    first = await a_login(world)
    second = await refreshed(world, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    again = await refreshed(world, first["refresh_token"])
    assert again["refresh_token"] == second["refresh_token"]
    third = await refreshed(world, second["refresh_token"])
    assert (await me(world, third["access_token"])).status_code == 200


async def test_a_refresh_token_that_was_exchanged_long_ago_ends_the_login(world: World) -> None:
    first = await a_login(world)
    second = await refreshed(world, first["refresh_token"])
    third = await refreshed(world, second["refresh_token"])
    stolen = await world.client.post("/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert (stolen.status_code, stolen.json()["code"]) == (401, "invalid_refresh_token")
    for token in (second, third):
        answer = await world.client.post("/v1/auth/refresh", json={"refresh_token": token["refresh_token"]})
        assert answer.status_code == 401
    assert await ends(world, third["access_token"])
    async with world.runtime.database.system() as connection:
        reason = "SELECT data ->> 'reason' FROM events WHERE type = 'user.session.ended'"
        assert await connection.fetchval(reason) == "reused"


async def test_refreshing_at_the_same_moment_gives_everybody_the_same(world: World) -> None:
    first = await a_login(world)
    answers = await asyncio.gather(*(refreshed(world, first["refresh_token"]) for _ in range(6)))
    assert len({answer["refresh_token"] for answer in answers}) == 1


@pytest.mark.parametrize("token", ["", "x", "A" * 54, "=" * 20, "\u00e9"])
async def test_a_refresh_token_of_nobody_is_refused(world: World, token: str) -> None:
    answer = await world.client.post("/v1/auth/refresh", json={"refresh_token": token})
    assert answer.status_code == 401


async def test_a_logout_ends_jwt_and_refresh_token(world: World) -> None:
    found = await a_login(world)
    async with world.bearer(found["access_token"]) as client:
        assert (await client.post("/v1/auth/logout")).status_code == 204
    assert await ends(world, found["access_token"])
    answer = await world.client.post("/v1/auth/refresh", json={"refresh_token": found["refresh_token"]})
    assert answer.status_code == 401


async def test_an_api_token_is_no_login(world: World) -> None:
    async with await world.a_client() as client:
        assert (await client.post("/v1/auth/logout")).status_code == 403


async def test_a_login_ends_with_its_lifetime_whatever_the_jwt_says(start_world: Any) -> None:
    world = await start_world(session_lifetime=1.0)
    found = await a_login(world)
    assert found["expires_in"] == 1
    await asyncio.sleep(1.1)
    assert (await me(world, found["access_token"])).status_code == 401
    answer = await world.client.post("/v1/auth/refresh", json={"refresh_token": found["refresh_token"]})
    assert answer.status_code == 401


def test_an_older_key_still_reads_and_the_newest_signs() -> None:
    old, new, ends_at = Fernet.generate_key().decode(), Fernet.generate_key().decode(), datetime.now(UTC)
    ends_at += timedelta(minutes=1)
    before, after, later = KeyedSigner([old]), KeyedSigner([new, old]), KeyedSigner([new])
    token = before.sign(SESSION, {"sub": "x"}, ends_at)
    assert after.read(token, [SESSION])["sub"] == "x"
    assert later.read(after.sign(VISITOR, {}, ends_at), [VISITOR])
    for broken in (lambda: later.read(token, [SESSION]), lambda: after.read(token, [VISITOR])):
        with pytest.raises(InvalidJwt):
            broken()
    session_id = uuid4()
    refresh = before.refresh_token(session_id, 7)
    assert after.read_refresh_token(refresh) == (session_id, 7)
    with pytest.raises(InvalidRefreshToken):
        later.read_refresh_token(refresh)


async def refreshed(world: World, token: str) -> dict[str, Any]:
    response = await world.client.post("/v1/auth/refresh", json={"refresh_token": token})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def ends(world: World, token: str) -> bool:
    """Whether the token is worth nothing within a second."""
    async with turning(1):
        while (await me(world, token)).status_code != 401:
            await asyncio.sleep(0.01)
    return True
