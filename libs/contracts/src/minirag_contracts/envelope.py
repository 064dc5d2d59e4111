"""A recorded event as it travels: the attributes of CloudEvents 1.0 beside typed data."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from minirag_contracts import tracing
from minirag_contracts.context import Context, trace_id_of
from minirag_contracts.events import EventPayload, parse_payload


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who caused an event, by which credential, and why."""

    actor: str
    correlation_id: UUID
    causation_id: UUID | None = None
    traceparent: str = ""
    via: str = ""

    def to_json(self) -> dict[str, Any]:
        """The form kept in Postgres."""
        return {
            "actor": self.actor,
            "correlation_id": str(self.correlation_id),
            "causation_id": str(self.causation_id) if self.causation_id else None,
            "traceparent": self.traceparent,
            "via": self.via,
        }

    @property
    def trace_id(self) -> str:
        """By which the logs tell of it (see ``trace_id_of``)."""
        return trace_id_of(self.traceparent, self.correlation_id)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of ``to_json``."""
        causation = data.get("causation_id")
        return cls(
            actor=data["actor"],
            correlation_id=UUID(data["correlation_id"]),
            causation_id=UUID(causation) if causation else None,
            traceparent=data.get("traceparent", ""),
            via=data.get("via", ""),
        )

    @classmethod
    def of(cls, context: Context, event_id: UUID) -> Self:
        """The metadata of an event recorded in this context; it starts a correlation where there is none."""
        return cls(
            actor=context.actor,
            correlation_id=context.correlation_id or event_id,
            causation_id=context.causation_id or context.command_id,
            traceparent=tracing.here(context.traceparent),
            via=context.via,
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """One recorded event.

    ``version`` counts the events of ``stream`` from 1 without gaps. ``position`` counts all events of the owning
    service from 1, with gaps only where a store has lost some, and is None until the relay has given it.
    """

    event_id: UUID
    tenant_id: UUID
    service: str
    stream: str
    version: int
    type: str
    schema_version: int
    data: dict[str, Any]
    metadata: Metadata
    recorded_at: datetime
    position: int | None = None

    @property
    def payload(self) -> EventPayload:
        """The data as today's model; older schema versions are upcast on the way."""
        return parse_payload(self.type, self.schema_version, self.data)

    @property
    def subject(self) -> str:
        """Where this event is published: ``<type>.<tenant>``."""
        return event_subject(self.type, self.tenant_id)

    def at(self, position: int) -> "Envelope":
        """The same event with the position that the relay gave it."""
        return replace(self, position=position)


def follow(event: Envelope, service: str) -> Context:
    """The context of a reaction: tenant, correlation and causation come from the event, here and only here."""
    return Context(
        actor=f"system:{service}",
        tenant_id=event.tenant_id,
        correlation_id=event.metadata.correlation_id,
        causation_id=event.event_id,
        command_id=event.event_id,
        traceparent=tracing.here(event.metadata.traceparent),
    )


def event_subject(event_type: str, tenant_id: UUID) -> str:
    """The subject of an event type for one tenant."""
    return f"{event_type}.{tenant_id}"
