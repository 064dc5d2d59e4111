"""Endpoints and their secrets in Postgres, narrowed to the transaction's tenant by row-level security."""

from typing import Any
from uuid import UUID

from minirag_contracts.requests.webhooks import WebhookList, WebhookRead
from minirag_eventstore import Connection, Transaction, pages

from minirag_webhooks.ports import Sealer

_SELECT = """
SELECT e.*, EXISTS (SELECT FROM endpoint_secrets s WHERE s.webhook_id = e.webhook_id) AS has_secret
FROM endpoints e
"""


class PostgresEndpointRows:
    """The port EndpointRows."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def keep_secret(self, tx: Transaction, webhook_id: UUID, secret: str) -> None:
        """Stores the secret, encrypted."""
        await tx.connection.execute(
            "INSERT INTO endpoint_secrets (webhook_id, tenant_id, sealed) VALUES ($1, $2, $3)",
            webhook_id,
            tx.scope.tenant_id,
            self._sealer.seal(secret.encode()),
        )

    async def replace_secret(self, tx: Transaction, webhook_id: UUID, secret: str) -> None:
        """Signs with another secret from now on; the old one is gone."""
        await tx.connection.execute(
            "UPDATE endpoint_secrets SET sealed = $2 WHERE webhook_id = $1",
            webhook_id,
            self._sealer.seal(secret.encode()),
        )

    async def secret(self, tx: Transaction, webhook_id: UUID) -> str | None:
        """What is signed with."""
        sealed = await tx.connection.fetchval(
            "SELECT sealed FROM endpoint_secrets WHERE webhook_id = $1", webhook_id
        )
        return None if sealed is None else self._sealer.open(sealed).decode()

    async def forget_secret(self, tx: Transaction, webhook_id: UUID) -> None:
        """Deletes the secret."""
        await tx.connection.execute("DELETE FROM endpoint_secrets WHERE webhook_id = $1", webhook_id)

    async def subscribed_to(self, tx: Transaction, event: str) -> list[UUID]:
        """The active endpoints that want this event."""
        rows = await tx.connection.fetch(
            "SELECT webhook_id FROM endpoints WHERE is_active AND $1 = ANY (events) ORDER BY webhook_id",
            event,
        )
        return [row["webhook_id"] for row in rows]

    async def get(self, tx: Transaction, webhook_id: UUID) -> WebhookRead | None:
        """One endpoint."""
        row = await tx.connection.fetchrow(_SELECT + "WHERE e.webhook_id = $1", webhook_id)
        return _read(dict(row)) if row else None

    async def lock(self, tx: Transaction) -> None:
        """Until the transaction ends, so that two who make the last one that is allowed do not both succeed."""
        lock = f"endpoints of {tx.scope.tenant_id}"
        await tx.connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", lock)

    async def count(self, connection: Connection) -> int:
        """How many there are."""
        return int(await connection.fetchval("SELECT count(*) FROM endpoints"))

    async def page(self, tx: Transaction, limit: int, cursor: str | None) -> WebhookList:
        """A page of endpoints, newest first."""
        created_at, webhook_id, _ = pages.decode(cursor) or (None, None, 0)
        rows = await tx.connection.fetch(
            _SELECT + "WHERE $1::timestamptz IS NULL OR (e.created_at, e.webhook_id) < ($1, $2::uuid) "
            "ORDER BY e.created_at DESC, e.webhook_id DESC LIMIT $3",
            created_at,
            webhook_id,
            limit + 1,
        )
        page, more = pages.cut(rows, limit, "webhook_id")
        return WebhookList(items=[_read(dict(row)) for row in page], next=more)


def _read(row: dict[str, Any]) -> WebhookRead:
    return WebhookRead(
        id=row["webhook_id"],
        tenant_id=row["tenant_id"],
        url=row["url"],
        events=row["events"],
        is_active=row["is_active"],
        description=row["description"],
        has_secret=row["has_secret"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
