"""The audit log: a tenant's events, newest first, each with the place from which it was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from minirag_contracts.envelope import Envelope

from minirag_eventstore.database import Connection
from minirag_eventstore.origins import CAUSE
from minirag_eventstore.rows import COLUMNS, envelope_of
from minirag_eventstore.type_filter import TypeFilter

Key = tuple[datetime, UUID]
"""Where an entry stands: the time of its recording, then its id."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which entries: older than ``before``, by this actor, of these types and none of those, from a time until another."""

    before: Key | None = None
    actor: str | None = None
    types: Sequence[str] = ()
    without: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and its origin; both texts are empty where there is none (any more)."""

    event: Envelope
    address: str
    agent: str


# What a service did by itself is caused by what somebody asked for, but nobody asked for it from anywhere.
_READ = f"""
SELECT {", ".join(f"event.{column.strip()}" for column in COLUMNS.split(","))},
       coalesce(origin.address, '') AS address, coalesce(origin.agent, '') AS agent
FROM (SELECT {COLUMNS}, {CAUSE} AS cause_id, metadata ->> 'actor' AS actor FROM events
      WHERE ($1::timestamptz IS NULL OR (recorded_at, event_id) < ($1, $2::uuid))
        AND ($3::text IS NULL OR metadata ->> 'actor' = $3)
        AND ($4 OR type = ANY($5) OR type ~ ANY($6)) AND NOT (type = ANY($7) OR type ~ ANY($8))
        AND ($9::timestamptz IS NULL OR recorded_at >= $9) AND ($10::timestamptz IS NULL OR recorded_at < $10)
      ORDER BY recorded_at DESC, event_id DESC LIMIT $11) AS event
LEFT JOIN event_origins AS origin ON origin.cause_id = event.cause_id AND event.actor NOT LIKE 'system:%'
ORDER BY event.recorded_at DESC, event.event_id DESC
"""


async def read(connection: Connection, service: str, question: Question, limit: int) -> list[Entry]:
    """At most ``limit`` entries, newest first, of the tenant whose transaction this is."""
    at, event_id = question.before or (None, None)
    types, without = TypeFilter.of(question.types), TypeFilter.of(question.without)
    rows = await connection.fetch(
        _READ,
        at,
        event_id,
        question.actor,
        not question.types,
        types.exact,
        types.expressions,
        without.exact,
        without.expressions,
        question.since,
        question.until,
        limit,
    )
    return [Entry(envelope_of(service, row), row["address"], row["agent"]) for row in rows]
