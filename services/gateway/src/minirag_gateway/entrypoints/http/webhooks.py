"""``/v1/webhooks``: endpoints that are told of events."""

from uuid import UUID

from fastapi import Request, Response
from minirag_contracts.requests import Done
from minirag_contracts.requests.webhooks import (
    DeleteWebhook,
    GetWebhook,
    ListWebhooks,
    WebhookCreatedReply,
    WebhookList,
    WebhookRead,
)

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.webhooks import WebhookCreate

resource = Resource("Webhooks")


@resource.route(
    "POST",
    "/v1/webhooks",
    Permission.MANAGE_WEBHOOKS,
    body=WebhookCreate,
    returns=WebhookCreatedReply,
    status=201,
    refuses=(413,),
)
async def create_webhook(request: Request) -> Response:
    """Registers an endpoint; its secret is shown this once."""
    body = await read_json(request, WebhookCreate)
    return one(await call_of(request).ask(body.request(), WebhookCreatedReply), 201)


@resource.route("GET", "/v1/webhooks", Permission.MANAGE_WEBHOOKS, returns=list[WebhookRead])
async def list_webhooks(request: Request, limit: Limit = MAX_LIMIT, cursor: Cursor = None) -> Response:
    """The tenant's endpoints, newest first."""
    webhooks = await call_of(request).ask(ListWebhooks(limit=limit, cursor=cursor), WebhookList)
    return page(request, webhooks.items, webhooks.next, limit)


@resource.route(
    "GET", "/v1/webhooks/{webhook_id}", Permission.MANAGE_WEBHOOKS, returns=WebhookRead, refuses=(404,)
)
async def read_webhook(request: Request, webhook_id: UUID) -> Response:
    """One endpoint."""
    return one(await call_of(request).ask(GetWebhook(webhook_id=webhook_id), WebhookRead))


@resource.route("DELETE", "/v1/webhooks/{webhook_id}", Permission.MANAGE_WEBHOOKS, status=204, refuses=(404,))
async def delete_webhook(request: Request, webhook_id: UUID) -> Response:
    """Tells this endpoint nothing more."""
    await call_of(request).ask(DeleteWebhook(webhook_id=webhook_id), Done)
    return Response(status_code=204)
