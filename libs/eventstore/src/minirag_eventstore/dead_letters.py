"""What was given up on, and the way back to work."""

from typing import Any
from uuid import UUID

from minirag_contracts.envelope import Envelope
from minirag_contracts.ids import new_id

from minirag_eventstore.database import Connection
from minirag_eventstore.work import WorkItem

_INSERT = """INSERT INTO dead_letters (letter_id, tenant_id, kind, key, payload, attempts, error)
             VALUES ($1, $2, $3, $4, $5, $6, $7)"""

REACTION = "reaction:"
"""Prefix of the kind of a parked event; without it the letter is a piece of work of that kind."""


async def park_work(connection: Connection, item: WorkItem, error: str) -> None:
    """Keeps a piece of work that used up its attempts."""
    await connection.execute(
        _INSERT, new_id(), item.tenant_id, item.kind, item.key, item.payload, item.attempt, error
    )


async def park_event(
    connection: Connection, consumer: str, event: Envelope, attempts: int, error: str
) -> None:
    """Keeps the id of an event whose reaction failed too often; the event itself lies with its owner."""
    payload = {"owner": event.service, "position": event.position, "event_id": str(event.event_id)}
    await connection.execute(
        _INSERT, new_id(), event.tenant_id, REACTION + consumer, str(event.event_id), payload, attempts, error
    )


async def listing(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The newest letters."""
    rows = await connection.fetch(
        """SELECT letter_id, kind, key, tenant_id, attempts, error, parked_at, replayed_at FROM dead_letters
           ORDER BY parked_at DESC LIMIT $1""",
        limit,
    )
    return [dict(row) for row in rows]


async def take(connection: Connection, letter_id: UUID | None) -> list[dict[str, Any]]:
    """Marks one open letter, or all of them, as replayed, and answers with them."""
    rows = await connection.fetch(
        """UPDATE dead_letters SET replayed_at = now() WHERE replayed_at IS NULL AND ($1::uuid IS NULL OR letter_id = $1)
           RETURNING letter_id, tenant_id, kind, key, payload""",
        letter_id,
    )
    return [dict(row) for row in rows]
