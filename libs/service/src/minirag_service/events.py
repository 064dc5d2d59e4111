"""Reading other services' events over the bus, and serving our own."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope, Metadata
from minirag_contracts.errors import InvalidRequest, Unavailable
from minirag_contracts.events import REGISTRY
from minirag_contracts.requests.common import EventsRead, EventsReply, RecordedEvent
from minirag_eventstore import Database, log, tail
from minirag_eventstore.pages import PAGE_BYTES
from minirag_messaging import Bus

logger = logging.getLogger(__name__)

OVERHEAD = 600
"""About the size of an event's attributes as JSON."""

BELIEVABLE = 10**9
"""Positions that a store may have lost; who asks for more is mistaken."""


class BusEventReader:
    """``EventReader`` by each owner's ``events.read``."""

    def __init__(self, bus: Bus, service: str) -> None:
        self._bus = bus
        self._service = service

    async def after(
        self, owner: str, position: int, patterns: Sequence[str], limit: int = 500
    ) -> tuple[list[Envelope], int]:
        """Events after a position, and the position up to which there are no others that match."""
        reply = await self._ask(owner, EventsRead(after=position, patterns=list(patterns), limit=limit))
        return [_envelope(owner, event) for event in reply.events], reply.head

    async def stream(self, owner: str, stream: str, after_version: int) -> list[Envelope]:
        """One aggregate's events after a version: the first that fit into a message."""
        reply = await self._ask(owner, EventsRead(stream=stream, after_version=after_version))
        return [_envelope(owner, event) for event in reply.events]

    async def _ask(self, owner: str, request: EventsRead) -> EventsReply:
        context = Context.for_system(self._service)
        return await self._bus.ask(owner, "events.read", request, EventsReply, context, timeout=10.0)


async def read_events(database: Database, service: str, request: EventsRead) -> EventsReply:
    """The owner's side of ``events.read``: all tenants, so only for services; without the owner's ``internal`` fields."""
    async with database.system() as connection:
        if request.stream is not None:
            events = await log.load(connection, service, request.stream, request.after_version)
            found, head = [event for event in events if event.position is not None], 0
        else:
            found, head = await tail.read(
                connection, service, request.after, patterns=request.patterns, limit=request.limit
            )
    if request.stream is None and head < request.after:
        await _lost(database, request.after, head)
    recorded = [_for_others(event) for event in fitting(found, PAGE_BYTES)]
    if len(recorded) < len(found):
        head = recorded[-1].position
    return EventsReply(events=recorded, head=head)


async def _lost(database: Database, after: int, head: int) -> None:
    """Raises: who asks has seen positions that this store has lost, and would take their next bearers for events it knows."""
    said = f"Position {after} is beyond this store's last one, {head}"
    if after - head > BELIEVABLE:
        raise InvalidRequest(f"{said}.")
    logger.error(
        "the store was set back to an earlier moment: a consumer has seen positions that it does not have, which are left out",
        extra={"after": after, "store_position": head},
    )
    async with database.system() as connection:
        await tail.leave_out(connection, after)
    raise Unavailable(
        f"{said}: it was set back to an earlier moment, and goes on beyond both. Please try again."
    )


def fitting(events: list[Envelope], limit: int) -> list[Envelope]:
    """The first events that fit into ``limit`` bytes together; always at least one."""
    size = 0
    for index, event in enumerate(events):
        size += len(str(event.data)) + OVERHEAD
        if size > limit and index > 0:
            return events[:index]
    return events


def _for_others(event: Envelope) -> RecordedEvent:
    model = REGISTRY.get(event.type)
    hidden = model.internal if model else frozenset()
    if hidden:
        event = replace(event, data={name: value for name, value in event.data.items() if name not in hidden})
    return recorded_event(event)


def recorded_event(event: Envelope) -> RecordedEvent:
    """An event as it travels in a reply; position 0 where it has none yet."""
    return RecordedEvent.model_construct(
        event_id=event.event_id,
        tenant_id=event.tenant_id,
        stream=event.stream,
        version=event.version,
        type=event.type,
        schema_version=event.schema_version,
        data=event.data,
        metadata=event.metadata.to_json(),
        recorded_at=event.recorded_at,
        position=event.position or 0,
    )


def _envelope(owner: str, event: RecordedEvent) -> Envelope:
    return Envelope(
        event_id=event.event_id,
        tenant_id=event.tenant_id,
        service=owner,
        stream=event.stream,
        version=event.version,
        type=event.type,
        schema_version=event.schema_version,
        data=event.data,
        metadata=Metadata.from_json(event.metadata),
        recorded_at=event.recorded_at,
        position=event.position,
    )
