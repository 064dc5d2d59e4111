"""Telling an endpoint once more what it was told, or was to be told."""

from minirag_contracts.context import Context
from minirag_contracts.requests.webhooks import DeliveryRead, Redeliver
from minirag_eventstore import EventStore, Transaction, WorkRunner

from minirag_webhooks.commands.deliver import work_payload
from minirag_webhooks.domain import delivery
from minirag_webhooks.errors import DeliveryExpired, DeliveryNotFound, WebhookInactive, WebhookNotFound
from minirag_webhooks.ports import DeliveryLog, DeliveryRows, EndpointRows


class Redelivery:
    """Settled deliveries, begun anew: the same id and body, as many attempts as the first time."""

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

    async def redeliver(self, request: Redeliver, context: Context) -> DeliveryRead:
        """Schedules it; refused while it is scheduled, when its body is no longer kept, and for inactive endpoints."""
        webhook_id, delivery_id = request.webhook_id, request.delivery_id
        stream = delivery.stream_of(delivery_id)

        async def action(tx: Transaction) -> DeliveryRead:
            endpoint = await self._endpoints.get(tx, webhook_id)
            if endpoint is None:
                raise WebhookNotFound
            state, version = await tx.load(stream, delivery.evolve, delivery.Delivery())
            payloads = delivery.decide(state, delivery.Repeat(delivery_id, webhook_id))
            if not endpoint.is_active:
                raise WebhookInactive
            if not await self._rows.renew_body(tx, delivery_id):
                raise DeliveryExpired
            await tx.append(context, stream, version, payloads)
            await self._rows.close_letters(tx, delivery_id)
            await self._runner.add(tx, str(delivery_id), work_payload(context, webhook_id))
            found = await self._log.get(tx, webhook_id, delivery_id)
            if found is None:
                raise DeliveryNotFound
            return DeliveryRead(**found.model_dump(exclude={"attempt_log"}))

        return await self._store.execute(context, request, action)
