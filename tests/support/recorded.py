"""Events as their owners recorded them, for tests of those who consume them."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from minirag_contracts.envelope import Envelope, Metadata
from minirag_contracts.events import EventPayload
from minirag_contracts.examples import EXAMPLES, TENANT_ID

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def recorded(
    payload: EventPayload,
    *,
    at: datetime = NOON,
    tenant_id: UUID = TENANT_ID,
    stream: str | None = None,
    version: int = 1,
) -> Envelope:
    """An event as its owner recorded it."""
    event_id = uuid4()
    return Envelope(
        event_id=event_id,
        tenant_id=tenant_id,
        service=payload.owner,
        stream=stream or f"stream-{event_id}",
        version=version,
        type=payload.type,
        schema_version=payload.schema_version,
        data=payload.model_dump(mode="json"),
        metadata=Metadata(actor="system:test", correlation_id=event_id),
        recorded_at=at,
    )


def an_example(event_type: str) -> EventPayload:
    """The contracts' example of a type."""
    return EXAMPLES[event_type]
