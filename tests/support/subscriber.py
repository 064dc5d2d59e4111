"""A subscriber of ``GET /v1/events``: reads blocks as WHATWG HTML §9.2.6 says, and can be cut off at any moment."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Block:
    """What lies between two empty lines; None for a field that is not there."""

    id: str | None
    event: str | None
    data: str | None
    comment: str | None


async def blocks_of(response: httpx.Response) -> AsyncIterator[Block]:
    """The blocks of a stream, those without data included."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name or "comment"] = value.removeprefix(" ")
        elif fields:
            yield Block(fields.get("id"), fields.get("event"), fields.get("data"), fields.get("comment"))
            fields = {}


@dataclass
class Subscriber:
    """Remembers what it was sent and where it stands, as a client does that keeps both together."""

    headers: Mapping[str, str]
    types: str | None = None
    last_id: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    progress: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    opened: int = 0

    async def listen(self, url: str) -> None:
        """One connection, from where it stands, until it ends or breaks."""
        headers = {**self.headers, **({"Last-Event-ID": self.last_id} if self.last_id else {})}
        params = {"types": self.types} if self.types else {}
        async with (
            httpx.AsyncClient(base_url=url, timeout=60) as client,
            client.stream("GET", "/v1/events", headers=headers, params=params) as response,
        ):
            assert response.status_code == 200, (await response.aread()).decode()
            async for block in blocks_of(response):
                self._take(block)

    def _take(self, block: Block) -> None:
        if block.id is not None:
            self.last_id = block.id
            self.opened += block.data is None
        if block.data is not None:
            data = json.loads(block.data)
            (self.progress if block.event == "progress" else self.events).append(data)
            assert block.event in ("progress", data.get("type"))
        self.changed.set()

    @asynccontextmanager
    async def listening(self, url: str) -> AsyncIterator[asyncio.Task[None]]:
        """Connected while it is entered: once it knows where it starts."""
        before = self.opened
        task = asyncio.create_task(self.listen(url))
        try:
            await self.until(lambda: self.opened > before, or_end=task)
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, httpx.TransportError):
                await task

    async def until(
        self, condition: Callable[[], bool], seconds: float = 15, or_end: "asyncio.Task[None] | None" = None
    ) -> None:
        """Waits for a condition on what it has; fails after so many seconds, or with what ended the connection."""
        async with asyncio.timeout(seconds):
            while not condition():
                if or_end is not None and or_end.done():
                    await or_end
                    raise AssertionError("the stream ended")
                self.changed.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.2)

    @property
    def types_seen(self) -> list[str]:
        """The types of its events, in order."""
        return [event["type"] for event in self.events]
