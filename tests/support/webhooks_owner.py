"""What the webhooks service answers to a gateway under test."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Done, Request
from minirag_contracts.requests.webhooks import (
    AttemptRead,
    CreateWebhook,
    DeleteWebhook,
    DeliveryDetail,
    DeliveryList,
    DeliveryRead,
    GetDelivery,
    GetWebhook,
    GetWebhookLimits,
    ListDeliveries,
    ListWebhooks,
    PingWebhook,
    Redeliver,
    UpdateWebhook,
    WebhookCreatedReply,
    WebhookLimits,
    WebhookList,
    WebhookRead,
    WebhookTested,
    WebhookUpdatedReply,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class WebhooksOwner:
    """Every endpoint that is asked for exists and was told one thing."""

    def handlers(self) -> dict[type[Request], Any]:
        """Request → who answers it."""
        return {
            CreateWebhook: self.create,
            GetWebhook: self.get,
            GetWebhookLimits: self.limits,
            ListWebhooks: self.list,
            UpdateWebhook: self.update,
            DeleteWebhook: self.delete,
            PingWebhook: self.ping,
            ListDeliveries: self.list_deliveries,
            GetDelivery: self.get_delivery,
            Redeliver: self.redeliver,
        }

    async def create(self, request: CreateWebhook, context: Context) -> WebhookCreatedReply:
        return WebhookCreatedReply(**a_webhook(context.scope.tenant_id).model_dump(), secret="s" * 43)

    async def get(self, request: GetWebhook, context: Context) -> WebhookRead:
        return a_webhook(context.scope.tenant_id, request.webhook_id)

    async def limits(self, request: GetWebhookLimits, context: Context) -> WebhookLimits:
        return WebhookLimits(endpoints=3, max_endpoints=50)

    async def list(self, request: ListWebhooks, context: Context) -> WebhookList:
        return WebhookList(items=[a_webhook(context.scope.tenant_id)])

    async def update(self, request: UpdateWebhook, context: Context) -> WebhookUpdatedReply:
        changed = request.model_dump(include={"url", "events", "is_active"}, exclude_none=True)
        webhook = a_webhook(context.scope.tenant_id, request.webhook_id).model_dump() | changed
        return WebhookUpdatedReply(**webhook, secret="n" * 43 if request.rotate_secret else request.secret)

    async def delete(self, request: DeleteWebhook, context: Context) -> Done:
        return Done()

    async def ping(self, request: PingWebhook, context: Context) -> WebhookTested:
        return WebhookTested(success=False, status_code=None)

    async def list_deliveries(self, request: ListDeliveries, context: Context) -> DeliveryList:
        return DeliveryList(items=[a_delivery(request.webhook_id)] * min(request.limit, 2), next="more")

    async def get_delivery(self, request: GetDelivery, context: Context) -> DeliveryDetail:
        attempt = AttemptRead(attempt=1, started_at=NOON, status_code=204, error=None, duration_ms=12)
        read = a_delivery(request.webhook_id, request.delivery_id)
        return DeliveryDetail(**read.model_dump(), attempt_log=[attempt])

    async def redeliver(self, request: Redeliver, context: Context) -> DeliveryRead:
        return a_delivery(request.webhook_id, request.delivery_id)


def a_webhook(tenant_id: UUID, webhook_id: UUID | None = None) -> WebhookRead:
    """An endpoint as webhooks tells of it."""
    return WebhookRead(
        id=webhook_id or new_id(),
        tenant_id=tenant_id,
        url="https://example.com/hook",
        events=["chat.message"],
        is_active=True,
        description="",
        has_secret=True,
        created_at=NOON,
        updated_at=NOON,
    )


def a_delivery(webhook_id: UUID, delivery_id: UUID | None = None) -> DeliveryRead:
    """A delivery that was taken at once."""
    return DeliveryRead(
        id=delivery_id or new_id(),
        webhook_id=webhook_id,
        event="chat.message",
        cause_id=new_id(),
        state="succeeded",
        attempts=1,
        status_code=204,
        reason=None,
        scheduled_at=NOON,
        next_attempt_at=None,
        settled_at=NOON,
        expired=False,
    )
