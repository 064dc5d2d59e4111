"""The event table: append with an expected version, load a stream."""

from collections.abc import AsyncIterator, Sequence

import asyncpg
from minirag_contracts.envelope import Envelope

from minirag_eventstore.database import Connection, affected
from minirag_eventstore.errors import VersionConflict
from minirag_eventstore.rows import COLUMNS, envelope_of

_APPEND = """
INSERT INTO events (event_id, tenant_id, stream, version, type, schema_version, data, metadata, recorded_at)
SELECT e.event_id, e.tenant_id, $3, e.version, e.type, e.schema_version, e.data, e.metadata, e.recorded_at
FROM unnest($1::uuid[], $4::uuid[], $5::int[], $6::text[], $7::int[], $8::jsonb[], $9::jsonb[], $10::timestamptz[])
     WITH ORDINALITY
     AS e (event_id, tenant_id, version, type, schema_version, data, metadata, recorded_at, ordinality)
WHERE $2 = (SELECT coalesce(max(version), 0) FROM events WHERE stream = $3)
ORDER BY e.ordinality
"""


async def append(
    connection: Connection, stream: str, expected_version: int, events: Sequence[Envelope]
) -> None:
    """Adds events to one stream; raises VersionConflict unless it ends at ``expected_version``."""
    try:
        status = await connection.execute(
            _APPEND,
            [event.event_id for event in events],
            expected_version,
            stream,
            [event.tenant_id for event in events],
            [event.version for event in events],
            [event.type for event in events],
            [event.schema_version for event in events],
            [event.data for event in events],
            [event.metadata.to_json() for event in events],
            [event.recorded_at for event in events],
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "events_stream_version":
            raise
        raise VersionConflict(stream) from error
    if affected(status) != len(events):
        raise VersionConflict(stream)


async def load(connection: Connection, service: str, stream: str, after_version: int = 0) -> list[Envelope]:
    """The events of one stream, oldest first."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM events WHERE stream = $1 AND version > $2 ORDER BY version",
        stream,
        after_version,
    )
    return [envelope_of(service, row) for row in rows]


async def load_many(connection: Connection, service: str, streams: Sequence[str]) -> list[Envelope]:
    """The events of several streams, each oldest first."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM events WHERE stream = ANY($1) ORDER BY stream, version", list(streams)
    )
    return [envelope_of(service, row) for row in rows]


async def all_events(connection: Connection, service: str) -> AsyncIterator[Envelope]:
    """Every committed event in an order that keeps each stream's versions; positions may still be missing."""
    async for row in connection.cursor(f"SELECT {COLUMNS} FROM events ORDER BY id", prefetch=500):
        yield envelope_of(service, row)
