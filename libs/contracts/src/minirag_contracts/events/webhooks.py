"""Events of webhook endpoints and their deliveries. Secrets are content."""

from typing import ClassVar, Literal
from uuid import UUID

from minirag_contracts.events.base import EventPayload

WebhookEvent = Literal["chat.message", "source.failed", "source.ingested"]


class WebhookCreated(EventPayload):
    """An endpoint wants to be told."""

    type: ClassVar[str] = "webhook.created"
    owner: ClassVar[str] = "webhooks"

    webhook_id: UUID
    url: str
    events: list[WebhookEvent]
    description: str


class WebhookUpdated(EventPayload):
    """An endpoint's configuration changed; this is all of it."""

    type: ClassVar[str] = "webhook.updated"
    owner: ClassVar[str] = "webhooks"

    webhook_id: UUID
    url: str
    events: list[WebhookEvent]
    description: str
    is_active: bool


class WebhookSecretRotated(EventPayload):
    """From now on an endpoint's deliveries are signed with another secret."""

    type: ClassVar[str] = "webhook.secret.rotated"
    owner: ClassVar[str] = "webhooks"

    webhook_id: UUID


class WebhookDeleted(EventPayload):
    """An endpoint wants to hear nothing more."""

    type: ClassVar[str] = "webhook.deleted"
    owner: ClassVar[str] = "webhooks"

    webhook_id: UUID


class DeliveryScheduled(EventPayload):
    """Something happened that an endpoint wants to know; the delivery is due."""

    type: ClassVar[str] = "webhook.delivery.scheduled"
    owner: ClassVar[str] = "webhooks"

    delivery_id: UUID
    webhook_id: UUID
    event: str
    cause_id: UUID
    """Id of the event that is told, or of the command that asked for a ``test.ping``."""


class DeliveryRequested(EventPayload):
    """Somebody asked for a settled delivery once more; it is due again."""

    type: ClassVar[str] = "webhook.delivery.requested"
    owner: ClassVar[str] = "webhooks"

    delivery_id: UUID
    webhook_id: UUID


class DeliverySucceeded(EventPayload):
    """The endpoint took it (a 2xx)."""

    type: ClassVar[str] = "webhook.delivery.succeeded"
    owner: ClassVar[str] = "webhooks"

    delivery_id: UUID
    webhook_id: UUID
    status_code: int
    attempt: int


class DeliveryFailed(EventPayload):
    """The endpoint was given up on for this delivery; it lies among the dead letters."""

    type: ClassVar[str] = "webhook.delivery.failed"
    owner: ClassVar[str] = "webhooks"

    delivery_id: UUID
    webhook_id: UUID
    status_code: int | None
    attempts: int
    reason: str
