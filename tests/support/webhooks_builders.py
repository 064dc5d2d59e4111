"""The webhooks service without its process, and commands and events for it with good defaults."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.envelope import Envelope
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.ids import new_id
from minirag_contracts.requests.webhooks import CreateWebhook, WebhookCreatedReply
from minirag_contracts.topology import consumers_of
from minirag_eventstore import Database, EventStore, RetryPolicy, WorkRunner
from minirag_eventstore.reactor import Reactor
from minirag_service.egress import Allowance, GuardedClient
from minirag_service.sealing import Sealer
from minirag_webhooks.adapters.delivery_rows import PostgresDeliveryRows
from minirag_webhooks.adapters.endpoint_rows import PostgresEndpointRows
from minirag_webhooks.adapters.http_sender import HttpSender
from minirag_webhooks.commands.deliver import WORK_KIND, DeliverNotice
from minirag_webhooks.commands.endpoints import EndpointCommands
from minirag_webhooks.commands.slots import EndpointSlots
from minirag_webhooks.projections import PROJECTIONS
from minirag_webhooks.queries import EndpointQueries
from minirag_webhooks.reactions import ScheduleDeliveries


def a_context(tenant_id: UUID = TENANT_ID, **fields: Any) -> Context:
    """Somebody who asks."""
    return Context(actor="user:test", tenant_id=tenant_id, correlation_id=new_id(), **fields)


def a_webhook(url: str = "https://example.org/hook", **fields: Any) -> CreateWebhook:
    """An endpoint that wants everything."""
    events = fields.pop("events", ["chat.message", "source.failed", "source.ingested"])
    return CreateWebhook(url=url, events=events, **fields)


@dataclass
class Webhooks:
    """One service with real rows and real calls."""

    database: Database
    allow: str = "127.0.0.1"
    timeout: float = 2.0
    per_endpoint: int = 4
    concurrency: int = 8
    sealer: Sealer = field(default_factory=lambda: Sealer([Fernet.generate_key().decode()]))

    def __post_init__(self) -> None:
        self.store = EventStore("webhooks", self.database, PROJECTIONS, self.sealer)
        self.endpoints = PostgresEndpointRows(self.sealer)
        self.deliveries = PostgresDeliveryRows(self.sealer)
        self.commands = EndpointCommands(self.store, self.endpoints)
        self.queries = EndpointQueries(self.store, self.endpoints)

    async def create(self, url: str = "https://example.org/hook", **fields: Any) -> WebhookCreatedReply:
        """An endpoint of the tenant ``tenant_id``."""
        context = a_context(fields.pop("tenant_id", TENANT_ID))
        return await self.commands.create(a_webhook(url, **fields), context)

    async def happen(self, *events: Envelope) -> None:
        """Lets the reactors see events."""
        reaction = ScheduleDeliveries(self.endpoints, self.deliveries, lambda: None)
        for event in events:
            for spec in consumers_of("webhooks"):
                if event.type in spec.patterns:
                    await Reactor(self.store, spec, reaction, _Nobody()).handle(event)

    @contextlib.asynccontextmanager
    async def delivering(self, delays: Sequence[float] = ()) -> AsyncIterator[WorkRunner]:
        """The delivery worker, running, with these delays (in seconds) between attempts."""
        client = GuardedClient(Allowance.parse(self.allow))
        slots = EndpointSlots(self.per_endpoint, timedelta(seconds=1))
        sender = HttpSender(client, timedelta(seconds=self.timeout))
        notice = DeliverNotice(self.store, self.deliveries, sender, slots)
        runner = WorkRunner(
            self.store,
            WORK_KIND,
            notice.deliver,
            concurrency=self.concurrency,
            lease=timedelta(seconds=5),
            retry=RetryPolicy(tuple(timedelta(seconds=delay) for delay in delays)),
            on_parked=notice.give_up,
            poll=timedelta(milliseconds=20),
        )
        task = asyncio.create_task(runner.run())
        try:
            yield runner
        finally:
            await runner.drain(2)
            while not task.done():  # one cancellation may be lost in asyncio.wait_for of Python 3.11
                task.cancel()
                await asyncio.wait([task], timeout=0.1)
            await client.close()

    async def rows(self, table: str, tenant_id: UUID = TENANT_ID) -> list[dict[str, Any]]:
        """A tenant's rows of one table."""
        async with self.database.tenant(TenantScope(tenant_id)) as connection:
            return [dict(row) for row in await connection.fetch(f"SELECT * FROM {table} t ORDER BY t::text")]

    async def settled(
        self, count: int = 1, timeout: float = 10.0, *, state: str | None = None
    ) -> list[dict[str, Any]]:
        """The deliveries, once that many have come to their end (to ``state``, if given)."""
        wanted = {state} if state else {"succeeded", "failed"}
        async with asyncio.timeout(timeout):
            while True:
                found = await self.rows("deliveries")
                if sum(row["state"] in wanted for row in found) >= count:
                    return found
                await asyncio.sleep(0.02)


class _Nobody:
    """Stands for owners that have nothing older to tell."""

    async def after(
        self, owner: str, position: int, patterns: Sequence[str], limit: int = 500
    ) -> tuple[list[Envelope], int]:
        return [], position

    async def stream(self, owner: str, stream: str, after_version: int) -> list[Envelope]:
        return []
