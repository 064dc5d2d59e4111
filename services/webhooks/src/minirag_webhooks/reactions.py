"""Events of ingest and chat → deliveries that are due."""

from collections.abc import Callable

from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_eventstore import Transaction

from minirag_webhooks.commands.deliver import work_payload
from minirag_webhooks.domain import delivery
from minirag_webhooks.domain.notice import notice_of
from minirag_webhooks.ports import WORK_KIND, DeliveryRows, EndpointRows


class ScheduleDeliveries:
    """One short transaction for each event: a delivery for every endpoint of the tenant that wants it."""

    def __init__(self, endpoints: EndpointRows, deliveries: DeliveryRows, wake: Callable[[], None]) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._wake = wake

    async def __call__(self, tx: Transaction, event: Envelope, context: Context) -> None:
        """Right in any order and when repeated: the delivery's id comes from the event and the endpoint."""
        notice = notice_of(event.payload)
        if notice is None:
            return
        for webhook_id in await self._endpoints.subscribed_to(tx, notice.event):
            command = delivery.Schedule(webhook_id, notice.event, event.event_id)
            stream = delivery.stream_of(command.delivery_id)
            state, version = await tx.load(stream, delivery.evolve, delivery.Delivery())
            payloads = delivery.decide(state, command)
            if not payloads:
                continue
            await tx.append(context, stream, version, payloads)
            await self._deliveries.keep_body(tx, command.delivery_id, notice.body)
            await tx.add_work(WORK_KIND, str(command.delivery_id), payload=work_payload(context, webhook_id))
            tx.after_commit(self._wake)
