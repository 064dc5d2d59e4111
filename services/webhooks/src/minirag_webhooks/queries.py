"""What can be asked about endpoints."""

from minirag_contracts.context import Context
from minirag_contracts.requests.webhooks import GetWebhook, ListWebhooks, WebhookList, WebhookRead
from minirag_eventstore import EventStore

from minirag_webhooks.errors import WebhookNotFound
from minirag_webhooks.ports import EndpointRows

MAX_PAGE = 1000


class EndpointQueries:
    """The queries of endpoints."""

    def __init__(self, store: EventStore, rows: EndpointRows) -> None:
        self._store = store
        self._rows = rows

    async def get(self, request: GetWebhook, context: Context) -> WebhookRead:
        """One endpoint; another tenant's is as unknown as one that never was."""
        async with self._store.transaction(context.scope) as tx:
            found = await self._rows.get(tx, request.webhook_id)
        if found is None:
            raise WebhookNotFound
        return found

    async def list(self, request: ListWebhooks, context: Context) -> WebhookList:
        """The tenant's endpoints, newest first."""
        limit = max(1, min(request.limit, MAX_PAGE))
        async with self._store.transaction(context.scope) as tx:
            return await self._rows.page(tx, limit, request.cursor)
