"""Tests of an endpoint: one call of ``test.ping``, whose outcome the caller waits for."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import Unavailable
from minirag_contracts.ids import new_id
from minirag_contracts.requests.webhooks import DeliveryDetail, PingWebhook, WebhookTested
from minirag_eventstore import EventStore, Transaction, VersionConflict, WorkRunner

from minirag_webhooks.commands.deliver import work_payload
from minirag_webhooks.domain import delivery
from minirag_webhooks.domain.notice import ping_body
from minirag_webhooks.errors import TooManyTests, WebhookNotFound
from minirag_webhooks.ports import DeliveryLog, DeliveryRows, EndpointRows

AT_ONCE = 4
"""Tests of one tenant that may run in one process; each keeps a request waiting for as long as a call may take."""

WAITING = 2 * AT_ONCE
"""Requests of one tenant that may wait in one process: the tests, and each once more, since a request whose answer takes long
is sent again, perhaps to another process.
"""

WAITING_ALTOGETHER = 32
"""Requests of all tenants that may wait in one process: half of those that it works on at once."""

LOOK_EVERY = 0.1
"""Seconds between looks at a test that runs, since any process may be the one that makes the call."""

PATIENCE = 30.0
"""Seconds that are waited for a test when the caller names no deadline."""

MARGIN = 0.5
"""Seconds before the deadline at which waiting ends, so that the caller still gets an answer."""


class Pings:
    """A test is a delivery like any other, in the log and under a lease, but for its single attempt."""

    def __init__(
        self,
        store: EventStore,
        endpoints: EndpointRows,
        rows: DeliveryRows,
        log: DeliveryLog,
        runner: WorkRunner,
    ) -> None:
        self._store = store
        self._endpoints = endpoints
        self._rows = rows
        self._log = log
        self._runner = runner
        self._waiting: Counter[UUID] = Counter()

    async def ping(self, request: PingWebhook, context: Context) -> WebhookTested:
        """Calls the endpoint and answers how it went; the same command twice is one call.

        Raises TooManyTests when too many of the tenant's requests wait already, and Unavailable when too many of all
        tenants do, or when the call is not over before the deadline; its outcome will be in the log.
        """
        command = delivery.Schedule(request.webhook_id, "test.ping", context.command_id or new_id())
        with self._place(context.scope.tenant_id):
            await self._schedule(command, context)
            try:
                async with asyncio.timeout(max(0.0, context.remaining(PATIENCE) - MARGIN)):
                    return await self._outcome(command, context)
            except TimeoutError as error:
                raise Unavailable("The test is still running: see the deliveries of the webhook.") from error

    @contextmanager
    def _place(self, tenant_id: UUID) -> Iterator[None]:
        if self._waiting[tenant_id] >= WAITING:
            raise TooManyTests
        if self._waiting.total() >= WAITING_ALTOGETHER:
            raise Unavailable("Too many webhooks are being tested at this moment. Please try again soon.")
        self._waiting[tenant_id] += 1
        try:
            yield
        finally:
            self._waiting[tenant_id] -= 1
            self._waiting += Counter()  # drops those that are at zero

    async def _schedule(self, command: delivery.Schedule, context: Context) -> None:
        try:
            async with self._store.transaction(context.scope) as tx:
                await self._add(tx, command, context)
        except VersionConflict:
            return  # the same command, at the same moment: the other one makes the call

    async def _add(self, tx: Transaction, command: delivery.Schedule, context: Context) -> None:
        if await self._endpoints.get(tx, command.webhook_id) is None:
            raise WebhookNotFound
        delivery_id = command.delivery_id
        stream = delivery.stream_of(delivery_id)
        state, version = await tx.load(stream, delivery.evolve, delivery.Delivery())
        payloads = delivery.decide(state, command)
        if payloads:
            if self._waiting[context.scope.tenant_id] > AT_ONCE:
                raise TooManyTests
            await tx.append(context, stream, version, payloads)
            await self._rows.keep_body(tx, delivery_id, ping_body(command.webhook_id))
            payload = work_payload(context, command.webhook_id, once=True)
            await self._runner.add(tx, str(delivery_id), payload)

    async def _outcome(self, command: delivery.Schedule, context: Context) -> WebhookTested:
        while True:
            async with self._store.transaction(context.scope) as tx:
                found = await self._log.get(tx, command.webhook_id, command.delivery_id)
            if found is not None and found.state != "scheduled":
                return _tested(found)
            await asyncio.sleep(LOOK_EVERY)


def _tested(found: DeliveryDetail) -> WebhookTested:
    return WebhookTested(success=found.state == "succeeded", status_code=found.status_code)
