"""Events as rows and back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope, Metadata
from minirag_contracts.events import EventPayload
from minirag_contracts.ids import new_id

COLUMNS = "event_id, tenant_id, stream, version, type, schema_version, data, metadata, recorded_at, position"


def envelope_of(service: str, row: Any) -> Envelope:
    """One row of ``events`` (an asyncpg.Record, which is no Mapping to a type checker)."""
    return Envelope(
        event_id=row["event_id"],
        tenant_id=row["tenant_id"],
        service=service,
        stream=row["stream"],
        version=row["version"],
        type=row["type"],
        schema_version=row["schema_version"],
        data=row["data"],
        metadata=Metadata.from_json(row["metadata"]),
        recorded_at=row["recorded_at"],
        position=row["position"],
    )


def record(
    service: str, context: Context, stream: str, version: int, payloads: Sequence[EventPayload]
) -> list[Envelope]:
    """New events after ``version``, as they will be stored; this is the only clock that events see."""
    now = datetime.now(UTC)
    tenant_id = context.scope.tenant_id
    events = []
    for offset, payload in enumerate(payloads, start=1):
        event_id = new_id()
        events.append(
            Envelope(
                event_id=event_id,
                tenant_id=tenant_id,
                service=service,
                stream=stream,
                version=version + offset,
                type=payload.type,
                schema_version=payload.schema_version,
                data=payload.model_dump(mode="json"),
                metadata=Metadata.of(context, event_id),
                recorded_at=now,
            )
        )
    return events
