"""The aggregate ``delivery-<id>``: one event told to one endpoint, once."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.webhooks import (
    DeliveryFailed,
    DeliveryScheduled,
    DeliverySucceeded,
    WebhookEvent,
)
from minirag_contracts.ids import derived_id

DeliveryState = Literal["unknown", "scheduled", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the past of one delivery adds up to."""

    state: DeliveryState = "unknown"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Tell an endpoint of what happened (``cause_id`` is the id of that event)."""

    webhook_id: UUID
    event: WebhookEvent
    cause_id: UUID

    @property
    def delivery_id(self) -> UUID:
        """The same cause and endpoint always give the same delivery, so that it happens once."""
        return delivery_id(self.cause_id, self.webhook_id)


@dataclass(frozen=True, slots=True)
class Succeed:
    """The endpoint took it on attempt number ``attempt`` (from 1)."""

    delivery_id: UUID
    webhook_id: UUID
    status_code: int
    attempt: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nothing more will be tried, for ``reason``; ``status_code`` is that of the last answer, if there was one."""

    delivery_id: UUID
    webhook_id: UUID
    status_code: int | None
    attempts: int
    reason: str


def delivery_id(cause_id: UUID, webhook_id: UUID) -> UUID:
    """The identifier of telling one endpoint of one event."""
    return derived_id("delivery", cause_id, webhook_id)


def stream_of(delivery: UUID) -> str:
    """The stream of one delivery."""
    return f"delivery-{delivery}"


def decide(state: Delivery, command: Schedule | Succeed | GiveUp) -> list[EventPayload]:
    """The events that a command leads to; none where the past has settled it already.

    A delivery that was given up on may still succeed: its dead letter can be replayed.
    """
    match command:
        case Schedule():
            return _schedule(command) if state.state == "unknown" else []
        case Succeed() if state.state in ("scheduled", "failed"):
            return [
                DeliverySucceeded(
                    delivery_id=command.delivery_id,
                    webhook_id=command.webhook_id,
                    status_code=command.status_code,
                    attempt=command.attempt,
                )
            ]
        case GiveUp() if state.state in ("scheduled", "failed"):
            return [
                DeliveryFailed(
                    delivery_id=command.delivery_id,
                    webhook_id=command.webhook_id,
                    status_code=command.status_code,
                    attempts=command.attempts,
                    reason=command.reason,
                )
            ]
        case _:
            return []


def evolve(state: Delivery, event: EventPayload) -> Delivery:
    """The state after one more event."""
    match event:
        case DeliveryScheduled():
            return Delivery("scheduled")
        case DeliverySucceeded():
            return Delivery("succeeded")
        case DeliveryFailed():
            return Delivery("failed")
        case _:
            return state


def _schedule(command: Schedule) -> list[EventPayload]:
    return [
        DeliveryScheduled(
            delivery_id=command.delivery_id,
            webhook_id=command.webhook_id,
            event=command.event,
            cause_id=command.cause_id,
        )
    ]
