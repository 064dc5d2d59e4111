"""The aggregate ``webhook-<id>``: an address that wants to be told of events."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.webhooks import (
    WebhookCreated,
    WebhookDeleted,
    WebhookEvent,
    WebhookSecretRotated,
    WebhookUpdated,
)

from minirag_webhooks.errors import InvalidDescription, InvalidEventType, WebhookNotFound

MAX_DESCRIPTION = 500
EVENT_TYPES: tuple[str, ...] = get_args(WebhookEvent)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a client may choose, but for the secret."""

    url: str
    events: tuple[WebhookEvent, ...]
    description: str = ""
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the past of one endpoint adds up to. Without configuration it was deleted, or never was."""

    exists: bool = False
    configuration: Configuration | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Begin to tell ``url``, which was checked, of ``events`` (an empty list is allowed and tells nothing)."""

    webhook_id: UUID
    url: str
    events: Sequence[WebhookEvent]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """Change what is not None; ``new_secret`` tells whether another secret comes with it."""

    webhook_id: UUID
    url: str | None = None
    events: Sequence[WebhookEvent] | None = None
    description: str | None = None
    is_active: bool | None = None
    new_secret: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Tell this endpoint nothing more."""

    webhook_id: UUID


def stream_of(webhook_id: UUID) -> str:
    """The stream of one endpoint."""
    return f"webhook-{webhook_id}"


def decide(state: Endpoint, command: Create | Update | Delete) -> list[EventPayload]:
    """The events that a command leads to; raises a WebhooksRefusal."""
    match command:
        case Create():
            return _create(state, command)
        case Update():
            return _update(state, command)
        case Delete():
            if state.configuration is None:
                raise WebhookNotFound
            return [WebhookDeleted(webhook_id=command.webhook_id)]


def evolve(state: Endpoint, event: EventPayload) -> Endpoint:
    """The state after one more event."""
    match event:
        case WebhookCreated():
            return Endpoint(True, Configuration(event.url, tuple(event.events), event.description))
        case WebhookUpdated():
            changed = Configuration(event.url, tuple(event.events), event.description, event.is_active)
            return replace(state, configuration=changed)
        case WebhookDeleted():
            return replace(state, configuration=None)
        case _:
            return state


def check_events(events: Sequence[str]) -> None:
    """Raises InvalidEventType for the first name that nobody can subscribe to."""
    for event in events:
        if event not in EVENT_TYPES:
            raise InvalidEventType(f"Invalid event type: {event}. Valid: {list(EVENT_TYPES)}")


def _checked(wanted: Configuration) -> Configuration:
    check_events(wanted.events)
    if len(wanted.description) > MAX_DESCRIPTION:
        raise InvalidDescription
    return replace(wanted, events=tuple(dict.fromkeys(wanted.events)))


def _create(state: Endpoint, command: Create) -> list[EventPayload]:
    wanted = _checked(Configuration(command.url, tuple(command.events), command.description))
    if state.exists:
        return []
    return [
        WebhookCreated(
            webhook_id=command.webhook_id,
            url=wanted.url,
            events=list(wanted.events),
            description=wanted.description,
        )
    ]


def _update(state: Endpoint, command: Update) -> list[EventPayload]:
    before = state.configuration
    if before is None:
        raise WebhookNotFound
    wanted = _checked(
        Configuration(
            url=before.url if command.url is None else command.url,
            events=before.events if command.events is None else tuple(command.events),
            description=before.description if command.description is None else command.description,
            is_active=before.is_active if command.is_active is None else command.is_active,
        )
    )
    payloads: list[EventPayload] = []
    if wanted != before:
        payloads.append(
            WebhookUpdated(
                webhook_id=command.webhook_id,
                url=wanted.url,
                events=list(wanted.events),
                description=wanted.description,
                is_active=wanted.is_active,
            )
        )
    if command.new_secret:
        payloads.append(WebhookSecretRotated(webhook_id=command.webhook_id))
    return payloads
