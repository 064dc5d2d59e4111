"""Events of endpoints and deliveries → the rows that clients read."""

from typing import ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.webhooks import (
    DeliveryFailed,
    DeliveryRequested,
    DeliveryScheduled,
    DeliverySucceeded,
    WebhookCreated,
    WebhookDeleted,
    WebhookSecretRotated,
    WebhookUpdated,
)
from minirag_eventstore import Connection, Projection, on


class EndpointsProjection(Projection):
    """One row for each endpoint that wants to be told; a deleted one leaves nothing."""

    name: ClassVar[str] = "endpoints"
    tables: ClassVar[tuple[str, ...]] = ("endpoints",)
    owner: ClassVar[str] = "webhooks"

    @on(WebhookCreated)
    async def created(self, connection: Connection, event: Envelope, payload: WebhookCreated) -> None:
        """A new endpoint is active at once."""
        await connection.execute(
            """INSERT INTO endpoints
                   (webhook_id, tenant_id, url, events, description, is_active, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, true, $6, $6)""",
            payload.webhook_id,
            event.tenant_id,
            payload.url,
            payload.events,
            payload.description,
            event.recorded_at,
        )

    @on(WebhookUpdated)
    async def updated(self, connection: Connection, event: Envelope, payload: WebhookUpdated) -> None:
        """The event carries the whole configuration."""
        await connection.execute(
            """UPDATE endpoints SET url = $2, events = $3, description = $4, is_active = $5, updated_at = $6
               WHERE webhook_id = $1""",
            payload.webhook_id,
            payload.url,
            payload.events,
            payload.description,
            payload.is_active,
            event.recorded_at,
        )

    @on(WebhookSecretRotated)
    async def secret_rotated(
        self, connection: Connection, event: Envelope, payload: WebhookSecretRotated
    ) -> None:
        """The secret itself is content; that it changed shows in the time."""
        await connection.execute(
            "UPDATE endpoints SET updated_at = $2 WHERE webhook_id = $1",
            payload.webhook_id,
            event.recorded_at,
        )

    @on(WebhookDeleted)
    async def deleted(self, connection: Connection, _event: Envelope, payload: WebhookDeleted) -> None:
        """Deletion is a hard one (spec §13)."""
        await connection.execute("DELETE FROM endpoints WHERE webhook_id = $1", payload.webhook_id)


class DeliveriesProjection(Projection):
    """One row for each delivery with its outcome; it outlives its endpoint."""

    name: ClassVar[str] = "deliveries"
    tables: ClassVar[tuple[str, ...]] = ("deliveries",)
    owner: ClassVar[str] = "webhooks"

    @on(DeliveryScheduled)
    async def scheduled(self, connection: Connection, event: Envelope, payload: DeliveryScheduled) -> None:
        """The delivery is due."""
        await connection.execute(
            """INSERT INTO deliveries (delivery_id, tenant_id, webhook_id, event, cause_id, state, scheduled_at)
               VALUES ($1, $2, $3, $4, $5, 'scheduled', $6)""",
            payload.delivery_id,
            event.tenant_id,
            payload.webhook_id,
            payload.event,
            payload.cause_id,
            event.recorded_at,
        )

    @on(DeliverySucceeded)
    async def succeeded(self, connection: Connection, event: Envelope, payload: DeliverySucceeded) -> None:
        """The endpoint took it, perhaps after it had been given up on."""
        await connection.execute(
            """UPDATE deliveries
               SET state = 'succeeded', attempts = $2, status_code = $3, reason = NULL, settled_at = $4
               WHERE delivery_id = $1""",
            payload.delivery_id,
            payload.attempt,
            payload.status_code,
            event.recorded_at,
        )

    @on(DeliveryFailed)
    async def failed(self, connection: Connection, event: Envelope, payload: DeliveryFailed) -> None:
        """Given up on."""
        await connection.execute(
            """UPDATE deliveries
               SET state = 'failed', attempts = $2, status_code = $3, reason = $4, settled_at = $5
               WHERE delivery_id = $1""",
            payload.delivery_id,
            payload.attempts,
            payload.status_code,
            payload.reason,
            event.recorded_at,
        )

    @on(DeliveryRequested)
    async def requested(self, connection: Connection, _event: Envelope, payload: DeliveryRequested) -> None:
        """Due again; the attempts go on counting."""
        await connection.execute(
            """UPDATE deliveries SET state = 'scheduled', status_code = NULL, reason = NULL, settled_at = NULL
               WHERE delivery_id = $1""",
            payload.delivery_id,
        )


PROJECTIONS: tuple[Projection, ...] = (EndpointsProjection(), DeliveriesProjection())
