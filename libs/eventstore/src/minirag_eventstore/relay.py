"""Carries events from Postgres to the bus: numbers them, publishes them in order, and refills what the bus has lost.

One relay leads per service. The stream is fenced: each event is published with the sequence that must precede it, so nothing
is doubled or out of order, whatever fails in between. When the stream's tail is not where our notes say (JetStream
acknowledges before it fsyncs; its disk may have been wiped), the stream's own last event says from where to go on. When the
store does not know that event, the store was set back to an earlier moment: the stream is emptied and filled from the store.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import asyncpg
from minirag_contracts.envelope import Envelope

from minirag_eventstore import tail
from minirag_eventstore.database import Database
from minirag_eventstore.errors import DATABASE_FAILED

logger = logging.getLogger(__name__)

BATCH = 500
PAUSE = 0.5
NOTES_EVERY = 1.0
"""Seconds between two notes."""

Beat = Callable[[int], Awaitable[None]]
"""Tells others that the relay has published everything up to a position."""


class StreamTail(Protocol):
    """Where a stream ends: which life of it, its last sequence, and its last event's position and id if it has one."""

    @property
    def incarnation(self) -> str:
        """Which life of the stream."""
        ...

    @property
    def sequence(self) -> int:
        """The last sequence that was ever given, 0 for none."""
        ...

    @property
    def position(self) -> int | None:
        """The position of the last event; None when there is no message."""
        ...

    @property
    def event_id(self) -> UUID | None:
        """The id of the last event; None when there is no message."""
        ...


class Publisher(Protocol):
    """The bus, as a relay needs it. The methods raise when the bus or the expected tail is not there."""

    async def tail(self) -> StreamTail:
        """Where the stream ends now."""
        ...

    async def publish(self, events: Sequence[Envelope], expected_last_sequence: int) -> int:
        """Appends the events directly behind that sequence; answers the new last one."""
        ...

    async def purge(self) -> None:
        """Takes every message from the stream, which keeps its sequence."""
        ...


@dataclass(frozen=True, slots=True)
class Notes:
    """What was published last, and where it lies."""

    incarnation: str
    position: int
    sequence: int


