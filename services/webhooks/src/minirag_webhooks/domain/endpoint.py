"""The aggregate ``webhook-<id>``: an address that wants to be told of events."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args
from urllib.parse import urlsplit
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.webhooks import WebhookCreated, WebhookDeleted, WebhookEvent

from minirag_webhooks.errors import InvalidDescription, InvalidEventType, InvalidUrl, WebhookNotFound

MAX_URL = 2048
MAX_DESCRIPTION = 500
EVENT_TYPES: tuple[str, ...] = get_args(WebhookEvent)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the past of one endpoint adds up to."""

    exists: bool = False
    active: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    """Begin to tell ``url`` of ``events`` (an empty list is allowed and tells nothing)."""

    webhook_id: UUID
    url: str
    events: Sequence[WebhookEvent]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """Tell this endpoint nothing more."""

    webhook_id: UUID


def stream_of(webhook_id: UUID) -> str:
    """The stream of one endpoint."""
    return f"webhook-{webhook_id}"


def decide(state: Endpoint, command: Create | Delete) -> list[EventPayload]:
    """The events that a command leads to; raises a WebhooksRefusal."""
    match command:
        case Create():
            return _create(state, command)
        case Delete():
            if not state.active:
                raise WebhookNotFound
            return [WebhookDeleted(webhook_id=command.webhook_id)]


def evolve(state: Endpoint, event: EventPayload) -> Endpoint:
    """The state after one more event."""
    match event:
        case WebhookCreated():
            return Endpoint(exists=True, active=True)
        case WebhookDeleted():
            return replace(state, active=False)
        case _:
            return state


def check_url(url: str) -> None:
    """Raises InvalidUrl with the reason. Where the name leads to is checked at every delivery, not here."""
    if len(url) > MAX_URL:
        raise InvalidUrl(f"The URL may have at most {MAX_URL} characters.")
    if any(ord(character) <= 0x20 or ord(character) == 0x7F for character in url):
        raise InvalidUrl("The URL must not contain spaces or control characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidUrl("The URL cannot be read.") from error
    if parts.scheme not in ("http", "https"):
        raise InvalidUrl("The URL must begin with http:// or https://.")
    if not host or port == 0:
        raise InvalidUrl("The URL must name a host.")
    if parts.username is not None or parts.password is not None:
        raise InvalidUrl("The URL must not contain a user name or password.")


def check_events(events: Sequence[str]) -> None:
    """Raises InvalidEventType for the first name that nobody can subscribe to."""
    for event in events:
        if event not in EVENT_TYPES:
            raise InvalidEventType(f"Invalid event type: {event}. Valid: {list(EVENT_TYPES)}")


def _create(state: Endpoint, command: Create) -> list[EventPayload]:
    check_url(command.url)
    check_events(command.events)
    if len(command.description) > MAX_DESCRIPTION:
        raise InvalidDescription
    if state.exists:
        return []
    return [
        WebhookCreated(
            webhook_id=command.webhook_id,
            url=command.url,
            events=list(dict.fromkeys(command.events)),
            description=command.description,
        )
    ]
