"""Positions: the order in which everybody else reads a service's events.

``id > last`` skips events: a transaction that took its id early may commit late (12–20 % lost under 8 writers). Ordering by
transaction id can invert the versions of one stream. So positions are given after commit, by one leader, to the rows
that it can see: none is skipped, since an uncommitted row is simply numbered later; and within a stream the order of ids is
that of versions, because version n+1 is only ever inserted by somebody who saw version n committed.

No position is given twice, not even by a store that was set back to an earlier moment, once it has noticed: what was lost is
left out (``leave_out``).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from minirag_contracts.envelope import Envelope

from minirag_eventstore.database import Connection
from minirag_eventstore.rows import COLUMNS, envelope_of
from minirag_eventstore.type_filter import TypeFilter

MARGIN = 10_000
"""Positions that are left out beyond the last lost one that is known of: more than a relay ever is behind."""

_HEAD = """SELECT greatest((SELECT max(position) FROM events), (SELECT max(up_to) FROM lost_positions), 0) AS position"""

_NUMBER = f"""
WITH head AS ({_HEAD}),
     fresh AS (SELECT id, row_number() OVER (ORDER BY id) AS n
               FROM (SELECT id FROM events WHERE position IS NULL ORDER BY id LIMIT $1) AS batch)
UPDATE events SET position = head.position + fresh.n
FROM fresh, head
WHERE events.id = fresh.id
RETURNING {", ".join("events." + column.strip() for column in COLUMNS.split(","))}
"""


async def number(connection: Connection, service: str, limit: int = 500) -> list[Envelope]:
    """Gives positions to at most ``limit`` committed events; the caller must be the only one who does so."""
    rows = await connection.fetch(_NUMBER, limit)
    return sorted((envelope_of(service, row) for row in rows), key=lambda event: event.position or 0)


async def head(connection: Connection) -> int:
    """The last position that was given or left out, 0 for an empty store."""
    return int(await connection.fetchval(_HEAD))


async def leave_out(connection: Connection, position: int) -> None:
    """Somebody has seen this position and the store has lost it: it is not given again, nor are those near it."""
    await connection.execute(
        "INSERT INTO lost_positions (up_to) VALUES ($1) ON CONFLICT DO NOTHING", position + MARGIN
    )


async def before(connection: Connection, moment: datetime) -> int:
    """The position below the first event that was recorded at or after a moment; the head where there is none."""
    first = await connection.fetchval("SELECT min(position) FROM events WHERE recorded_at >= $1", moment)
    return await head(connection) if first is None else int(first) - 1


async def older_than(connection: Connection, age: timedelta) -> int:
    """The last position of so long ago, 0 where there is none.

    Positions follow the time but for moments, so it is found by halving, unlike ``before``, which is exact and reads on: no
    statement takes long, however large the store is.
    """
    older, last = 0, await head(connection)
    while older < last:
        middle = (older + last + 1) // 2
        event = await connection.fetchrow(
            """SELECT position, recorded_at < now() - $2::interval AS is_older
               FROM events WHERE position >= $1 ORDER BY position LIMIT 1""",
            middle,
            age,
        )
        if event and event["is_older"]:
            older = min(event["position"], last)
        else:
            last = middle - 1
    return older


async def read(
    connection: Connection, service: str, after: int, *, patterns: Sequence[str] = (), limit: int = 500
) -> tuple[list[Envelope], int]:
    """Events after a position, and the position up to which there are no others that match; a smaller one than ``after`` tells
    that the store never came so far, or has lost it.

    Patterns are those of event types: ``bot.>``, ``source.ingest.completed``; none means all. In a tenant's transaction it
    reads that tenant's events, and skips none: positions are given in order, by one leader, after the commit.
    """
    last = await head(connection)
    types = TypeFilter.of(patterns)
    rows = await connection.fetch(
        f"""SELECT {COLUMNS} FROM events
            WHERE position > $1 AND position <= $2 AND ($3 OR type = ANY($4) OR type ~ ANY($5))
            ORDER BY position LIMIT $6""",
        after,
        last,
        not patterns,
        types.exact,
        types.expressions,
        limit,
    )
    events = [envelope_of(service, row) for row in rows]
    return events, (events[-1].position or last) if len(events) == limit else last
