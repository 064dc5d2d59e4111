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

    That one process leads is a saving, no guarantee: it may have lost its lock without knowing, and a rebuild runs anywhere. So
    each event is applied while the consumer's progress is held, which stands for all before it and for nothing after it.
    """

    def __init__(
        self, database: Database, spec: ConsumerSpec, projections: Sequence[Projection], reader: EventReader
    ) -> None:
        self.spec = spec
        self.stuck: str | None = None
        self._turn = asyncio.Lock()
        """So that a process waits for another's progress with one connection, not with many."""
        self._database = database
        self._projections = projections
        self._reader = reader

    async def handle(self, event: Envelope, deliveries: int = 1) -> None:
        """Applies one event that the bus delivered; what came before it in its aggregate is fetched first if missing."""
        async with self._turn:
            await self._apply(event)

    async def catch_up(self) -> int:
        """Applies everything that the owner has beyond our progress; answers how many events that were."""
        count = 0
        async with self._turn:
            async with self._database.system() as connection:
                position = await progress.of(connection, self.spec.durable) or 0
            async for events, head in pages(self._reader, self.spec.owner, position, self.spec.patterns):
                for event in events:
                    await self._apply(event)
                count += len(events)
                async with self._database.system() as connection:
                    await progress.advance(connection, self.spec.durable, head)
        return count

    async def _apply(self, event: Envelope) -> None:
        try:
            async with self._database.tenant(TenantScope(event.tenant_id)) as connection:
                # Comes first, since it is the lock: the version is read by a statement that sees what its last holder wrote.
                await progress.advance(connection, self.spec.durable, event.position or 0)
                known = await self._known_version(connection, event)
                if event.version > known:
                    await self._apply_after(connection, known, event)
        except Exception as error:
            self.stuck = (
                f"{self.spec.durable} stands at {event.type} {event.event_id}: {type(error).__name__}"
            )
            raise
        self.stuck = None

    async def _apply_after(self, connection: Connection, known: int, event: Envelope) -> None:
        """Applies the event, and before it those of its aggregate between the version that we have and its own."""
        for following in (*await self._missing(known, event), event):
            for projection in self._projections:
                await projection.apply(connection, following)
        await connection.execute(
            """INSERT INTO applied_versions (tenant_id, consumer, stream, version) VALUES ($1, $2, $3, $4)
               ON CONFLICT (consumer, stream) DO UPDATE SET version = $4""",
            event.tenant_id,
            self.spec.durable,
            event.stream,
            event.version,
        )

    async def _missing(self, known: int, event: Envelope) -> list[Envelope]:
        missing: list[Envelope] = []
        while event.version > known + 1:
            logger.info("gap is read from the owner", extra={"stream": event.stream, "after": known})
            page = await self._reader.stream(self.spec.owner, event.stream, known)
            page = [earlier for earlier in page if earlier.version < event.version]
            if not page or page[0].version != known + 1:
                raise LookupError(f"{event.stream} has a gap before version {event.version}")
            missing += page
            known = page[-1].version
        return missing

    async def _known_version(self, connection: Connection, event: Envelope) -> int:
        value = await connection.fetchval(
            "SELECT version FROM applied_versions WHERE consumer = $1 AND stream = $2",
            self.spec.durable,
            event.stream,
        )
        return int(value or 0)
