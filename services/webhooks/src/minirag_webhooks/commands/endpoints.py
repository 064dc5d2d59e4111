"""Making, changing and deleting endpoints."""

import secrets

from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Done
from minirag_contracts.requests.webhooks import (
    CreateWebhook,
    DeleteWebhook,
    UpdateWebhook,
    WebhookCreatedReply,
    WebhookRead,
    WebhookUpdatedReply,
)
from minirag_eventstore import EventStore, Transaction

from minirag_webhooks.domain import endpoint
from minirag_webhooks.domain.signature import check_secret
from minirag_webhooks.errors import TooManyWebhooks, TwoSecrets, WebhookNotFound
from minirag_webhooks.ports import DeliveryRows, EndpointRows, Sender

SECRET_BYTES = 32
"""Of a generated secret: 43 URL-safe characters (spec §13)."""


class EndpointCommands:
    """The commands of endpoints."""

    def __init__(
        self,
        store: EventStore,
        rows: EndpointRows,
        deliveries: DeliveryRows,
        sender: Sender,
        per_tenant: int,
    ) -> None:
        self._store = store
        self._rows = rows
        self._deliveries = deliveries
        self._sender = sender
        self._per_tenant = per_tenant

    async def create(self, request: CreateWebhook, context: Context) -> WebhookCreatedReply:
        """Makes an endpoint and answers with its secret, this once; raises InvalidUrl and TooManyWebhooks."""
        self._sender.check(request.url)
        webhook_id = new_id()
        secret = request.secret or secrets.token_urlsafe(SECRET_BYTES)
        check_secret(secret)
        command = endpoint.Create(webhook_id, request.url, request.events, request.description)

        async def action(tx: Transaction) -> WebhookCreatedReply:
            payloads = endpoint.decide(endpoint.Endpoint(), command)
            await self._rows.lock(tx)
            if await self._rows.count(tx.connection) >= self._per_tenant:
                raise TooManyWebhooks(
                    f"A tenant may have at most {self._per_tenant} webhooks: delete one first."
                )
            await tx.append(context, endpoint.stream_of(webhook_id), 0, payloads)
            await self._rows.keep_secret(tx, webhook_id, secret)
            created = await self._read(tx, command)
            return WebhookCreatedReply(**created.model_dump(), secret=secret)

        return await self._store.execute(context, request, action)

    async def update(self, request: UpdateWebhook, context: Context) -> WebhookUpdatedReply:
        """Changes an endpoint, and answers with its secret if that is new. Nothing changes: no event. Raises InvalidUrl.

        What waits for an endpoint that is deactivated comes up at once and ends as failed.
        """
        if request.url is not None:
            self._sender.check(request.url)
        wanted = _wanted_secret(request)
        stream = endpoint.stream_of(request.webhook_id)

        async def action(tx: Transaction) -> WebhookUpdatedReply:
            state, version = await tx.load(stream, endpoint.evolve, endpoint.Endpoint())
            new = wanted if wanted != await self._rows.secret(tx, request.webhook_id) else None
            command = _update(request, new_secret=new is not None)
            await tx.append(context, stream, version, endpoint.decide(state, command))
            if new is not None:
                await self._rows.replace_secret(tx, request.webhook_id, new)
            if request.is_active is False:
                await self._deliveries.hasten(tx, request.webhook_id)
            updated = await self._read(tx, command)
            return WebhookUpdatedReply(**updated.model_dump(), secret=new)

        return await self._store.execute(context, request, action)

    async def delete(self, request: DeleteWebhook, context: Context) -> Done:
        """Deletes an endpoint with its secret; its waiting deliveries come up at once and end as failed."""
        stream = endpoint.stream_of(request.webhook_id)

        async def action(tx: Transaction) -> Done:
            state, version = await tx.load(stream, endpoint.evolve, endpoint.Endpoint())
            payloads = endpoint.decide(state, endpoint.Delete(request.webhook_id))
            await tx.append(context, stream, version, payloads)
            await self._rows.forget_secret(tx, request.webhook_id)
            await self._deliveries.hasten(tx, request.webhook_id)
            return Done()

        return await self._store.execute(context, request, action)

    async def _read(self, tx: Transaction, command: endpoint.Create | endpoint.Update) -> WebhookRead:
        found = await self._rows.get(tx, command.webhook_id)
        if found is None:
            raise WebhookNotFound
        return found


def _wanted_secret(request: UpdateWebhook) -> str | None:
    """The secret that the endpoint shall have from now on; None leaves it as it is."""
    if request.rotate_secret:
        if request.secret is not None:
            raise TwoSecrets
        return secrets.token_urlsafe(SECRET_BYTES)
    if request.secret is not None:
        check_secret(request.secret)
    return request.secret


def _update(request: UpdateWebhook, *, new_secret: bool) -> endpoint.Update:
    return endpoint.Update(
        webhook_id=request.webhook_id,
        url=request.url,
        events=request.events,
        description=request.description,
        is_active=request.is_active,
        new_secret=new_secret,
    )
