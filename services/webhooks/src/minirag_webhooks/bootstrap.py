"""The one place that joins ports and adapters."""

from datetime import timedelta

from minirag_service import Runtime
from minirag_service.egress import Allowance, GuardedClient

from minirag_webhooks.adapters.delivery_rows import PostgresDeliveryRows
from minirag_webhooks.adapters.endpoint_rows import PostgresEndpointRows
from minirag_webhooks.adapters.http_sender import HttpSender
from minirag_webhooks.commands.deliver import DeliverNotice
from minirag_webhooks.commands.endpoints import EndpointCommands
from minirag_webhooks.commands.slots import EndpointSlots
from minirag_webhooks.entrypoints import consumers, rpc
from minirag_webhooks.queries import EndpointQueries
from minirag_webhooks.settings import Settings

PATIENCE = timedelta(minutes=1)
"""The longest that a delivery waits for a slot at its endpoint before it asks again."""


async def assemble(runtime: Runtime, settings: Settings) -> None:
    """Registers what this service answers, reacts to and works on."""
    endpoints = PostgresEndpointRows(runtime.sealer)
    deliveries = PostgresDeliveryRows(runtime.sealer)
    runtime.sealed("endpoint_secrets", key=("webhook_id",))
    client = GuardedClient(Allowance.parse(settings.egress_allow))
    runtime.on_stop(client.close)
    sender = HttpSender(client, settings.webhooks_timeout)
    slots = EndpointSlots(settings.webhooks_concurrency_per_endpoint, PATIENCE)
    notice = DeliverNotice(runtime.store, deliveries, sender, slots)
    rpc.register(
        runtime, EndpointCommands(runtime.store, endpoints), EndpointQueries(runtime.store, endpoints)
    )
    consumers.register(
        runtime,
        endpoints,
        deliveries,
        notice,
        concurrency=settings.webhooks_concurrency,
        delays=settings.webhooks_retry_delays,
    )
