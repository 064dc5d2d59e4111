"""The audit log, as clients read it."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from minirag_contracts.envelope import Metadata
from minirag_contracts.requests.common import AuditedEvent
from pydantic import BaseModel, Field


class AuditRecord(BaseModel):
    """Something that was done."""

    id: UUID
    time: datetime
    type: str = Field(examples=["bot.created"])
    subject: str = Field(
        description="What it was done to.", examples=["bot-019f0000-0000-7000-8000-000000000004"]
    )
    actor: str = Field(description="`user:<id>`, `visitor:<id>`, `system:<service>` or `anonymous`.")
    via: str | None = Field(description="What they showed: `token:<id>`, `session:<id>`, `embed_key:<id>`.")
    address: str | None = Field(description="From where; null where nobody asked, or once it is erased.")
    agent: str | None = Field(description="The program that they used, as it calls itself.")
    trace_id: str
    correlation_id: UUID
    data: dict[str, Any] = Field(description="Of the event; see `/v1/schemas/{type}`.")

    @classmethod
    def of(cls, entry: AuditedEvent) -> Self:
        """An owner's entry, for clients."""
        event = entry.event
        metadata = Metadata.from_json(event.metadata)
        return cls(
            id=event.event_id,
            time=event.recorded_at,
            type=event.type,
            subject=event.stream,
            actor=metadata.actor,
            via=metadata.via or None,
            address=entry.address or None,
            agent=entry.agent or None,
            trace_id=metadata.trace_id,
            correlation_id=metadata.correlation_id,
            data=event.data,
        )
