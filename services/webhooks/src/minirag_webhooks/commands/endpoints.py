"""Making and deleting endpoints."""

import secrets

from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Done
from minirag_contracts.requests.webhooks import CreateWebhook, DeleteWebhook, WebhookCreatedReply
from minirag_eventstore import EventStore, Transaction

from minirag_webhooks.domain import endpoint
from minirag_webhooks.domain.signature import check_secret
from minirag_webhooks.errors import WebhookNotFound
from minirag_webhooks.ports import EndpointRows

SECRET_BYTES = 32
"""Of a generated secret: 43 URL-safe characters (spec §13)."""


class EndpointCommands:
    """The commands of endpoints."""

    def __init__(self, store: EventStore, rows: EndpointRows) -> None:
        self._store = store
        self._rows = rows

    async def create(self, request: CreateWebhook, context: Context) -> WebhookCreatedReply:
        """Makes an endpoint and answers with its secret, this once."""
        webhook_id = new_id()
        secret = request.secret or secrets.token_urlsafe(SECRET_BYTES)
        check_secret(secret)
        command = endpoint.Create(webhook_id, request.url, request.events, request.description)

        async def action(tx: Transaction) -> WebhookCreatedReply:
            payloads = endpoint.decide(endpoint.Endpoint(), command)
            await tx.append(context, endpoint.stream_of(webhook_id), 0, payloads)
            await self._rows.keep_secret(tx, webhook_id, secret)
            created = await self._rows.get(tx, webhook_id)
            if created is None:
                raise WebhookNotFound
            return WebhookCreatedReply(**created.model_dump(), secret=secret)

        return await self._store.execute(context, request, action)

    async def delete(self, request: DeleteWebhook, context: Context) -> Done:
        """Deletes an endpoint with its secret; its waiting deliveries end as failed when they come up."""
        stream = endpoint.stream_of(request.webhook_id)

        async def action(tx: Transaction) -> Done:
            state, version = await tx.load(stream, endpoint.evolve, endpoint.Endpoint())
            payloads = endpoint.decide(state, endpoint.Delete(request.webhook_id))
            await tx.append(context, stream, version, payloads)
            await self._rows.forget_secret(tx, request.webhook_id)
            return Done()

        return await self._store.execute(context, request, action)
