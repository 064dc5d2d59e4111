"""Requests about endpoints."""

from minirag_contracts.requests.webhooks import CreateWebhook, DeleteWebhook, GetWebhook, ListWebhooks
from minirag_service import Runtime

from minirag_webhooks.commands.endpoints import EndpointCommands
from minirag_webhooks.queries import EndpointQueries


def register(runtime: Runtime, commands: EndpointCommands, queries: EndpointQueries) -> None:
    """Answers ``rpc.webhooks.endpoints.*``."""
    runtime.on(CreateWebhook, commands.create)
    runtime.on(DeleteWebhook, commands.delete)
    runtime.on(GetWebhook, queries.get)
    runtime.on(ListWebhooks, queries.list)
