"""Bodies and attempts of deliveries in Postgres, narrowed to the transaction's tenant by row-level security."""

from uuid import UUID

from minirag_eventstore import Transaction
from minirag_eventstore.database import affected

from minirag_webhooks.ports import WORK_KIND, Dispatch, Obstacle, Outcome, Sealer, Tried

MAX_ERROR = 500
"""Characters kept of why a call failed."""


class PostgresDeliveryRows:
    """The port DeliveryRows."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def keep_body(self, tx: Transaction, delivery_id: UUID, body: str) -> None:
        """Stores what will be sent."""
        await tx.connection.execute(
            "INSERT INTO delivery_bodies (delivery_id, tenant_id, body) VALUES ($1, $2, $3)",
            delivery_id,
            tx.scope.tenant_id,
            body,
        )

    async def renew_body(self, tx: Transaction, delivery_id: UUID) -> bool:
        """Written and not only read, so that the archive, which skips what is locked, looks again."""
        status = await tx.connection.execute(
            "UPDATE delivery_bodies SET kept_at = now() WHERE delivery_id = $1", delivery_id
        )
        return affected(status) == 1

    async def dispatch(
        self, tx: Transaction, delivery_id: UUID, *, even_inactive: bool = False
    ) -> Dispatch | Obstacle:
        """What is to be sent where, or why nothing is."""
        row = await tx.connection.fetchrow(
            """SELECT d.webhook_id, d.event, d.state, e.url, e.is_active, s.sealed, b.body
               FROM deliveries d
               LEFT JOIN delivery_bodies b ON b.delivery_id = d.delivery_id
               LEFT JOIN endpoints e ON e.webhook_id = d.webhook_id
               LEFT JOIN endpoint_secrets s ON s.webhook_id = d.webhook_id
               WHERE d.delivery_id = $1""",
            delivery_id,
        )
        if row is None or row["state"] == "succeeded":
            return Obstacle.SETTLED
        if row["url"] is None or row["sealed"] is None:
            return Obstacle.GONE
        if not row["is_active"] and not even_inactive:
            return Obstacle.INACTIVE
        if row["body"] is None:
            return Obstacle.EXPIRED
        return Dispatch(
            delivery_id=delivery_id,
            webhook_id=row["webhook_id"],
            event=row["event"],
            url=row["url"],
            secret=self._sealer.open(row["sealed"]).decode(),
            body=row["body"],
        )

    async def begin_attempt(self, tx: Transaction, delivery_id: UUID) -> int:
        """Notes that a call is about to be made; its number, from 1."""
        number = await tx.connection.fetchval(
            """INSERT INTO delivery_attempts (delivery_id, attempt, tenant_id)
               SELECT $1, coalesce(max(attempt), 0) + 1, $2 FROM delivery_attempts WHERE delivery_id = $1
               RETURNING attempt""",
            delivery_id,
            tx.scope.tenant_id,
        )
        return int(number)

    async def end_attempt(self, tx: Transaction, delivery_id: UUID, attempt: int, outcome: Outcome) -> None:
        """Notes how the call ended."""
        await tx.connection.execute(
            """UPDATE delivery_attempts SET status_code = $3, error = $4, duration_ms = $5
               WHERE delivery_id = $1 AND attempt = $2""",
            delivery_id,
            attempt,
            outcome.status_code,
            outcome.error[:MAX_ERROR] if outcome.error else None,
            outcome.duration_ms,
        )

    async def tried(self, tx: Transaction, delivery_id: UUID) -> Tried:
        """How often it was tried, and how the last call ended."""
        row = await tx.connection.fetchrow(
            """SELECT attempt, status_code, error FROM delivery_attempts
               WHERE delivery_id = $1 ORDER BY attempt DESC LIMIT 1""",
            delivery_id,
        )
        return Tried(row["attempt"], row["status_code"], row["error"]) if row else Tried(0, None, None)

    async def hasten(self, tx: Transaction, webhook_id: UUID) -> None:
        """Makes an endpoint's waiting deliveries due now."""
        await tx.connection.execute(
            """UPDATE work SET due_at = now()
               WHERE kind = $2 AND due_at > now() AND key IN
                   (SELECT delivery_id::text FROM deliveries WHERE webhook_id = $1 AND state = 'scheduled')""",
            webhook_id,
            WORK_KIND,
        )

    async def close_letters(self, tx: Transaction, delivery_id: UUID) -> None:
        """Takes a delivery's dead letters back, since it is at work again."""
        await tx.connection.execute(
            """UPDATE dead_letters SET replayed_at = now()
               WHERE kind = $2 AND key = $1 AND replayed_at IS NULL""",
            str(delivery_id),
            WORK_KIND,
        )
