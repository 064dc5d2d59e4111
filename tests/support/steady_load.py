"""Traffic of one tenant that forgives nothing: no request is repeated, and whatever is not answered as it should be is noted."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
from api import Tenant
from receiver import Receiver

VALVES = ("red", "blue", "green", "white", "black", "river", "stone", "house", "water", "table")
TEXT = (
    "The {n} valve is opened by the {n} engineer in the early morning. It leads water from the {n} basin to the turbine "
    "hall, where the {n} gauge shows the pressure. Whoever closes it writes the time into the {n} book of the plant. "
)
EVENTS = ["chat.message", "source.ingested"]


@dataclass(slots=True)
class Load:
    """``failures`` has a sentence for each request that failed; ``answers`` the message of each turn that was answered."""

    tenant: Tenant
    bot_id: str
    url: str
    seed: int
    failures: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    streamed: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    others: int = 0
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def prepared(cls, tenant: Tenant, url: str, receiver: Receiver, seed: int = 0) -> Self:
        """A bot that knows something, and an endpoint that hears of every answer and every ingestion."""
        bot_id = await tenant.bot(name="Plants", model="minirag/extractive")
        hook = {"url": receiver.url(), "events": EVENTS}
        await tenant.call("POST", "/v1/webhooks", 201, json=hook)
        load = cls(tenant, bot_id, url, seed)
        load.sources.append(await tenant.text_source(bot_id, load.text(0), "Plant 0"))
        await tenant.ready(load.sources[0])
        return load

    @property
    def answers(self) -> list[str]:
        """Of plain and of streamed turns."""
        return [*self.plain, *self.streamed]

    async def enough(self, turns: int, sources: int, seconds: float = 60) -> None:
        """Until there were so many of each kind of turn, and so many sources; fails after so many seconds."""
        async with asyncio.timeout(seconds):
            while min(len(self.plain), len(self.streamed)) < turns or len(self.sources) < sources:
                await asyncio.sleep(0.05)

    def text(self, number: int) -> str:
        """A document that no other is like."""
        name = " ".join(VALVES[int(digit)] for digit in f"{number:03}")
        return "\n\n".join(TEXT.format(n=name) for _ in range(3))

    async def during(self, work: Coroutine[Any, Any, Any], plain: int = 2, streamed: int = 2) -> None:
        """Asks, loads and reads for as long as ``work`` takes; then lets everything that was begun come to its end."""
        kinds: list[Callable[[httpx.AsyncClient, random.Random], Awaitable[None]]]
        kinds = [*[self._plain] * plain, *[self._streamed] * streamed, self._source, self._read, self._read]
        async with asyncio.TaskGroup() as group:
            for number, kind in enumerate(kinds):
                group.create_task(self._repeat(kind, random.Random(self.seed * 100 + number)))
            group.create_task(self._newcomers())
            try:
                await work
            finally:
                self._over.set()

    async def _repeat(
        self, kind: Callable[[httpx.AsyncClient, random.Random], Awaitable[None]], chance: random.Random
    ) -> None:
        """One client with kept-alive connections, which rests for a moment between two requests."""
        async with httpx.AsyncClient(base_url=self.url, headers=self.tenant.headers, timeout=30) as client:
            while not self._over.is_set():
                await self._noting(kind(client, chance), kind.__name__)
                await asyncio.sleep(chance.choice((0.0, 0.05, 0.3)))

    async def _newcomers(self) -> None:
        """A new connection for each request."""
        while not self._over.is_set():
            async with httpx.AsyncClient(
                base_url=self.url, headers=self.tenant.headers, timeout=30
            ) as client:
                await self._noting(self._read(client, random.Random()), "newcomer")
            await asyncio.sleep(0.05)

    async def _noting(self, request: Awaitable[None], kind: str) -> None:
        try:
            await request
        except (httpx.HTTPError, AssertionError, TimeoutError) as error:
            self.failures.append(f"{kind}: {error!r}")

    async def _plain(self, client: httpx.AsyncClient, chance: random.Random) -> None:
        response = await client.post("/v1/chat", json=self._question(chance))
        assert response.status_code == 200, response.text
        assert response.json()["message"]["content"]
        self.plain.append(str(response.json()["message"]["id"]))

    async def _streamed(self, client: httpx.AsyncClient, chance: random.Random) -> None:
        asking = Tenant(client, self.tenant.id, self.tenant.token, self.tenant.headers)
        events = await asking.ask_streamed(self.bot_id, message=self._question(chance)["message"])
        names = [event.event for event in events]
        assert names[:1] == ["sources"] and names[-1:] == ["done"], names
        numbers = [int(event.id.rpartition(".")[2]) for event in events]
        assert numbers == list(range(len(events))), numbers
        self.streamed.append(str(events[-1].data["message_id"]))

    async def _source(self, client: httpx.AsyncClient, _: random.Random) -> None:
        number = len(self.sources)
        asking = Tenant(client, self.tenant.id, self.tenant.token, self.tenant.headers)
        self.sources.append(await asking.text_source(self.bot_id, self.text(number), f"Plant {number}"))

    async def _read(self, client: httpx.AsyncClient, chance: random.Random) -> None:
        response = await client.get(chance.choice(("/v1/tenants/me", "/v1/bot-profiles", "/v1/sources")))
        assert response.status_code == 200, response.text
        self.others += 1

    def _question(self, chance: random.Random) -> dict[str, Any]:
        return {"bot_profile_id": self.bot_id, "message": f"Who opens the {chance.choice(VALVES)} valve?"}
