"""The one place that joins ports and adapters."""

from datetime import timedelta
from functools import partial

from minirag_service import Runtime
from minirag_service.egress import Allowance, GuardedClient

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
from minirag_webhooks.entrypoints import consumers, rpc
from minirag_webhooks.queries import DeliveryQueries, EndpointQueries
from minirag_webhooks.settings import Settings

PATIENCE = timedelta(minutes=1)
"""The longest that a delivery waits for a slot at its endpoint before it asks again."""


async def assemble(runtime: Runtime, settings: Settings) -> None:
    """Registers what this service answers, reacts to and works on."""
    store = runtime.store
    endpoints, deliveries = PostgresEndpointRows(runtime.sealer), PostgresDeliveryRows(runtime.sealer)
    runtime.sealed("endpoint_secrets", key=("webhook_id",))
    log, sender = PostgresDeliveryLog(), _sender(runtime, settings)
    runner = consumers.run_deliveries(
        runtime,
        DeliverNotice(store, deliveries, sender, _slots(settings)),
        concurrency=settings.webhooks_concurrency,
        delays=settings.webhooks_retry_delays,
    )
    consumers.register(runtime, endpoints, deliveries, runner.wake)
    commands = EndpointCommands(store, endpoints, deliveries, sender, settings.webhooks_per_tenant)
    rpc.register_endpoints(runtime, commands, EndpointQueries(store, endpoints, settings.webhooks_per_tenant))
    rpc.register_deliveries(
        runtime,
        DeliveryQueries(store, endpoints, log),
        Redelivery(store, endpoints, deliveries, log, runner),
        Pings(store, endpoints, deliveries, log, runner),
    )
    runtime.sweep(partial(PostgresArchive(runtime.database).prune, settings.webhooks_keep))


def _sender(runtime: Runtime, settings: Settings) -> HttpSender:
    client = GuardedClient(Allowance.parse(settings.egress_allow))
    runtime.on_stop(client.close)
    return HttpSender(client, settings.webhooks_timeout)


def _slots(settings: Settings) -> EndpointSlots:
    return EndpointSlots(settings.webhooks_concurrency_per_endpoint, settings.webhooks_concurrency, PATIENCE)
