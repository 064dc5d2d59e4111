"""What waits in a service's store, over all tenants: figures for its operator."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from minirag_eventstore.database import Connection, Database


@dataclass(frozen=True, slots=True)
class WorkCount:
    """Pieces of one kind: due and free, due later, under a lease, and under one that ran out and nobody took up.

    ``oldest`` are the seconds for which the piece that waits longest has been due.
    """

    waiting: int = 0
    scheduled: int = 0
    running: int = 0
    stuck: int = 0
    oldest: float = 0.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """Events that are committed and not published, work and open dead letters by kind."""

    unpublished: int = 0
    unpublished_seconds: float = 0.0
    work: Mapping[str, WorkCount] = field(default_factory=dict)
    letters: Mapping[str, int] = field(default_factory=dict)


async def backlog(database: Database, published: int | None) -> Backlog:
    """As it is now. ``published`` is the position up to which the relay has published; None for a service without events."""
    async with database.system() as connection:
        unpublished, seconds = (0, 0.0) if published is None else await _unpublished(connection, published)
        return Backlog(unpublished, seconds, await _work(connection), await _letters(connection))


async def _unpublished(connection: Connection, published: int) -> tuple[int, float]:
    row = await connection.fetchrow(
        """SELECT count(*), coalesce(extract(epoch FROM now() - min(recorded_at)), 0)::float FROM (
               SELECT recorded_at FROM events WHERE position > $1
               UNION ALL SELECT recorded_at FROM events WHERE position IS NULL
           ) AS waiting""",
        published,
    )
    return (row[0], max(0.0, row[1])) if row else (0, 0.0)


async def _work(connection: Connection) -> dict[str, WorkCount]:
    rows = await connection.fetch(
        """SELECT kind,
                  count(*) FILTER (WHERE lease_until IS NULL AND due_at <= now()),
                  count(*) FILTER (WHERE lease_until IS NULL AND due_at > now()),
                  count(*) FILTER (WHERE lease_until >= now()),
                  count(*) FILTER (WHERE lease_until < now()),
                  coalesce(extract(epoch FROM now() - min(due_at)
                      FILTER (WHERE due_at <= now() AND (lease_until IS NULL OR lease_until < now()))), 0)::float
           FROM work GROUP BY kind"""
    )
    return {row[0]: WorkCount(*tuple(row)[1:]) for row in rows}


async def _letters(connection: Connection) -> dict[str, int]:
    rows = await connection.fetch(
        "SELECT kind, count(*) FROM dead_letters WHERE replayed_at IS NULL GROUP BY kind"
    )
    return {row[0]: row[1] for row in rows}
