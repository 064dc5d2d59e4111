"""Bodies and attempts of deliveries in Postgres, narrowed to the transaction's tenant by row-level security."""

from uuid import UUID

from minirag_eventstore import Transaction

from minirag_webhooks.ports import Dispatch, Outcome, Sealer, Tried

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

    async def dispatch(self, tx: Transaction, delivery_id: UUID) -> Dispatch | None:
        """What is to be sent where; None when the endpoint is gone."""
        row = await tx.connection.fetchrow(
            """SELECT d.webhook_id, d.event, e.url, s.sealed, b.body
               FROM deliveries d
               JOIN delivery_bodies b USING (delivery_id)
               JOIN endpoints e ON e.webhook_id = d.webhook_id AND e.is_active
               JOIN endpoint_secrets s ON s.webhook_id = d.webhook_id
               WHERE d.delivery_id = $1""",
            delivery_id,
        )
        if row is None:
            return None
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
