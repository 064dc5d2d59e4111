"""The aggregate ``delivery-<id>``: one event told to one endpoint, once."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.webhooks import (
    DeliveryFailed,
    DeliveryRequested,
    DeliveryScheduled,
    DeliverySucceeded,
    WebhookEvent,
)
from minirag_contracts.ids import derived_id

from minirag_webhooks.errors import DeliveryNotFound, DeliveryStillScheduled

DeliveryState = Literal["unknown", "scheduled", "succeeded", "failed"]

Told = WebhookEvent | Literal["test.ping"]
"""What an endpoint can be told: what it subscribed to, and that somebody tests it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the past of one delivery adds up to."""

    state: DeliveryState = "unknown"
    webhook_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Tell an endpoint of what happened (``cause_id`` is the id of that event or request)."""

    webhook_id: UUID
    event: Told
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


@dataclass(frozen=True, slots=True)
class Repeat:
    """Begin a new run of attempts for a delivery that has come to its end."""

    delivery_id: UUID
    webhook_id: UUID


Command = Schedule | Succeed | GiveUp | Repeat


def delivery_id(cause_id: UUID, webhook_id: UUID) -> UUID:
    """The identifier of telling one endpoint of one event."""
    return derived_id("delivery", cause_id, webhook_id)


def stream_of(delivery: UUID) -> str:
    """The stream of one delivery."""
    return f"delivery-{delivery}"


def decide(state: Delivery, command: Command) -> list[EventPayload]:
    """The events that a command leads to; none where the past has settled it already. Only Repeat can be refused.

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
        case Repeat():
            return _repeat(state, command)
        case _:
            return []


def evolve(state: Delivery, event: EventPayload) -> Delivery:
    """The state after one more event."""
    match event:
        case DeliveryScheduled() | DeliveryRequested():
            return Delivery("scheduled", event.webhook_id)
        case DeliverySucceeded():
            return Delivery("succeeded", event.webhook_id)
        case DeliveryFailed():
            return Delivery("failed", event.webhook_id)
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


def _repeat(state: Delivery, command: Repeat) -> list[EventPayload]:
    if state.state == "unknown" or state.webhook_id != command.webhook_id:
        raise DeliveryNotFound
    if state.state == "scheduled":
        raise DeliveryStillScheduled
    return [DeliveryRequested(delivery_id=command.delivery_id, webhook_id=command.webhook_id)]
