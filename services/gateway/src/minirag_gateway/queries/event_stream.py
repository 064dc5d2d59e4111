"""A tenant's events as one endless stream, each once, resumable anywhere.

The owners' stores are the truth and the bus only wakes: what the bus loses is found at the next look. One reader for each
owner reads on from its place; the stream sends what they bring and moves the places, which are the subscriber's cursor.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from minirag_contracts.cloud_events import CloudEvent
from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal
from minirag_contracts.signals import Progress
from minirag_contracts.topology import STREAM_OF

from minirag_gateway.domain.event_cursor import EventCursors, Place
from minirag_gateway.domain.event_types import wants_progress
from minirag_gateway.ports import EventPage, TenantEvents
from minirag_gateway.queries.mailbox import Mailbox
from minirag_gateway.queries.owner_reader import OwnerReader, Pace

logger = logging.getLogger(__name__)

OWNERS = tuple(STREAM_OF)
"""The services that own events."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An event and the cursor behind it."""

    event: CloudEvent
    cursor: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing to tell; ``cursor`` is there where the subscriber's place has moved past what it did not ask for."""

    cursor: str | None


Item = Sent | Progress | Silence


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who wants which events, until ``ended`` returns; ``places`` is None for who wants them from now on."""

    context: Context
    patterns: list[str]
    places: dict[str, Place] | None
    ended: Callable[[], Awaitable[object]]


class EventStream:
    """One subscriber's stream: enter it, read ``items`` to their end, leave it."""

    def __init__(self, events: TenantEvents, cursors: EventCursors, who: Subscriber, pace: Pace) -> None:
        self._events = events
        self._cursors = cursors
        self._who = who
        self._pace = pace
        self._places = dict(who.places or {})
        self._mailbox = Mailbox()
        self._readers: dict[str, OwnerReader] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._resources = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Subscribed first, then told where it starts: whatever is published after that is in the stream."""
        scope, patterns = self._who.context.scope, self._who.patterns
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._events.woken(scope, self._wake))
            if wants_progress(patterns):
                await stack.enter_async_context(self._events.progress(scope, self._mailbox.tell))
            if self._who.places is None:
                self._places = await self._starts()
            for owner in OWNERS:
                reader = OwnerReader(
                    self._events,
                    self._who.context,
                    owner,
                    self._places.setdefault(owner, 0),
                    patterns,
                    self._mailbox,
                    self._pace,
                )
                self._readers[owner] = reader
                self._begin(reader.run())
            self._begin(self._watch())
            self._resources = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing of it goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._resources.aclose()

    def close(self) -> None:
        """Ends the stream before its next event."""
        self._mailbox.close()

    async def items(self, heartbeat: float) -> AsyncIterator[Item]:
        """At once where it starts, then what happens; Silence after so many seconds without. Ends when it is closed."""
        noted = self._cursor()
        yield Silence(noted)
        while not self._mailbox.is_closed():
            item = await self._mailbox.next(heartbeat)
            if isinstance(item, EventPage):
                for position, event in item.events:
                    if self._mailbox.is_closed():
                        return
                    self._places[item.owner] = position
                    noted = self._cursor()
                    yield Sent(event, noted)
                self._places[item.owner] = item.head
            elif item is not None:
                yield item
            elif not self._mailbox.is_closed():
                before, noted = noted, self._cursor()
                yield Silence(noted if noted != before else None)

    def _cursor(self) -> str:
        return self._cursors.write(self._who.context.scope.tenant_id, self._places)

    async def _starts(self) -> dict[str, Place]:
        """Each owner's head; for one that does not answer soon, this moment, from which it will be read once it is back."""
        now = datetime.now(UTC)

        async def start(owner: str) -> Place:
            try:
                return await self._events.start(self._who.context, owner, None, self._pace.patience)
            except Refusal as refusal:
                logger.warning("a stream starts without", extra={"owner": owner, "code": refusal.code})
                return now

        return dict(zip(OWNERS, await asyncio.gather(*map(start, OWNERS)), strict=True))

    def _wake(self, owner: str | None) -> None:
        for name, reader in self._readers.items():
            if owner in (None, name):
                reader.wake()

    async def _watch(self) -> None:
        await self._who.ended()
        logger.info("a subscriber may listen no more", extra={"actor": self._who.context.actor})
        self.close()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._on_done)
        self._tasks.append(task)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._mailbox.close(failure)


class EventStreams:
    """Every open stream of this gateway."""

    def __init__(self, events: TenantEvents, cursors: EventCursors, pace: Pace | None = None) -> None:
        self._events = events
        self._cursors = cursors
        self._pace = pace or Pace()
        self._open: set[EventStream] = set()
        self._leaving = False

    async def enter(
        self,
        stack: AsyncExitStack,
        context: Context,
        ended: Callable[[], Awaitable[object]],
        cursor: str | None,
        patterns: list[str],
    ) -> EventStream:
        """A stream from a cursor on, or from now on, that lives as long as ``stack`` and until ``ended`` returns, which it does
        when the caller may no longer listen. InvalidLastEventId for a cursor that is not ours.
        """
        places = None if cursor is None else self._cursors.read(context.scope.tenant_id, cursor)
        who = Subscriber(replace(context, command_id=None, deadline=None), patterns, places, ended)
        stream = await stack.enter_async_context(EventStream(self._events, self._cursors, who, self._pace))
        self._open.add(stream)
        stack.callback(self._forget(stream))
        if self._leaving:
            stream.close()
        return stream

    def _forget(self, stream: EventStream) -> Callable[[], None]:
        return lambda: self._open.discard(stream)

    async def close(self) -> None:
        """Ends all of them, and what is opened from now on, so that their subscribers go to another gateway."""
        self._leaving = True
        for stream in self._open:
            stream.close()
