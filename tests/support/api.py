"""A client of the REST API for tests: one tenant, its bots, sources and chats, through HTTP and nothing else."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Container, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import httpx


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event of a stream; ``data`` is its JSON."""

    id: str
    event: str
    data: dict[str, Any]


@dataclass(slots=True)
class Tenant:
    """A tenant and its one-time token."""

    http: httpx.AsyncClient
    id: str
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def sign_up(cls, http: httpx.AsyncClient, name: str = "Acme") -> Self:
        """Makes a tenant with an owner."""
        slug = f"{name.lower()}-{secrets.token_hex(4)}"
        body = {
            "tenant_name": name,
            "tenant_slug": slug,
            "owner_email": f"owner@{slug}.example",
            "owner_password": secrets.token_urlsafe(16),
        }
        response = await http.post("/v1/tenants", json=body)
        assert response.status_code == 201, response.text
        reply = response.json()
        return cls(
            http, reply["tenant"]["id"], reply["api_token"], {"Authorization": f"Bearer {reply['api_token']}"}
        )

    async def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """Any request with the tenant's token."""
        return await self.http.request(method, path, headers={**self.headers, **(headers or {})}, **options)

    async def call(self, method: str, path: str, expected: int, **options: Any) -> Any:
        """A request that must end in a status; answers its JSON."""
        response = await self.request(method, path, **options)
        assert response.status_code == expected, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def bearing(self, token: str) -> Self:
        """The same tenant, asked with another credential: a token, a login's JWT, a visitor's session."""
        return type(self)(self.http, self.id, token, {"Authorization": f"Bearer {token}"})

    async def refused(self, path: str = "/v1/auth/me", status: int = 401, *, seconds: float = 1) -> Any:
        """The problem that the credential gets; fails when it is let in later than it may be after it was taken away."""
        since = time.monotonic()
        while True:
            began = time.monotonic()
            response = await self.request("GET", path)
            if response.status_code == status:
                return response.json()
            assert response.status_code == 200, response.text
            assert began - since < seconds, f"GET {path}: still let in after {seconds} s"
            await asyncio.sleep(0.01)

    async def paged(self, path: str, limit: int = 2) -> list[str]:
        """The ids of a list, read page by page as its Links say."""
        url: str | None = f"{path}?limit={limit}"
        seen: list[str] = []
        while url:
            response = await self.request("GET", url)
            assert response.status_code == 200, response.text
            assert len(response.json()) <= limit
            seen += [one["id"] for one in response.json()]
            url = response.links.get("next", {}).get("url")
        return seen

    async def insist(
        self, method: str, path: str, expected: int, *, seconds: float = 60, **options: Any
    ) -> Any:
        """A command repeated with one Idempotency-Key until it is answered, as a careful client does in bad times."""
        headers = {"Idempotency-Key": str(uuid4()), **options.pop("headers", {})}
        last: object = None
        async with asyncio.timeout(seconds):
            while True:
                try:
                    response = await self.request(method, path, headers=headers, **options)
                except httpx.TransportError as error:
                    last = repr(error)
                else:
                    if response.status_code == expected:
                        return response.json()
                    last = f"{response.status_code} {response.text}"
                    assert response.status_code >= 500, f"{method} {path}: {last}"
                await asyncio.sleep(0.2)

    async def bot(self, **fields: Any) -> str:
        """A bot's id."""
        body = {"name": "Support", **fields}
        return str((await self.call("POST", "/v1/bot-profiles", 201, json=body))["id"])

    async def text_source(
        self, bot_id: str, content: str, name: str = "Notes", *, ingest: bool = True
    ) -> str:
        """A text source's id, its ingestion requested."""
        body = {"bot_profile_id": bot_id, "name": name, "source_type": "text", "content": content}
        source_id = str((await self.call("POST", "/v1/sources", 201, json=body))["id"])
        if ingest:
            await self.call("POST", f"/v1/sources/{source_id}/ingest", 202)
        return source_id

    async def settled(self, source_id: str, *, seconds: float = 60) -> dict[str, Any]:
        """The source once it is ready or in error."""
        source: dict[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    source = await self.call("GET", f"/v1/sources/{source_id}", 200)
                    if source["status"] in ("ready", "error"):
                        return source
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"still {source.get('status')} after {seconds} s: {source}") from None

    async def ready(self, source_id: str, **options: Any) -> dict[str, Any]:
        """The source once it is ready; fails when it ends in error."""
        source = await self.settled(source_id, **options)
        assert source["status"] == "ready", source
        return source

    async def ask(self, bot_id: str, message: str, **fields: Any) -> Any:
        """A plain turn's answer."""
        body = {"bot_profile_id": bot_id, "message": message, **fields}
        return await self.call("POST", "/v1/chat", 200, json=body)

    async def answered(
        self, bot_id: str, message: str, seconds: float = 90, refusals: Container[int] = (503,)
    ) -> Any:
        """A plain turn's answer as soon as there is one: while vectors are being filled in again it is a refusal."""
        body = {"bot_profile_id": bot_id, "message": message}
        async with asyncio.timeout(seconds):
            while (response := await self.request("POST", "/v1/chat", json=body)).status_code != 200:
                assert response.status_code in refusals, response.text
                await asyncio.sleep(0.2)
        return response.json()

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[ServerSentEvent]]]:
        """An open event stream: the response and its events."""
        async with self.http.stream(
            method, path, headers={**self.headers, **(headers or {})}, **options
        ) as response:
            yield response, events_of(response)

    async def ask_streamed(self, bot_id: str, message: str, **fields: Any) -> list[ServerSentEvent]:
        """Every event of a streamed turn."""
        body = {"bot_profile_id": bot_id, "message": message, "stream": True, **fields}
        async with self.stream("POST", "/v1/chat", json=body) as (response, events):
            assert response.status_code == 200, (await response.aread()).decode()
            return [event async for event in events]


async def events_of(response: httpx.Response) -> AsyncIterator[ServerSentEvent]:
    """Parses an event stream as WHATWG HTML §9.2.6 says; comments are dropped."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            data = json.loads(fields["data"])
            yield ServerSentEvent(fields.get("id", ""), fields.get("event", "message"), data)
            fields = {}


def text_of(events: list[ServerSentEvent]) -> str:
    """The answer that a stream's deltas make."""
    return "".join(event.data["content"] for event in events if event.event == "delta")
