"""``/v1/webhooks``: endpoints that are told of events."""

from uuid import UUID

from fastapi import Request, Response
from minirag_contracts.requests import Done
from minirag_contracts.requests.webhooks import (
    DeleteWebhook,
    DeliveryDetail,
    DeliveryList,
    DeliveryRead,
    GetDelivery,
    GetWebhook,
    ListDeliveries,
    ListWebhooks,
    PingWebhook,
    Redeliver,
    WebhookCreatedReply,
    WebhookList,
    WebhookRead,
    WebhookTested,
    WebhookUpdatedReply,
)

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.webhooks import WebhookCreate, WebhookUpdate

resource = Resource("Webhooks")

TEST_SECONDS = 20.0
"""How long a test may take: ten seconds for the call, and the wait for its turn."""


@resource.route(
    "POST",
    "/v1/webhooks",
    Permission.MANAGE_WEBHOOKS,
    body=WebhookCreate,
    returns=WebhookCreatedReply,
    status=201,
    refuses=(409, 413),
)
async def create_webhook(request: Request) -> Response:
    """Registers an endpoint; its secret is shown this once."""
    body = await read_json(request, WebhookCreate)
    return one(await call_of(request).ask(body.request(), WebhookCreatedReply), 201)


@resource.route("GET", "/v1/webhooks", Permission.READ_WEBHOOKS, returns=list[WebhookRead])
async def list_webhooks(request: Request, limit: Limit = MAX_LIMIT, cursor: Cursor = None) -> Response:
    """The tenant's endpoints, newest first."""
    webhooks = await call_of(request).ask(ListWebhooks(limit=limit, cursor=cursor), WebhookList)
    return page(request, webhooks.items, webhooks.next, limit)


@resource.route(
    "GET", "/v1/webhooks/{webhook_id}", Permission.READ_WEBHOOKS, returns=WebhookRead, refuses=(404,)
)
async def read_webhook(request: Request, webhook_id: UUID) -> Response:
    """One endpoint."""
    return one(await call_of(request).ask(GetWebhook(webhook_id=webhook_id), WebhookRead))


@resource.route(
    "PATCH",
    "/v1/webhooks/{webhook_id}",
    Permission.MANAGE_WEBHOOKS,
    body=WebhookUpdate,
    returns=WebhookUpdatedReply,
    refuses=(404, 409, 413),
)
async def update_webhook(request: Request, webhook_id: UUID) -> Response:
    """Changes what the body names. A new secret is shown this once; what waits for an endpoint that is
    deactivated ends as failed.
    """
    body = await read_json(request, WebhookUpdate)
    return one(await call_of(request).ask(body.request(webhook_id), WebhookUpdatedReply))


@resource.route("DELETE", "/v1/webhooks/{webhook_id}", Permission.MANAGE_WEBHOOKS, status=204, refuses=(404,))
async def delete_webhook(request: Request, webhook_id: UUID) -> Response:
    """Tells this endpoint nothing more."""
    await call_of(request).ask(DeleteWebhook(webhook_id=webhook_id), Done)
    return Response(status_code=204)


@resource.route(
    "POST",
    "/v1/webhooks/{webhook_id}/test",
    Permission.MANAGE_WEBHOOKS,
    returns=WebhookTested,
    refuses=(404, 409),
)
async def test_webhook(request: Request, webhook_id: UUID) -> Response:
    """Calls the endpoint once, with the event `test.ping`. Why it failed is told among its deliveries."""
    ping = PingWebhook(webhook_id=webhook_id)
    return one(await call_of(request).ask(ping, WebhookTested, TEST_SECONDS))


@resource.route(
    "GET",
    "/v1/webhooks/{webhook_id}/deliveries",
    Permission.READ_WEBHOOKS,
    returns=list[DeliveryRead],
    refuses=(404,),
)
async def list_webhook_deliveries(
    request: Request, webhook_id: UUID, limit: Limit = MAX_LIMIT, cursor: Cursor = None
) -> Response:
    """What the endpoint was told, newest first."""
    asked = ListDeliveries(webhook_id=webhook_id, limit=limit, cursor=cursor)
    deliveries = await call_of(request).ask(asked, DeliveryList)
    return page(request, deliveries.items, deliveries.next, limit)


@resource.route(
    "GET",
    "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}",
    Permission.READ_WEBHOOKS,
    returns=DeliveryDetail,
    refuses=(404,),
)
async def read_webhook_delivery(request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
    """One delivery with its attempts."""
    asked = GetDelivery(webhook_id=webhook_id, delivery_id=delivery_id)
    return one(await call_of(request).ask(asked, DeliveryDetail))


@resource.route(
    "POST",
    "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    Permission.MANAGE_WEBHOOKS,
    returns=DeliveryRead,
    status=202,
    refuses=(404, 409),
)
async def redeliver_webhook_delivery(request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
    """Tells the endpoint once more, with the same id and body; not while the delivery is still scheduled."""
    asked = Redeliver(webhook_id=webhook_id, delivery_id=delivery_id)
    return one(await call_of(request).ask(asked, DeliveryRead), 202)
