"""A tenant's view of the REST API, as far as the benchmarks need it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx

from bench.report import Clock

RETRY_FOR: Final = 60.0  # seconds
SETTLED: Final = frozenset({"ready", "error"})


class BenchFailed(RuntimeError):
    """The stack did not do what the benchmark needs; the message says what it answered."""


class TurnFailed(BenchFailed):
    """A question was accepted, and its turn ended as failed: the same Idempotency-Key gives the same failure for ever."""


@dataclass(frozen=True)
class Client:
    """One tenant."""

    http: httpx.AsyncClient
    token: str

    async def command(self, path: str, expected: int, **options: Any) -> Any:
        """POST until it is answered, always with the same Idempotency-Key."""
        headers = {"Idempotency-Key": str(uuid4())}
        return (await self._insist("POST", path, expected, headers, **options)).json()

    async def get(self, path: str) -> httpx.Response:
        """GET until it is answered."""
        return await self._insist("GET", path, 200, {})

    async def _insist(
        self, method: str, path: str, expected: int, headers: dict[str, str], **options: Any
    ) -> httpx.Response:
        """What a careful client does in bad times; every repetition is told."""
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        clock = Clock()
        while True:
            try:
                response = await self.http.request(method, path, headers=headers, **options)
            except httpx.TransportError as error:
                answer = repr(error)
            else:
                if response.status_code == expected:
                    return response
                answer = f"{response.status_code} {response.text}"
                if response.is_client_error and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    raise BenchFailed(f"{method} {path}: {answer}")
                if "chat_id" in response.json():
                    raise TurnFailed(f"{method} {path}: {answer}")
            if clock.seconds > RETRY_FOR:
                raise BenchFailed(f"{method} {path}: {answer}")
            print(f"  repeated: {method} {path.partition('?')[0]}: {answer[:300]}", flush=True)
            await asyncio.sleep(0.5)

    async def bot(self, name: str, **fields: Any) -> str:
        """A new bot's id."""
        return str((await self.command("/v1/bot-profiles", 201, json={"name": name, **fields}))["id"])

    async def upload(self, bot_id: str, name: str, content: bytes) -> str:
        """A source's id; its ingestion has been requested."""
        form = {"bot_profile_id": bot_id}
        files = {"file": (name, content)}
        return str((await self.command("/v1/sources/upload", 201, data=form, files=files))["id"])

    async def text(self, bot_id: str, name: str, content: str) -> str:
        """A text source's id; its ingestion has been requested."""
        body = {"bot_profile_id": bot_id, "name": name, "source_type": "text", "content": content}
        source_id = str((await self.command("/v1/sources", 201, json=body))["id"])
        await self.command(f"/v1/sources/{source_id}/ingest", 202)
        return source_id

    async def sources(self, bot_id: str) -> list[dict[str, Any]]:
        """All sources of a bot, over all pages of the list."""
        found: list[dict[str, Any]] = []
        path: str | None = f"/v1/sources?bot_profile_id={bot_id}&limit=1000"
        while path:
            response = await self.get(path)
            found += response.json()
            path = response.links.get("next", {}).get("url")
        return found

    async def ask(self, bot_id: str, message: str) -> Any:
        """A plain turn in a conversation of its own. A turn that ended as failed is final: it is asked anew, once."""
        body = {"bot_profile_id": bot_id, "message": message}
        try:
            return await self.command("/v1/chat", 200, json=body)
        except TurnFailed as failure:
            print(f"  asked anew: {failure}", flush=True)
            return await self.command("/v1/chat", 200, json=body)


@asynccontextmanager
async def client_of(url: str, token: str | None = None) -> AsyncIterator[Client]:
    """A client; without a token a new tenant is made."""
    async with httpx.AsyncClient(base_url=url, timeout=120) as http:
        yield Client(http, token or await _sign_up(http))


async def _sign_up(http: httpx.AsyncClient) -> str:
    slug = f"bench-{secrets.token_hex(4)}"
    body = {
        "tenant_name": "Bench",
        "tenant_slug": slug,
        "owner_email": f"owner@{slug}.example",
        "owner_password": secrets.token_urlsafe(16),
    }
    response = await http.post("/v1/tenants", json=body)
    if response.status_code != httpx.codes.CREATED:
        raise BenchFailed(f"POST /v1/tenants: {response.status_code} {response.text}")
    return str(response.json()["api_token"])
