"""Rebuilds: fold every event again into temporary twins of a projection's tables, compare, and repair.

A temporary table stands in front of the real one of the same name for the connection that made it, so the projection's
own code fills the twin without knowing. It is a connection of its own, since a cached plan would still mean the real one.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from minirag_contracts.envelope import Envelope

from minirag_eventstore import log, progress
from minirag_eventstore.database import Connection, Database
from minirag_eventstore.projection import Projection
from minirag_eventstore.projector import Projector
from minirag_eventstore.reader import EventReader, pages

SHOWN = 20

GONE_AFTER = 60_000
"""Milliseconds without a statement after which a process that rebuilds is taken for dead: longer than a page takes to come."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a projection compares with its fold from position 0. No differences: they are equal."""

    projection: str
    events: int
    rows: int
    differences: list[str]


async def rebuild_own(
    database: Database, service: str, projection: Projection, *, repair: bool = False
) -> Report:
    """Compares (or replaces) a projection of the service's own events; writers wait while it is repaired."""
    async with database.session() as connection, connection.transaction():
        # Live rows and the event table must be of one moment. Locked in the order of an append, else the two deadlock.
        mode = "SHARE ROW EXCLUSIVE" if repair else "SHARE"
        await connection.execute(f"LOCK TABLE events, {', '.join(projection.tables)} IN {mode} MODE")
        return await _fold(
            connection, database.schema, projection, log.all_events(connection, service), repair
        )


async def rebuild_foreign(
    database: Database,
    projection: Projection,
    projector: Projector,
    reader: EventReader,
    *,
    repair: bool = False,
) -> Report:
    """Compares (or replaces) a projection of another service's events; reads go on, new events wait."""
    await projector.catch_up()
    async with database.session() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {GONE_AFTER}")
        # Whichever process projects waits for the end of this: live rows are those of exactly the events that are folded.
        until = await progress.hold(connection, projector.spec.durable)
        return await _fold(connection, database.schema, projection, _until(reader, projector, until), repair)


async def _until(reader: EventReader, projector: Projector, position: int) -> AsyncIterator[Envelope]:
    spec = projector.spec
    async for events, _ in pages(reader, spec.owner, 0, spec.patterns):
        for event in events:
            if event.position is not None and event.position > position:
                return
            yield event


async def _fold(
    connection: Connection, schema: str, projection: Projection, events: AsyncIterator[Envelope], repair: bool
) -> Report:
    for table in projection.tables:
        await connection.execute(
            f"CREATE TEMP TABLE {table} (LIKE {schema}.{table} INCLUDING ALL) ON COMMIT DROP"
        )
    count = 0
    async for event in events:
        await projection.apply(connection, event)
        count += 1
    rows = 0
    differences: list[str] = []
    for table in projection.tables:
        rows += await connection.fetchval(f"SELECT count(*) FROM pg_temp.{table}")
        differences += await _compare(connection, schema, table)
        if repair:
            await connection.execute(f"DELETE FROM {schema}.{table}")
            await connection.execute(f"INSERT INTO {schema}.{table} SELECT * FROM pg_temp.{table}")
    return Report(projection.name, count, rows, differences)


async def _compare(connection: Connection, schema: str, table: str) -> list[str]:
    live, twin = f"SELECT to_jsonb(t) FROM {schema}.{table} t", f"SELECT to_jsonb(t) FROM pg_temp.{table} t"
    found = []
    for label, here, there in (("only live", live, twin), ("only rebuilt", twin, live)):
        rows = await connection.fetch(f"{here} EXCEPT ALL {there} LIMIT {SHOWN}")
        found += [f"{table}: {label}: {row[0]}" for row in rows]
    return found
