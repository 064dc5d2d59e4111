"""The embed key: what a web page may publish so that its visitors can talk to one bot, so much, from these origins."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from minirag_contracts.errors import Conflict, InvalidRequest
from minirag_contracts.events import EventPayload
from minirag_contracts.events.gateway import EmbedKeyCreated, EmbedKeyRevoked, EmbedKeyUpdated

from minirag_gateway.errors import EmbedKeyNotFound

PREFIX = "pk_"

MAX_ORIGINS = 50

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a key is good for."""

    name: str
    origins: tuple[str, ...]
    visitor_rate: int
    daily_messages: int
    session_minutes: int


@dataclass(frozen=True, slots=True)
class EmbedKey:
    """What decisions need to know of an embed key."""

    bot_id: UUID | None = None
    settings: Settings | None = None
    is_active: bool = False


def stream_of(key_id: UUID) -> str:
    """The event stream of an embed key."""
    return f"embed_key-{key_id}"


def origin(text: str) -> str:
    """A web origin as browsers send it (RFC 6454 §6.2): scheme, host and a port that is not the scheme's own."""
    parts = urlsplit(text.strip().lower())
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidRequest(_NO_ORIGIN.format(text[:100])) from None
    if ":" in host:
        host = f"[{host}]"
    extra = parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or extra or not _HOST.fullmatch(host):
        raise InvalidRequest(_NO_ORIGIN.format(text[:100]))
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if port in (None, usual) else f":{port}")


def create(
    key: EmbedKey, settings: Settings, *, key_id: UUID, bot_id: UUID, public: str
) -> Sequence[EventPayload]:
    """A page may show the bot."""
    if key.bot_id is not None:
        raise Conflict
    return [EmbedKeyCreated(key_id=key_id, bot_id=bot_id, key=public, **_fields(settings))]


def update(key: EmbedKey, key_id: UUID, settings: Settings) -> Sequence[EventPayload]:
    """The key is good for something else; its visitors notice at their next message."""
    if key.bot_id is None or not key.is_active:
        raise EmbedKeyNotFound
    return [] if settings == key.settings else [EmbedKeyUpdated(key_id=key_id, **_fields(settings))]


def revoke(key: EmbedKey, key_id: UUID) -> Sequence[EventPayload]:
    """The key and its visitors' sessions are worth nothing any more; revoking it again changes nothing."""
    if key.bot_id is None:
        raise EmbedKeyNotFound
    return [EmbedKeyRevoked(key_id=key_id)] if key.is_active else []


def evolve(key: EmbedKey, event: EventPayload) -> EmbedKey:
    """The key after the event."""
    match event:
        case EmbedKeyCreated():
            return EmbedKey(bot_id=event.bot_id, settings=_settings(event), is_active=True)
        case EmbedKeyUpdated():
            return replace(key, settings=_settings(event))
        case EmbedKeyRevoked():
            return replace(key, is_active=False)
    return key


_NO_ORIGIN = "{!r} is not a web origin: write scheme and host as in https://www.example.com, without a path."


def _settings(event: EmbedKeyCreated | EmbedKeyUpdated) -> Settings:
    return Settings(
        name=event.name,
        origins=tuple(event.origins),
        visitor_rate=event.visitor_rate,
        daily_messages=event.daily_messages,
        session_minutes=event.session_minutes,
    )


def _fields(settings: Settings) -> dict[str, Any]:
    return {
        "name": settings.name,
        "origins": list(settings.origins),
        "visitor_rate": settings.visitor_rate,
        "daily_messages": settings.daily_messages,
        "session_minutes": settings.session_minutes,
    }
