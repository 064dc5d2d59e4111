"""Requests about endpoints and their deliveries."""

from minirag_contracts.requests.webhooks import (
    CreateWebhook,
    DeleteWebhook,
    GetDelivery,
    GetWebhook,
    GetWebhookLimits,
    ListDeliveries,
    ListWebhooks,
    PingWebhook,
    Redeliver,
    UpdateWebhook,
)
from minirag_service import Runtime

from minirag_webhooks.commands.endpoints import EndpointCommands
from minirag_webhooks.commands.pings import Pings
from minirag_webhooks.commands.redelivery import Redelivery
from minirag_webhooks.queries import DeliveryQueries, EndpointQueries


def register_endpoints(runtime: Runtime, commands: EndpointCommands, queries: EndpointQueries) -> None:
    """Answers ``rpc.webhooks.endpoints.*`` but for the test."""
    runtime.on(CreateWebhook, commands.create)
    runtime.on(UpdateWebhook, commands.update)
    runtime.on(DeleteWebhook, commands.delete)
    runtime.on(GetWebhook, queries.get)
    runtime.on(ListWebhooks, queries.list)
    runtime.on(GetWebhookLimits, queries.limits)


def register_deliveries(
    runtime: Runtime, queries: DeliveryQueries, redelivery: Redelivery, pings: Pings
) -> None:
    """Answers ``rpc.webhooks.deliveries.*``, and the test, which is one."""
    runtime.on(ListDeliveries, queries.list)
    runtime.on(GetDelivery, queries.get)
    runtime.on(Redeliver, redelivery.redeliver)
    runtime.on(PingWebhook, pings.ping)
