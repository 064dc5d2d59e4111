"""Every kind of credential that a request can come with, by name: how it is got, and what it is worth.

A new kind is one more ``@credential``; the access matrix takes it from there.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
from estate import Estate
from minirag_contracts.context import Reach
from minirag_gateway.domain.access import MATRIX, VISITOR, Permission, permitted
from minirag_gateway.entrypoints.http import cookies
from operations import BY_ROUTE

Route = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Credential:
    """What is sent, and what it may do: ``permissions`` None means that it is worth nothing (401)."""

    headers: dict[str, str]
    permissions: frozenset[Permission] | None
    side: str = "ours"
    """Whose it is: ``ours`` or ``theirs``."""
    reach: Reach = "tenant"


Factory = Callable[[Estate, Estate], Awaitable[Credential]]

CREDENTIALS: dict[str, Factory] = {}
"""Name → makes it, given our estate and theirs."""

ORIGIN = "https://www.example.invalid"

REVOKED_WITHIN = 1.1
"""Seconds after which a revoked credential must be dead everywhere, and a little."""


def credential(*needs: Route) -> Callable[[Factory], Factory]:
    """Registers a factory, unless a route that it needs does not exist in this application."""

    def register(factory: Factory) -> Factory:
        if all(route in BY_ROUTE for route in needs):
            CREDENTIALS[factory.__name__] = factory
        return factory

    return register


def bearer(token: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **headers}


@credential()
async def none(ours: Estate, theirs: Estate) -> Credential:
    return Credential({}, None)


@credential()
async def garbage(ours: Estate, theirs: Estate) -> Credential:
    return Credential(bearer(secrets.token_urlsafe(32)), None)


@credential()
async def wrong_scheme(ours: Estate, theirs: Estate) -> Credential:
    pair = base64.b64encode(f"owner:{ours.tenant.token}".encode()).decode()
    return Credential({"Authorization": f"Basic {pair}"}, None)


@credential()
async def forged_jwt(ours: Estate, theirs: Estate) -> Credential:
    """Signed with the empty key and without an end: what the earlier system believed (lessons S3)."""
    claims = {"sub": ours.ids.get("user_id", ours.tenant.id), "tid": ours.tenant.id, "role": "owner"}
    return Credential(bearer(_jwt({"alg": "HS256", "typ": "JWT"}, claims, b"")), None)


@credential()
async def unsigned_jwt(ours: Estate, theirs: Estate) -> Credential:
    claims = {
        "sub": ours.ids.get("user_id", ours.tenant.id),
        "tid": ours.tenant.id,
        "role": "owner",
        "exp": 2**33,
    }
    return Credential(bearer(_jwt({"alg": "none", "typ": "JWT"}, claims, None)), None)


@credential()
async def owner(ours: Estate, theirs: Estate) -> Credential:
    return Credential(ours.tenant.headers, MATRIX["owner"])


@credential()
async def foreign_owner(ours: Estate, theirs: Estate) -> Credential:
    return Credential(theirs.tenant.headers, MATRIX["owner"], side="theirs")


TOKENS = ("POST", "/v1/api-tokens")


@credential(TOKENS)
async def expired_token(ours: Estate, theirs: Estate) -> Credential:
    end = datetime.now(UTC) + timedelta(seconds=2)
    token = await _token(ours, expires_at=end.isoformat().replace("+00:00", "Z"))
    await asyncio.sleep(2 + REVOKED_WITHIN)
    return Credential(bearer(token), None)


@credential(TOKENS, ("DELETE", "/v1/api-tokens/{token_id}"))
async def revoked_token(ours: Estate, theirs: Estate) -> Credential:
    made = await ours.tenant.call("POST", "/v1/api-tokens", 201, json={"name": "Soon revoked"})
    headers = bearer(made["raw_token"])
    assert (await ours.tenant.http.get("/v1/tenants/me", headers=headers)).status_code == 200
    await ours.tenant.call("DELETE", f"/v1/api-tokens/{made['id']}", 204)
    await asyncio.sleep(REVOKED_WITHIN)
    return Credential(headers, None)


@credential(TOKENS)
async def reading_token(ours: Estate, theirs: Estate) -> Credential:
    return Credential(bearer(await _token(ours, scopes=["read"])), permitted("owner", ["read"]))


@credential(TOKENS)
async def chatting_token(ours: Estate, theirs: Estate) -> Credential:
    return Credential(bearer(await _token(ours, scopes=["chat"])), permitted("owner", ["chat"]))


USERS = ("POST", "/v1/users")
LOGIN = ("POST", "/v1/auth/login")


@credential(USERS, LOGIN)
async def member(ours: Estate, theirs: Estate) -> Credential:
    return Credential(bearer(await _session(ours, "member")), MATRIX["member"], reach="own")


@credential(USERS, LOGIN)
async def admin(ours: Estate, theirs: Estate) -> Credential:
    return Credential(bearer(await _session(ours, "admin")), MATRIX["admin"])


BROWSER = ("POST", "/v1/auth/browser")


@credential(USERS, BROWSER)
async def admin_in_a_browser(ours: Estate, theirs: Estate) -> Credential:
    return Credential(await _cookies(ours, "admin"), MATRIX["admin"])


@credential(USERS, BROWSER)
async def foreign_member_in_a_browser(ours: Estate, theirs: Estate) -> Credential:
    return Credential(await _cookies(theirs, "member"), MATRIX["member"], side="theirs", reach="own")


@credential(USERS, LOGIN)
async def foreign_member(ours: Estate, theirs: Estate) -> Credential:
    return Credential(bearer(await _session(theirs, "member")), MATRIX["member"], side="theirs", reach="own")


@credential(USERS, LOGIN, ("DELETE", "/v1/users/{user_id}"))
async def deactivated_member(ours: Estate, theirs: Estate) -> Credential:
    email, token = f"gone-{secrets.token_hex(4)}@example.invalid", secrets.token_urlsafe(16)
    body = {"email": email, "password": token, "role": "member"}
    user = await ours.tenant.call("POST", "/v1/users", 201, json=body)
    session = await _login(ours, email, token)
    await ours.tenant.call("DELETE", f"/v1/users/{user['id']}", 204)
    await asyncio.sleep(REVOKED_WITHIN)
    return Credential(bearer(session), None)


EMBED_KEYS = ("POST", "/v1/embed-keys")


@credential(EMBED_KEYS)
async def embed_key(ours: Estate, theirs: Estate) -> Credential:
    """A publishable key is no credential: it only opens a visitor's session."""
    return Credential(bearer(await _embed_key(ours), Origin=ORIGIN), None)


