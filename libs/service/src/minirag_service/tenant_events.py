"""Serving a tenant its own events: in order, as a tail, and newest first, as an audit log.

Both read in the tenant's transaction, so row-level security decides whose events they are.
"""

from minirag_contracts.context import TenantScope
from minirag_contracts.envelope import Envelope
from minirag_contracts.requests.common import (
    AuditedEvent,
    AuditRead,
    AuditReply,
    EventsTail,
    RecordedEvent,
    TailReply,
)
from minirag_eventstore import Database, audit, tail

from minirag_service.events import fitting, recorded_event

TAIL_BYTES = 500_000
"""Of one page of a tail: whoever reads slowly holds a page of every owner."""

AUDIT_BYTES = 4_000_000
"""Of one page of the audit log: half of the bus' largest message."""


def seen_by_tenant(event: Envelope) -> RecordedEvent:
    """The event in today's shape, without the fields that are for its owner alone."""
    payload = event.payload
    shown = recorded_event(event)
    return shown.model_copy(
        update={
            "data": payload.model_dump(mode="json", exclude=set(payload.internal)),
            "schema_version": payload.schema_version,
        }
    )


async def tail_events(database: Database, service: str, request: EventsTail, scope: TenantScope) -> TailReply:
    """The owner's side of ``events.tail``."""
    async with database.tenant(scope) as connection:
        head = await tail.head(connection)
        if request.after is None:
            start = head if request.since is None else await tail.before(connection, request.since)
            return TailReply(events=[], head=start, more=start < head)
        if request.after >= head:
            return TailReply(events=[], head=head, more=False)
        found, reached = await tail.read(
            connection, service, request.after, patterns=request.patterns, limit=request.limit
        )
    events = fitting(found, TAIL_BYTES)
    if len(events) < len(found):
        reached = events[-1].position or 0
    return TailReply(
        events=[seen_by_tenant(event) for event in events],
        head=reached,
        more=len(found) == request.limit or len(events) < len(found),
    )


async def audit_events(
    database: Database, service: str, request: AuditRead, scope: TenantScope
) -> AuditReply:
    """The owner's side of ``audit.read``."""
    before = (
        None
        if request.before_at is None or request.before_id is None
        else (request.before_at, request.before_id)
    )
    question = audit.Question(
        before, request.actor, request.types, request.without, request.since, request.until
    )
    async with database.tenant(scope) as connection:
        found = await audit.read(connection, service, question, request.limit)
    count = len(fitting([entry.event for entry in found], AUDIT_BYTES))
    entries = [
        AuditedEvent(event=seen_by_tenant(entry.event), address=entry.address, agent=entry.agent)
        for entry in found[:count]
    ]
    return AuditReply(entries=entries, more=count < len(found) or count == request.limit)
