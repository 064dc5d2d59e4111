"""The log of deliveries as clients read it, narrowed to the transaction's tenant by row-level security."""

from typing import Any
from uuid import UUID

from minirag_contracts.requests.webhooks import AttemptRead, DeliveryDetail, DeliveryList, DeliveryRead
from minirag_eventstore import Transaction, pages

from minirag_webhooks.ports import WORK_KIND

# The projection counts attempts when a delivery is settled; until then the attempts themselves do.
_SELECT = f"""
SELECT d.delivery_id, d.webhook_id, d.event, d.cause_id, d.state, d.reason, d.settled_at, d.scheduled_at AS created_at,
       coalesce(a.attempt, d.attempts, 0) AS attempts,
       coalesce(d.status_code, a.status_code) AS status_code,
       w.due_at AS next_attempt_at,
       NOT EXISTS (SELECT FROM delivery_bodies b WHERE b.delivery_id = d.delivery_id) AS expired
FROM deliveries d
LEFT JOIN LATERAL (SELECT attempt, status_code FROM delivery_attempts t WHERE t.delivery_id = d.delivery_id
                   ORDER BY attempt DESC LIMIT 1) a ON true
LEFT JOIN work w ON w.kind = '{WORK_KIND}' AND w.key = d.delivery_id::text
WHERE d.webhook_id = $1
"""  # noqa: S608  # a constant


class PostgresDeliveryLog:
    """The port DeliveryLog."""

    async def get(self, tx: Transaction, webhook_id: UUID, delivery_id: UUID) -> DeliveryDetail | None:
        """One delivery of an endpoint with its attempts."""
        row = await tx.connection.fetchrow(_SELECT + "AND d.delivery_id = $2", webhook_id, delivery_id)
        if row is None:
            return None
        attempts = await tx.connection.fetch(
            """SELECT attempt, started_at, status_code, error, duration_ms FROM delivery_attempts
               WHERE delivery_id = $1 ORDER BY attempt""",
            delivery_id,
        )
        read = _read(dict(row))
        return DeliveryDetail(
            **read.model_dump(), attempt_log=[AttemptRead(**dict(attempt)) for attempt in attempts]
        )

    async def state(self, tx: Transaction, delivery_id: UUID) -> str | None:
        """Where a delivery stands."""
        state: str | None = await tx.connection.fetchval(
            "SELECT state FROM deliveries WHERE delivery_id = $1", delivery_id
        )
        return state

    async def page(self, tx: Transaction, webhook_id: UUID, limit: int, cursor: str | None) -> DeliveryList:
        """A page of an endpoint's deliveries, newest first."""
        scheduled_at, delivery_id, _ = pages.decode(cursor) or (None, None, 0)
        rows = await tx.connection.fetch(
            _SELECT + "AND ($2::timestamptz IS NULL OR (d.scheduled_at, d.delivery_id) < ($2, $3::uuid)) "
            "ORDER BY d.scheduled_at DESC, d.delivery_id DESC LIMIT $4",
            webhook_id,
            scheduled_at,
            delivery_id,
            limit + 1,
        )
        page, more = pages.cut(rows, limit, "delivery_id")
        return DeliveryList(items=[_read(dict(row)) for row in page], next=more)


def _read(row: dict[str, Any]) -> DeliveryRead:
    return DeliveryRead(id=row.pop("delivery_id"), scheduled_at=row.pop("created_at"), **row)