@credential(EMBED_KEYS, ("POST", "/v1/embed/{key}/sessions"))
async def visitor(ours: Estate, theirs: Estate) -> Credential:
    path = f"/v1/embed/{await _embed_key(ours)}/sessions"
    response = await ours.tenant.http.post(path, json={}, headers={"Origin": ORIGIN})
    assert response.status_code == 201, response.text
    headers = bearer(response.json()["session_token"], Origin=ORIGIN)
    return Credential(headers, VISITOR, reach="own")


async def every(ours: Estate, theirs: Estate) -> dict[str, Credential]:
    """All of them, made at once: some have to wait until they are dead."""
    made = await asyncio.gather(*(factory(ours, theirs) for factory in CREDENTIALS.values()))
    return dict(zip(CREDENTIALS, made, strict=True))


async def _token(estate: Estate, **fields: object) -> str:
    body = {"name": f"Matrix {estate.marker}", **fields}
    made = await estate.tenant.call("POST", "/v1/api-tokens", 201, json=body)
    token: str = made["raw_token"]
    return token


async def _session(estate: Estate, role: str) -> str:
    return await _login(estate, *await _user(estate, role))


async def _cookies(estate: Estate, role: str) -> dict[str, str]:
    """Of a browser of its own, since a shared client would keep them; the session alone, which is what authenticates."""
    email, password = await _user(estate, role)
    async with httpx.AsyncClient(base_url=estate.tenant.http.base_url) as http:
        response = await http.post(BROWSER[1], json={"email": email, "password": password})
        assert response.status_code == httpx.codes.OK, response.text
        cookie = f"{cookies.SESSION}={response.cookies[cookies.SESSION]}"
    return {"Cookie": cookie, cookies.CSRF_HEADER: response.json()["csrf_token"]}


async def _user(estate: Estate, role: str) -> tuple[str, str]:
    email, password = f"{role}-{secrets.token_hex(4)}@example.invalid", secrets.token_urlsafe(16)
    body = {"email": email, "password": password, "role": role, "display_name": f"{role} {estate.marker}"}
    await estate.tenant.call("POST", "/v1/users", 201, json=body)
    return email, password


async def _login(estate: Estate, email: str, password: str) -> str:
    response = await estate.tenant.http.post("/v1/auth/login", json={"email": email, "password": password})
    assert response.status_code == httpx.codes.OK, response.text
    token: str = response.json()["access_token"]
    return token


async def _embed_key(estate: Estate) -> str:
    body = {
        "name": f"Site {estate.marker}",
        "bot_profile_id": estate.ids["bot_profile_id"],
        "origins": [ORIGIN],
    }
    made = await estate.tenant.call("POST", "/v1/embed-keys", 201, json=body)
    key: str = made["key"]
    return key


def _jwt(header: dict[str, object], claims: dict[str, object], key: bytes | None) -> str:
    parts = ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))
    signature = "" if key is None else _b64(hmac.new(key, parts.encode(), hashlib.sha256).digest())
    return f"{parts}.{signature}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
