"""Feeds projections of another service's events: each aggregate strictly by version, nothing skipped, nothing parked."""

import asyncio
import logging
from collections.abc import Sequence

from minirag_contracts.context import TenantScope
from minirag_contracts.envelope import Envelope
from minirag_contracts.topology import ConsumerSpec

from minirag_eventstore import progress
from minirag_eventstore.database import Connection, Database
from minirag_eventstore.projection import Projection
from minirag_eventstore.reader import EventReader, pages

logger = logging.getLogger(__name__)


class Projector:
    """Applies an owner's events to this service's projections of it; one process leads at a time.

    An event that comes twice is dropped by its version; one that comes too early makes the projector read the gap from the
    owner. An error is not skipped: it is raised, told by ``stuck``, and tried again for ever.
    """

    def __init__(
        self, database: Database, spec: ConsumerSpec, projections: Sequence[Projection], reader: EventReader
    ) -> None:
        self.spec = spec
        self.stuck: str | None = None
        self.lock = asyncio.Lock()
        """Held while an event is applied; a rebuild takes it to hold events off."""
        self._database = database
        self._projections = projections
        self._reader = reader

    async def handle(self, event: Envelope, deliveries: int = 1) -> None:
        """Applies one event that the bus delivered; what came before it in its aggregate is fetched first if missing."""
        async with self.lock:
            await self._apply(event, advance=True)

    async def catch_up(self) -> int:
        """Applies everything that the owner has beyond our progress; answers how many events that were."""
        async with self.lock:
            return await self.catch_up_locked()

    async def catch_up_locked(self) -> int:
        """``catch_up`` for somebody who holds the lock."""
        count = 0
        async with self._database.system() as connection:
            position = await progress.of(connection, self.spec.durable) or 0
        async for events, head in pages(self._reader, self.spec.owner, position, self.spec.patterns):
            for event in events:
                await self._apply(event, advance=True)
            count += len(events)
            async with self._database.system() as connection:
                await progress.advance(connection, self.spec.durable, head)
        return count

    async def _apply(self, event: Envelope, *, advance: bool) -> None:
        try:
            missing = await self._apply_next(event, advance)
            if missing is not None:
                logger.info("gap is read from the owner", extra={"stream": event.stream, "after": missing})
                for earlier in await self._reader.stream(self.spec.owner, event.stream, missing):
                    if earlier.version < event.version:
                        await self._apply_next(earlier, advance=False)
                if await self._apply_next(event, advance) is not None:
                    raise LookupError(f"{event.stream} has a gap before version {event.version}")
        except Exception as error:
            self.stuck = (
                f"{self.spec.durable} stands at {event.type} {event.event_id}: {type(error).__name__}"
            )
            raise
        self.stuck = None

    async def _apply_next(self, event: Envelope, advance: bool) -> int | None:
        """Applies the event if it is the next of its aggregate; else None if it is old, or the version that we have."""
        async with self._database.tenant(TenantScope(event.tenant_id)) as connection:
            known = await self._known_version(connection, event)
            if event.version > known + 1:
                return known
            if event.version == known + 1:
                for projection in self._projections:
                    await projection.apply(connection, event)
                await connection.execute(
                    """INSERT INTO applied_versions (tenant_id, consumer, stream, version) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (consumer, stream) DO UPDATE SET version = $4""",
                    event.tenant_id,
                    self.spec.durable,
                    event.stream,
                    event.version,
                )
            if advance and event.position is not None:
                await progress.advance(connection, self.spec.durable, event.position)
        return None

    async def _known_version(self, connection: Connection, event: Envelope) -> int:
        value = await connection.fetchval(
            "SELECT version FROM applied_versions WHERE consumer = $1 AND stream = $2",
            self.spec.durable,
            event.stream,
        )
        return int(value or 0)
