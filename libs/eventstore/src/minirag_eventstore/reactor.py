"""Runs reactions to another service's events: in parallel, each once, retried with growing delays, parked in the end."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.envelope import Envelope, follow
from minirag_contracts.topology import ConsumerSpec

from minirag_eventstore import dead_letters, metrics, progress
from minirag_eventstore.database import Connection
from minirag_eventstore.errors import VersionConflict, was_interrupted
from minirag_eventstore.reader import EventReader, pages
from minirag_eventstore.store import EventStore, Transaction
from minirag_eventstore.work import RetryPolicy

logger = logging.getLogger(__name__)

Reaction = Callable[[Transaction, Envelope, Context], Awaitable[None]]

GRACE = timedelta(seconds=5)
"""An unhandled event older than this was lost on the bus, and is taken from its owner. So is one that failed and has been due for
so long."""

AT_ONCE = 50
"""Milliseconds after which somebody else is reacting to the event at this moment."""


class ReactionFailed(Exception):
    """A reaction failed and shall be tried again after ``after``."""

    def __init__(self, after: timedelta) -> None:
        super().__init__(f"again in {after}")
        self.after = after


class Reactor:
    """One consumer's reaction, made effectively once by an inbox row in the transaction of its effect."""

    def __init__(
        self,
        store: EventStore,
        spec: ConsumerSpec,
        reaction: Reaction,
        reader: EventReader,
        retry: RetryPolicy | None = None,
        announce: dead_letters.Announce = dead_letters.tell_nobody,
        *,
        from_start: bool = False,
    ) -> None:
        self.spec = spec
        self._from_start = from_start
        self._store = store
        self._reaction = reaction
        self._reader = reader
        self._retry = retry or RetryPolicy()
        self._announce = announce
        self.begun = False
        """Whether it is decided from where on this consumer reacts."""

    async def handle(self, event: Envelope, deliveries: int = 1) -> None:
        """Reacts to one event, once. Raises ReactionFailed until the attempts are used up; then the event is parked."""
        await self._attempt(event, deliveries, wait=True)

    async def _attempt(self, event: Envelope, deliveries: int, *, wait: bool) -> None:
        try:
            if deliveries > self._retry.attempts + 1 and await self._died_too_often(event):
                return
            await self._react(event, wait)
        except VersionConflict:
            raise ReactionFailed(timedelta(milliseconds=20)) from None
        except asyncpg.LockNotAvailableError:
            raise ReactionFailed(GRACE) from None
        except Exception as error:  # a failed reaction is counted, logged, retried and finally parked
            if was_interrupted(error) or isinstance(error, OSError):
                logger.warning("reaction waits for the database", extra={"error": repr(error)})
                raise ReactionFailed(timedelta(seconds=1)) from error
            await self._failed(event, error)

    async def _died_too_often(self, event: Envelope) -> bool:
        """The bus has brought this more often than it may fail: either the database was away so often, or the process died in
        the handler each time and nobody lived to count it. So it is counted beforehand now.
        """
        error = "the process died while it reacted to this"
        attempts = await self._count(event, error, timedelta())
        if self._retry.forever or attempts < self._retry.attempts:
            return False
        await self._park(event, attempts, error)
        return True

    async def _react(self, event: Envelope, wait: bool) -> None:
        scope = TenantScope(event.tenant_id)
        async with self._store.transaction(scope) as transaction:
            if not wait:
                await transaction.connection.execute(f"SET LOCAL lock_timeout = {AT_ONCE}")
            received = await self._receive(transaction.connection, event)
            if not wait:
                await transaction.connection.execute("SET LOCAL lock_timeout TO DEFAULT")
            if received:
                await self._reaction(transaction, event, follow(event, self._store.service))

    async def _receive(self, connection: Connection, event: Envelope) -> bool:
        """Writes the inbox row; False when the event was handled before."""
        inserted = await connection.fetchval(
            """INSERT INTO inbox (tenant_id, consumer, event_id, position) VALUES ($1, $2, $3, $4)
               ON CONFLICT DO NOTHING RETURNING true""",
            event.tenant_id,
            self.spec.durable,
            event.event_id,
            event.position or 0,
        )
        if not inserted:
            return False
        # Asked after the insert: rows below the progress are pruned, so an old event finds no row but a progress beyond it.
        done = await progress.of(connection, self.spec.durable)
        if done is not None and event.position is not None and event.position <= done:
            await connection.execute(
                "DELETE FROM inbox WHERE consumer = $1 AND event_id = $2", self.spec.durable, event.event_id
            )
            return False
        return True

    async def _count(self, event: Envelope, error: str, after: timedelta | None = None) -> int:
        """One attempt more; answers how many there were. The next is due ``after`` that time, else as the policy says."""
        async with self._store.transaction(TenantScope(event.tenant_id)) as transaction:
            attempts: int = await transaction.connection.fetchval(
                """INSERT INTO inbox_failures (tenant_id, consumer, event_id, attempts, error) VALUES ($1, $2, $3, 1, $4)
                   ON CONFLICT (consumer, event_id) DO UPDATE SET attempts = inbox_failures.attempts + 1, error = $4
                   RETURNING attempts""",
                event.tenant_id,
                self.spec.durable,
                event.event_id,
                error,
            )
            await transaction.connection.execute(
                "UPDATE inbox_failures SET next_at = now() + $3 WHERE consumer = $1 AND event_id = $2",
                self.spec.durable,
                event.event_id,
                self._retry.delay(attempts) if after is None else after,
            )
        return attempts

    async def _failed(self, event: Envelope, error: Exception) -> None:
        attempts = await self._count(event, type(error).__name__)
        logger.warning(
            "reaction failed",
            extra={"consumer": self.spec.durable, "event_id": str(event.event_id), "attempt": attempts},
            exc_info=error,
        )
        if attempts >= self._retry.attempts and not self._retry.forever:
            await self._park(event, attempts, type(error).__name__)
            return
        raise ReactionFailed(self._retry.delay(attempts)) from error

    async def _park(self, event: Envelope, attempts: int, error: str) -> None:
        async with self._store.transaction(TenantScope(event.tenant_id)) as transaction:
            if not await self._receive(transaction.connection, event):
                return
            letter = await dead_letters.park_event(
                transaction.connection, self.spec.durable, event, attempts, error
            )
        logger.error("parked", extra={"consumer": self.spec.durable, "event_id": str(event.event_id)})
        metrics.PARKED.labels(dead_letters.REACTION + self.spec.durable).inc()
        await self._announce(letter)

    async def begin(self) -> None:
        """A consumer that has never run starts at its owner's head: the past is nothing to react to. With ``from_start`` it
        is, and the owner need not be there yet.
        """
        async with self._store.database.system() as connection:
            known = await progress.of(connection, self.spec.durable)
        if known is None:
            head = 0
            if not self._from_start:
                async for _, reached in pages(self._reader, self.spec.owner, 0, self.spec.patterns):
                    head = reached
            async with self._store.database.system() as connection:
                await progress.begin(connection, self.spec.durable, head)
        self.begun = True

    async def audit(self) -> int:
        """Takes from the owner what the bus has lost, and moves the progress over what is handled.

        Answers how many events had to be fetched. Only the progress moves here, so one process does this at a time. An event
        that failed holds the progress, and is left to the bus while it waits for its next attempt.
        """
        async with self._store.database.system() as connection:
            position = await progress.of(connection, self.spec.durable) or 0
        fetched = 0
        async for events, head in pages(self._reader, self.spec.owner, position, self.spec.patterns):
            reached = head
            for event in await self._open(events):
                young = datetime.now(UTC) - event.recorded_at < GRACE
                if not young and not await self._waits(event):
                    fetched += 1
                    if await self._take(event):
                        continue
                reached = min(reached, (event.position or 1) - 1)
                if young:
                    break
            await self._move(reached)
            if reached < head:
                break
        return fetched

    async def _take(self, event: Envelope) -> bool:
        """Reacts to what the bus has lost, unless somebody else does at this moment; whether it is done with."""
        try:
            await self._attempt(event, 1, wait=False)
        except ReactionFailed:
            return False
        return True

    async def _open(self, events: list[Envelope]) -> list[Envelope]:
        """Those that are not handled."""
        async with self._store.database.system() as connection:
            rows = await connection.fetch(
                "SELECT event_id FROM inbox WHERE consumer = $1 AND event_id = ANY($2)",
                self.spec.durable,
                [event.event_id for event in events],
            )
        handled = {row["event_id"] for row in rows}
        return [event for event in events if event.event_id not in handled]

    async def _waits(self, event: Envelope) -> bool:
        """Whether it has failed, and the bus will bring it again or has just done so."""
        async with self._store.database.system() as connection:
            waits: bool = await connection.fetchval(
                """SELECT EXISTS (SELECT FROM inbox_failures
                                  WHERE consumer = $1 AND event_id = $2 AND next_at > now() - $3::interval)""",
                self.spec.durable,
                event.event_id,
                GRACE,
            )
        return waits

    async def _move(self, position: int) -> None:
        async with self._store.database.system() as connection:
            await progress.advance(connection, self.spec.durable, position)
            await connection.execute(
                "DELETE FROM inbox WHERE consumer = $1 AND position <= $2", self.spec.durable, position
            )
            await connection.execute(
                """DELETE FROM inbox_failures f WHERE consumer = $1
                   AND EXISTS (SELECT FROM dead_letters d WHERE d.key = f.event_id::text)""",
                self.spec.durable,
            )

    async def replay(self, event: Envelope, letter_id: UUID) -> bool:
        """Reacts to an event that was parked, as if it came for the first time, and closes its letter; False if it is closed."""
        async with self._store.transaction(TenantScope(event.tenant_id)) as transaction:
            closed = await dead_letters.close(transaction.connection, letter_id)
            if closed:
                await self._reaction(transaction, event, follow(event, self._store.service))
        return closed
