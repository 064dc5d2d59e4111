"""The webhooks service without its process, and commands and events for it with good defaults."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from contexts import a_context
from cryptography.fernet import Fernet
from minirag_contracts.context import TenantScope
from minirag_contracts.envelope import Envelope
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.requests.webhooks import (
    CreateWebhook,
    DeliveryDetail,
    GetDelivery,
    UpdateWebhook,
    WebhookCreatedReply,
    WebhookUpdatedReply,
)
from minirag_contracts.topology import consumers_of
from minirag_eventstore import Database, EventStore, RetryPolicy, WorkRunner
from minirag_eventstore.reactor import Reactor
from minirag_service.egress import Allowance, GuardedClient
from minirag_service.egress.backend import Resolver, resolve
from minirag_service.sealing import Sealer
from minirag_webhooks.adapters.archive import PostgresArchive
from minirag_webhooks.adapters.delivery_log import PostgresDeliveryLog
from minirag_webhooks.adapters.delivery_rows import PostgresDeliveryRows
from minirag_webhooks.adapters.endpoint_rows import PostgresEndpointRows
from minirag_webhooks.adapters.http_sender import HttpSender
from minirag_webhooks.commands.deliver import DeliverNotice
from minirag_webhooks.commands.endpoints import EndpointCommands
from minirag_webhooks.commands.pings import Pings
from minirag_webhooks.commands.redelivery import Redelivery
from minirag_webhooks.commands.slots import EndpointSlots
from minirag_webhooks.ports import WORK_KIND
from minirag_webhooks.projections import PROJECTIONS
from minirag_webhooks.queries import DeliveryQueries, EndpointQueries
from minirag_webhooks.reactions import ScheduleDeliveries


def a_webhook(url: str = "https://example.org/hook", **fields: Any) -> CreateWebhook:
    """An endpoint that wants everything."""
    events = fields.pop("events", ["chat.message", "source.failed", "source.ingested"])
    return CreateWebhook(url=url, events=events, **fields)


@dataclass
class Webhooks:
    """One service with real rows and real calls."""

    database: Database
    allow: str = "127.0.0.1"
    timeout: float = 60.0
    """Outlasts a busy machine; a test of a receiver that is slow has less."""
    per_endpoint: int = 4
    concurrency: int = 8
    per_tenant: int = 50
    resolver: Resolver = resolve
    sealer: Sealer = field(default_factory=lambda: Sealer([Fernet.generate_key().decode()]))

    def __post_init__(self) -> None:
        self.store = EventStore("webhooks", self.database, PROJECTIONS, self.sealer)
        self.endpoints = PostgresEndpointRows(self.sealer)
        self.deliveries = PostgresDeliveryRows(self.sealer)
        self.log = PostgresDeliveryLog()
        checking = HttpSender(GuardedClient(), timedelta(seconds=self.timeout))
        self.commands = EndpointCommands(
            self.store, self.endpoints, self.deliveries, checking, self.per_tenant
        )
        self.queries = EndpointQueries(self.store, self.endpoints, self.per_tenant)
        self.delivery_queries = DeliveryQueries(self.store, self.endpoints, self.log)
        self.archive = PostgresArchive(self.database)

    async def create(self, url: str = "https://example.org/hook", **fields: Any) -> WebhookCreatedReply:
        """An endpoint of the tenant ``tenant_id``."""
        context = a_context(fields.pop("tenant_id", TENANT_ID))
        return await self.commands.create(a_webhook(url, **fields), context)

    async def update(self, webhook_id: UUID, **changes: Any) -> WebhookUpdatedReply:
        """Changes an endpoint."""
        return await self.commands.update(UpdateWebhook(webhook_id=webhook_id, **changes), a_context())

    async def read(self, webhook_id: UUID, delivery_id: UUID) -> DeliveryDetail:
        """A delivery with its attempts."""
        asked = GetDelivery(webhook_id=webhook_id, delivery_id=delivery_id)
        return await self.delivery_queries.get(asked, a_context())

    def redelivery(self, runner: WorkRunner) -> Redelivery:
        """The command that begins deliveries anew."""
        return Redelivery(self.store, self.endpoints, self.deliveries, self.log, runner)

    def pings(self, runner: WorkRunner) -> Pings:
        """The command that tests endpoints."""
        return Pings(self.store, self.endpoints, self.deliveries, self.log, runner)

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
        client = GuardedClient(Allowance.parse(self.allow), resolver=self.resolver)
        slots = EndpointSlots(self.per_endpoint, self.concurrency, timedelta(seconds=1))
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

    async def resting(self, count: int, timeout: float = 10.0) -> None:
        """Waits until that many deliveries have been tried and wait for their next attempt."""
        async with asyncio.timeout(timeout):
            while True:
                work = await self.rows("work")
                if sum(row["attempts"] > 0 and row["lease_owner"] is None for row in work) >= count:
                    return
                await asyncio.sleep(0.02)

    async def no_work(self, timeout: float = 10.0) -> None:
        """Waits until nothing is left to do."""
        async with asyncio.timeout(timeout):
            while await self.rows("work"):
                await asyncio.sleep(0.02)


class _Nobody:
    """Stands for owners that have nothing older to tell."""

    async def after(
        self, owner: str, position: int, patterns: Sequence[str], limit: int = 500
    ) -> tuple[list[Envelope], int]:
        return [], position

    async def stream(self, owner: str, stream: str, after_version: int) -> list[Envelope]:
        return []
