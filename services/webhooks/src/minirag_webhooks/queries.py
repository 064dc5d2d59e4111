"""What can be asked about endpoints and their deliveries."""

from minirag_contracts.context import Context
from minirag_contracts.requests.webhooks import (
    DeliveryDetail,
    DeliveryList,
    GetDelivery,
    GetWebhook,
    GetWebhookLimits,
    ListDeliveries,
    ListWebhooks,
    WebhookLimits,
    WebhookList,
    WebhookRead,
)
from minirag_eventstore import EventStore, pages

from minirag_webhooks.errors import DeliveryNotFound, WebhookNotFound
from minirag_webhooks.ports import DeliveryLog, EndpointRows


class EndpointQueries:
    """The queries of endpoints."""

    def __init__(self, store: EventStore, rows: EndpointRows, per_tenant: int) -> None:
        self._store = store
        self._rows = rows
        self._per_tenant = per_tenant

    async def limits(self, request: GetWebhookLimits, context: Context) -> WebhookLimits:
        """How many endpoints there are and may be."""
        async with self._store.transaction(context.scope) as tx:
            endpoints = await self._rows.count(tx.connection)
        return WebhookLimits(endpoints=endpoints, max_endpoints=self._per_tenant)

    async def get(self, request: GetWebhook, context: Context) -> WebhookRead:
        """One endpoint; another tenant's is as unknown as one that never was."""
        async with self._store.transaction(context.scope) as tx:
            found = await self._rows.get(tx, request.webhook_id)
        if found is None:
            raise WebhookNotFound
        return found

    async def list(self, request: ListWebhooks, context: Context) -> WebhookList:
        """The tenant's endpoints, newest first."""
        async with self._store.transaction(context.scope) as tx:
            return await self._rows.page(tx, pages.checked_limit(request.limit), request.cursor)


class DeliveryQueries:
    """The queries of deliveries; those of an endpoint that is gone are gone with it."""

    def __init__(self, store: EventStore, endpoints: EndpointRows, log: DeliveryLog) -> None:
        self._store = store
        self._endpoints = endpoints
        self._log = log

    async def get(self, request: GetDelivery, context: Context) -> DeliveryDetail:
        """One delivery with its attempts."""
        async with self._store.transaction(context.scope) as tx:
            if await self._endpoints.get(tx, request.webhook_id) is None:
                raise WebhookNotFound
            found = await self._log.get(tx, request.webhook_id, request.delivery_id)
        if found is None:
            raise DeliveryNotFound
        return found

    async def list(self, request: ListDeliveries, context: Context) -> DeliveryList:
        """An endpoint's deliveries, newest first."""
        async with self._store.transaction(context.scope) as tx:
            if await self._endpoints.get(tx, request.webhook_id) is None:
                raise WebhookNotFound
            return await self._log.page(
                tx, request.webhook_id, pages.checked_limit(request.limit), request.cursor
            )
