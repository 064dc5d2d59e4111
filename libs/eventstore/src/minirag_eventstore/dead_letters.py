"""What was given up on, and the way back to work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from minirag_contracts.envelope import Envelope
from minirag_contracts.ids import new_id

from minirag_eventstore.database import Connection, affected
from minirag_eventstore.work import WorkItem

_INSERT = """INSERT INTO dead_letters (letter_id, tenant_id, kind, key, payload, attempts, error)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             RETURNING letter_id, tenant_id, kind, key, attempts, parked_at"""

REACTION = "reaction:"
"""Prefix of the kind of a parked event; without it the letter is a piece of work of that kind."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What may be told of a letter: neither its payload nor the error, which could hold words of others."""

    letter_id: UUID
    tenant_id: UUID
    kind: str
    key: str
    attempts: int
    parked_at: datetime


Announce = Callable[[Letter], Awaitable[None]]
"""Tells whom it may concern that a letter is committed; best effort, the table is the truth."""


async def tell_nobody(letter: Letter) -> None:
    """The announcement of a store that has no bus."""


async def park_work(connection: Connection, item: WorkItem, error: str) -> Letter:
    """Keeps a piece of work that used up its attempts."""
    return await _keep(connection, item.tenant_id, item.kind, item.key, item.payload, item.attempt, error)


async def park_event(
    connection: Connection, consumer: str, event: Envelope, attempts: int, error: str
) -> Letter:
    """Keeps the id of an event whose reaction failed too often; the event itself lies with its owner."""
    payload = {"owner": event.service, "position": event.position, "event_id": str(event.event_id)}
    kind, key = REACTION + consumer, str(event.event_id)
    return await _keep(connection, event.tenant_id, kind, key, payload, attempts, error)


async def _keep(connection: Connection, *values: object) -> Letter:
    [row] = await connection.fetch(_INSERT, new_id(), *values)
    return Letter(**dict(row))


async def listing(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The newest letters."""
    rows = await connection.fetch(
        """SELECT letter_id, kind, key, tenant_id, attempts, error, parked_at, replayed_at FROM dead_letters
           ORDER BY parked_at DESC LIMIT $1""",
        limit,
    )
    return [dict(row) for row in rows]


async def waiting(connection: Connection, letter_id: UUID | None) -> list[tuple[UUID, UUID]]:
    """The open letters, or one of them, and whose each is; the oldest first."""
    rows = await connection.fetch(
        """SELECT letter_id, tenant_id FROM dead_letters WHERE replayed_at IS NULL AND ($1::uuid IS NULL OR letter_id = $1)
           ORDER BY parked_at, letter_id""",
        letter_id,
    )
    return [(row["letter_id"], row["tenant_id"]) for row in rows]


async def look_at(connection: Connection, letter_id: UUID) -> dict[str, Any] | None:
    """What is needed to try an open letter again."""
    row = await connection.fetchrow(
        "SELECT kind, key, payload FROM dead_letters WHERE letter_id = $1 AND replayed_at IS NULL", letter_id
    )
    return None if row is None else dict(row)


async def close(connection: Connection, letter_id: UUID) -> bool:
    """Marks a letter as replayed, in the transaction that does so; False where somebody else has done it. Waits for them."""
    status = await connection.execute(
        "UPDATE dead_letters SET replayed_at = now() WHERE letter_id = $1 AND replayed_at IS NULL", letter_id
    )
    return affected(status) == 1
