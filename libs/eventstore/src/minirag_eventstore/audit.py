"""The audit log: a tenant's events, newest first, each with the place from which it was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
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
FROM (SELECT {COLUMNS}, {CAUSE} AS cause_id, actor FROM events
      WHERE {{of_actor}} ($1::timestamptz IS NULL OR (recorded_at, event_id) < ($1, $2::uuid))
        AND ($3 OR type = ANY($4) OR type ~ ANY($5)) AND NOT (type = ANY($6) OR type ~ ANY($7))
        AND ($8::timestamptz IS NULL OR recorded_at >= $8) AND ($9::timestamptz IS NULL OR recorded_at < $9)
      ORDER BY recorded_at DESC, event_id DESC LIMIT $10) AS event
LEFT JOIN event_origins AS origin ON origin.cause_id = event.cause_id AND event.actor NOT LIKE 'system:%'
ORDER BY event.recorded_at DESC, event.event_id DESC
"""


_OF_ANYBODY = _READ.format(of_actor="")
_OF_ACTOR = _READ.format(of_actor="actor = $11::text AND")
"""A statement of its own: a plan that fits every actor and none would use no index for one."""


async def read(connection: Connection, service: str, question: Question, limit: int) -> list[Entry]:
    """At most ``limit`` entries, newest first, of the tenant whose transaction this is."""
    statement, arguments = statement_of(question, limit)
    rows = await connection.fetch(statement, *arguments)
    return [Entry(envelope_of(service, row), row["address"], row["agent"]) for row in rows]


def statement_of(question: Question, limit: int) -> tuple[str, list[Any]]:
    """The SQL of a question, and its arguments."""
    at, event_id = question.before or (None, None)
    types, without = TypeFilter.of(question.types), TypeFilter.of(question.without)
    arguments = [
        at,
        event_id,
        not question.types,
        types.exact,
        types.expressions,
        without.exact,
        without.expressions,
        question.since,
        question.until,
        limit,
    ]
    if question.actor is None:
        return _OF_ANYBODY, arguments
    return _OF_ACTOR, [*arguments, question.actor]
