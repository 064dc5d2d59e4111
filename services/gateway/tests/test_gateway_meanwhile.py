"""What changes while a request is on its way counts: a body may take as long as it may take."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest
from gateway_memory import settled
from gateway_world import PASSWORD, World
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import Refusal, Unavailable
from minirag_contracts.frames import Frame
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import UploadSource
from minirag_gateway.entrypoints.http import sse
from minirag_gateway.errors import InvalidApiToken

OTHER = "another long password"


class Slow:
    """A request whose body is sent in two halves."""

    def __init__(
        self, world: World, token: str, path: str, body: bytes, kind: str = "application/json"
    ) -> None:
        self._where = urlsplit(world.url)
        self._body = body
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode()

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._where.hostname, self._where.port)
        half = len(self._body) // 2
        self._writer.write(self._head + self._body[:half])
        await self._writer.drain()
        await asyncio.sleep(0.3)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def finish(self, *, send: bool = True) -> int:
        """The status of the answer, after the other half."""
        if send:
            self._writer.write(self._body[len(self._body) // 2 :])
            await self._writer.drain()
        answer = await self._reader.read()
        return int(answer.split()[1])


async def an_admin(world: World, owner: httpx.AsyncClient) -> tuple[dict[str, Any], str]:
    slug = (await owner.get("/v1/tenants/me")).json()["slug"]
    who = {"email": "boss@example.com", "password": PASSWORD}
    user = (await owner.post("/v1/users", json={**who, "role": "admin"})).json()
    login = await world.sign_in(who["email"], PASSWORD, tenant_slug=slug)
    return user, login.json()["access_token"]


NEW_USER = json.dumps({"email": "mole@example.com", "password": PASSWORD, "role": "admin"}).encode()


@pytest.mark.parametrize("change", [None, {"role": "member"}, {"is_active": False}])
async def test_who_is_shut_out_while_a_body_arrives_does_nothing_with_it(
    world: World, change: dict[str, Any] | None
) -> None:
    async with await world.a_client() as owner:
        user, token = await an_admin(world, owner)
        async with Slow(world, token, "/v1/users", NEW_USER) as request:
            if change is not None:
                assert (await owner.patch(f"/v1/users/{user['id']}", json=change)).status_code == 200
            await settled(world)
            status = await request.finish()
        made = [one["email"] for one in (await owner.get("/v1/users")).json()]
    assert (status == 201, "mole@example.com" in made) == (change is None, change is None)
    assert status in (201, 401, 403)


async def test_an_upload_that_ends_after_its_token_reaches_nobody(world: World) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="bot_profile_id"\r\n\r\n' + str(new_id()).encode()
        + b'\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        + b"hello " * 1000 + b"\r\n--b--\r\n"
    )  # fmt: skip
    async with await world.a_client() as owner:
        made = (await owner.post("/v1/api-tokens", json={"name": "x"})).json()
        upload = Slow(world, made["raw_token"], "/v1/sources/upload", form, "multipart/form-data; boundary=b")
        async with upload as request:
            await owner.delete(f"/v1/api-tokens/{made['id']}")
            await settled(world)
            assert await request.finish() == 401
    assert not [asked for asked, _ in world.owners.asked if isinstance(asked, UploadSource)]


async def test_a_body_that_does_not_come_is_given_up(start_world: Any) -> None:
    world = await start_world(body_timeout=0.5)
    async with await world.a_client() as owner:
        token = owner.headers["authorization"].removeprefix("Bearer ")
        async with Slow(world, token, "/v1/users", NEW_USER) as request:
            assert await request.finish(send=False) == 408


async def test_a_reset_is_worth_nothing_for_who_has_become_more(world: World) -> None:
    async with await world.a_client() as owner:
        user, token = await an_admin(world, owner)
        async with world.bearer(token) as admin:
            link = (await admin.post(f"/v1/users/{user['id']}/password-reset")).json()["reset_token"]
        await owner.patch(f"/v1/users/{user['id']}", json={"role": "owner"})
        body = {"reset_token": link, "new_password": OTHER}
        assert (await world.client.post("/v1/auth/password-reset", json=body)).status_code == 403


@pytest.mark.usefixtures("one_window")
async def test_a_token_with_scopes_guesses_no_password(start_world: Any) -> None:
    world = await start_world(limit_account_logins=3)
    async with await world.a_client() as owner:
        made = (await owner.post("/v1/api-tokens", json={"name": "x", "scopes": ["chat"]})).json()
        guess = {"current_password": "a wild guess", "new_password": OTHER}
        async with world.bearer(made["raw_token"]) as narrow:
            right = {**guess, "current_password": PASSWORD}
            assert (await narrow.post("/v1/auth/password", json=right)).status_code == 403
        codes = [(await owner.post("/v1/auth/password", json=guess)).json()["code"] for _ in range(4)]
        assert codes == ["wrong_password"] * 3 + ["rate_limited"]


async def test_a_login_of_a_suspended_tenant_is_not_prolonged(world: World) -> None:
    signed_up = (await world.sign_up("gone")).json()
    found = (await world.sign_in("owner@example.com", PASSWORD)).json()
    async with world.runtime.database.tenant(TenantScope(signed_up["tenant"]["id"])) as rows:
        await rows.execute("UPDATE tenants SET is_active = false")
    answer = await world.client.post("/v1/auth/refresh", json={"refresh_token": found["refresh_token"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "tenant_disabled")


async def test_a_login_does_not_outlive_the_password_that_it_was_made_with(world: World) -> None:
    """The comparison is slow: the password changes between it and the session."""
    await world.sign_up("racing")
    hasher: Any = next(
        stop.__self__ for stop in world.runtime.stops if getattr(stop, "__name__", "") == "close"  # type: ignore[attr-defined]
        and hasattr(stop.__self__, "_compare")  # type: ignore[attr-defined]
    )  # fmt: skip
    verify = hasher.verify

    async def slowly(password_hash: str | None, password: str) -> bool:
        fits: bool = await verify(password_hash, password)
        async with world.runtime.database.system() as rows:
            await rows.execute("UPDATE user_content SET password_hash = 'another'")
        return fits

    hasher.verify = slowly
    assert (await world.sign_in("owner@example.com", PASSWORD)).status_code == 401


@pytest.mark.parametrize(
    ("reason", "code"),
    [(InvalidApiToken(), "not_authenticated"), (Unavailable("The database is away."), "unavailable")],
)
async def test_a_stream_says_whether_its_credential_ended_or_nobody_can_tell(
    reason: Refusal, code: str
) -> None:
    async def ended() -> Refusal:
        return reason

    async def silence() -> AsyncIterator[Frame | None]:
        await asyncio.Event().wait()
        yield None

    frames = [frame async for frame in sse.until(ended(), silence())]
    assert [frame and (frame.event, frame.data["code"]) for frame in frames] == [("error", code)]