class Relay:
    """One service's relay. ``window`` is how far back a wiped stream is refilled; older events are read from the owner."""

    def __init__(
        self,
        database: Database,
        service: str,
        publisher: Publisher,
        *,
        window: timedelta = timedelta(days=7),
        poll: timedelta = timedelta(seconds=1),
    ) -> None:
        self._database = database
        self._service = service
        self._publisher = publisher
        self._window = window
        self._poll = poll.total_seconds()
        self._wake = asyncio.Event()
        self._notes: Notes | None = None
        self._stale = False
        self._written = 0.0
        self._beat: Beat | None = None
        self._looked: float | None = None
        self.published = 0
        """The position up to which this process knows everything as published."""
        self.lag = 0
        """Events that are numbered but not yet published, for health and metrics."""

    @property
    def still_for(self) -> float:
        """Seconds since it last looked for events or told the bus some; 0 where it does not lead."""
        return 0.0 if self._looked is None else time.monotonic() - self._looked

    def beat(self, send: Beat, every: timedelta) -> None:
        """Calls ``send(position)`` at least ``every`` so often while everything up to that position is published, and
        nothing more was there when it was looked for. Silence says that nobody knows.
        """
        self._beat = send
        self._poll = every.total_seconds()

    def resync(self) -> None:
        """The bus was away: compare the stream's tail with our notes before anything else is published."""
        self._stale = True  # the notes themselves are in use while something is published
        self._wake.set()

    async def lead(self, connection: asyncpg.Connection) -> None:
        """Until cancelled: number and publish. Only for the leader, on the connection that holds the leadership; raises
        one of DATABASE_FAILED when that is lost.
        """
        try:
            await self._lead(connection)
        finally:
            self._looked = None

    async def _lead(self, connection: asyncpg.Connection) -> None:
        self._notes, self._looked = None, time.monotonic()
        await connection.add_listener(f"relay_{self._database.schema}", lambda *_: self._wake.set())
        # Nothing is numbered before the stream was looked at: it may know of positions that this store has lost.
        while not await self._publish(connection, ()):
            await connection.execute("SELECT 1")
        while True:
            self._wake.clear()
            fresh = await tail.number(connection, self._service, BATCH)
            published = await self._publish(connection, fresh)
            if len(fresh) < BATCH and published:
                await self._tell_beat()
                # Not wait_for: on Python 3.11 that swallows a cancellation which arrives together with the wake.
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll):
                        await self._wake.wait()

    async def _tell_beat(self) -> None:
        if self._beat is not None and self._notes is not None and not self._stale:
            await self._beat(self._notes.position)

    async def _publish(self, connection: asyncpg.Connection, fresh: Sequence[Envelope]) -> bool:
        """True when nothing is left to publish; a bus that fails is tried again after a pause."""
        self._looked = time.monotonic()
        if self._stale:
            self._notes, self._stale = None, False
        try:
            notes = self._notes or await self._resync(connection)
            while batch := await self._next_batch(connection, notes, fresh):
                notes = await self._publish_batch(connection, notes, batch)
                fresh = ()
        except DATABASE_FAILED:  # the publisher has words of its own
            raise
        except Exception as error:  # noqa: BLE001  # whatever the bus raises: nothing is lost, it is compared and tried again
            self._notes = None
            logger.warning("events wait for the bus", extra={"error": repr(error)})
            await asyncio.sleep(PAUSE)
            return False
        self._notes, self.lag = notes, 0
        return True

    async def _next_batch(
        self, connection: asyncpg.Connection, notes: Notes, fresh: Sequence[Envelope]
    ) -> Sequence[Envelope]:
        if fresh and fresh[0].position == notes.position + 1:
            return fresh
        events, head = await tail.read(connection, self._service, notes.position, limit=BATCH)
        self.lag = head - notes.position
        return events

    async def _publish_batch(
        self, connection: asyncpg.Connection, notes: Notes, batch: Sequence[Envelope]
    ) -> Notes:
        sequence = await self._publisher.publish(batch, notes.sequence)
        notes = Notes(notes.incarnation, batch[-1].position or 0, sequence)
        self.published, self._looked = notes.position, time.monotonic()
        # A stale note costs one comparison at the next start; a fresh one after every event would double the relay's writes.
        if time.monotonic() - self._written >= NOTES_EVERY:
            await _write(connection, notes)
            self._written = time.monotonic()
        return notes

    async def _resync(self, connection: asyncpg.Connection) -> Notes:
        found = await self._publisher.tail()
        while found.position is not None and not await _is_stored(connection, found):
            await self._empty(connection, found.position)
            found = await self._publisher.tail()
        row = await connection.fetchrow("SELECT incarnation, position, sequence FROM relay")
        if row and (row["incarnation"], row["sequence"]) == (found.incarnation, found.sequence):
            self.published = row["position"]
            return Notes(**dict(row))
        if found.position is not None:
            position = found.position
        else:
            position = await tail.older_than(connection, self._window)
        head = await tail.head(connection)
        logger.info("stream compared", extra={"stream_position": position, "store_position": head})
        notes = Notes(found.incarnation, position, found.sequence)
        self.published = position
        await _write(connection, notes)
        return notes

    async def _empty(self, connection: asyncpg.Connection, position: int) -> None:
        """The stream tells of events that this store has lost. Followers have seen their positions, so those are left out
        first, for good; it also fails where this connection may not write (any more), which must not purge either.
        """
        logger.error(
            "the store was set back to an earlier moment: the stream is emptied and filled from it. What other services made"
            " of the lost events stays: rebuild their projections",
            extra={"stream_position": position, "store_position": await tail.head(connection)},
        )
        await tail.leave_out(connection, position)
        await self._publisher.purge()


async def _is_stored(connection: asyncpg.Connection, found: StreamTail) -> bool:
    event_id = await connection.fetchval("SELECT event_id FROM events WHERE position = $1", found.position)
    return event_id is not None and event_id == found.event_id


async def _write(connection: asyncpg.Connection, notes: Notes) -> None:
    """Notes are a hint that saves a comparison, so they need not wait for the disk."""
    async with connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")
        await connection.execute(
            """INSERT INTO relay (incarnation, position, sequence) VALUES ($1, $2, $3)
               ON CONFLICT (singleton) DO UPDATE SET incarnation = $1, position = $2, sequence = $3""",
            notes.incarnation,
            notes.position,
            notes.sequence,
        )
