"""The piece of work that runs one turn, as it is kept in the work table."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from minirag_contracts.context import Context


@dataclass(frozen=True, slots=True)
class TurnJob:
    """Ids only. ``first`` tells that the chat has no earlier turn; the rest ties the answer to its question's event."""

    message_id: UUID
    chat_id: UUID
    bot_id: UUID
    first: bool
    caused_by: UUID
    correlation_id: UUID
    traceparent: str

    def to_json(self) -> dict[str, Any]:
        """The form kept in the work row."""
        return {
            "message_id": str(self.message_id),
            "chat_id": str(self.chat_id),
            "bot_id": str(self.bot_id),
            "first": self.first,
            "caused_by": str(self.caused_by),
            "correlation_id": str(self.correlation_id),
            "traceparent": self.traceparent,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of ``to_json``."""
        return cls(
            message_id=UUID(data["message_id"]),
            chat_id=UUID(data["chat_id"]),
            bot_id=UUID(data["bot_id"]),
            first=data["first"],
            caused_by=UUID(data["caused_by"]),
            correlation_id=UUID(data["correlation_id"]),
            traceparent=data["traceparent"],
        )

    def context(self, tenant_id: UUID) -> Context:
        """The circumstances of the run: a reaction to the question's event."""
        return Context(
            actor="system:chat",
            tenant_id=tenant_id,
            correlation_id=self.correlation_id,
            causation_id=self.caused_by,
            traceparent=self.traceparent,
        )
