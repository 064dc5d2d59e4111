"""A recorded event as tenants get it: CloudEvents 1.0, structured JSON."""

import json
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from minirag_contracts.requests.common import RecordedEvent

SOURCE_PREFIX = "/minirag/"
"""``source`` is this and the owning service."""


class CloudEvent(BaseModel):
    """An event (CloudEvents 1.0 §2.1 and §3.1, JSON Event Format 1.0 §3)."""

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str = Field(description="`/minirag/` and the service that owns it.", examples=["/minirag/chat"])
    type: str = Field(examples=["bot.created"])
    subject: str = Field(description="The aggregate's stream; its events come in order.")
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    tenantid: UUID
    streamversion: int = Field(description="Counts the events of `subject` from 1 without gaps.")
    schemaversion: int = Field(description="Of `data`; older events come in today's shape.")
    actor: str = Field(description="`user:<id>`, `visitor:<id>`, `system:<service>` or `anonymous`.")
    via: str | None = Field(default=None, description="What they showed: `token:<id>`, `session:<id>`, …")
    correlationid: UUID
    causationid: UUID | None = Field(default=None, description="The command or event that caused it.")
    traceparent: str | None = Field(default=None, description="W3C Trace Context.")
    data: dict[str, Any]

    @classmethod
    def of(cls, service: str, event: RecordedEvent) -> Self:
        """What an owner answered, in this form."""
        metadata = event.metadata
        return cls(
            id=event.event_id,
            source=SOURCE_PREFIX + service,
            type=event.type,
            subject=event.stream,
            time=event.recorded_at,
            tenantid=event.tenant_id,
            streamversion=event.version,
            schemaversion=event.schema_version,
            actor=metadata["actor"],
            via=metadata.get("via") or None,
            correlationid=metadata["correlation_id"],
            causationid=metadata.get("causation_id"),
            traceparent=metadata.get("traceparent") or None,
            data=event.data,
        )

    def attributes(self) -> dict[str, Any]:
        """The JSON object; attributes that are not set are left out."""
        unset = {name for name in ("via", "causationid", "traceparent") if getattr(self, name) is None}
        return self.model_dump(mode="json", exclude=unset)

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(self.attributes(), ensure_ascii=False, separators=(",", ":"))
