"""Events of identity: who may use the product. E-mail addresses and secrets are content, not events."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from minirag_contracts.events.base import EventPayload, upcaster

Role = Literal["owner", "admin", "member"]

Scope = Literal["chat", "read", "write", "admin"]
"""What an API token lets through of what its user may do."""

SessionEnd = Literal["logout", "password_changed", "deactivated", "reused"]
"""Why a session ended; ``reused``: a refresh token was shown that had been exchanged before, so it was stolen or lost."""


class TenantCreated(EventPayload):
    """An organisation signed up."""

    type: ClassVar[str] = "tenant.created"
    owner: ClassVar[str] = "gateway"

    name: str
    slug: str
    plan: str = "free"


class TenantUpdated(EventPayload):
    """An organisation has another name."""

    type: ClassVar[str] = "tenant.updated"
    owner: ClassVar[str] = "gateway"

    name: str


class TenantSuspended(EventPayload):
    """The operator serves this organisation no more, until it is resumed."""

    type: ClassVar[str] = "tenant.suspended"
    owner: ClassVar[str] = "gateway"


class TenantResumed(EventPayload):
    """The operator serves this organisation again."""

    type: ClassVar[str] = "tenant.resumed"
    owner: ClassVar[str] = "gateway"


class TenantErased(EventPayload):
    """This organisation is served never again: every service erases what it has of it but the events."""

    type: ClassVar[str] = "tenant.erased"
    owner: ClassVar[str] = "gateway"


class UserCreated(EventPayload):
    """Somebody may act for a tenant. The address lies in content; the hash is salted."""

    type: ClassVar[str] = "user.created"
    owner: ClassVar[str] = "gateway"

    user_id: UUID
    role: Role
    email_hash: str


class UserUpdated(EventPayload):
    """Somebody has another address or another name, both of which are content."""

    type: ClassVar[str] = "user.updated"
    owner: ClassVar[str] = "gateway"

    user_id: UUID
    email_hash: str


class UserRoleChanged(EventPayload):
    """Somebody may do more, or less."""

    type: ClassVar[str] = "user.role.changed"
    owner: ClassVar[str] = "gateway"

    user_id: UUID
    role: Role


class UserDeactivated(EventPayload):
    """Somebody may do nothing any more; their tokens and sessions are worth nothing meanwhile."""

    type: ClassVar[str] = "user.deactivated"
    owner: ClassVar[str] = "gateway"

    user_id: UUID


class UserActivated(EventPayload):
    """Somebody who was deactivated may act again."""

    type: ClassVar[str] = "user.activated"
    owner: ClassVar[str] = "gateway"

    user_id: UUID


class UserPasswordChanged(EventPayload):
    """Somebody has another password: their own choice, an administrator's, or by a reset link."""

    type: ClassVar[str] = "user.password.changed"
    owner: ClassVar[str] = "gateway"

    user_id: UUID
    how: Literal["own", "administrator", "reset"]


class UserResetIssued(EventPayload):
    """An administrator made a link by which somebody may choose a password; its secret is content."""

    type: ClassVar[str] = "user.reset.issued"
    owner: ClassVar[str] = "gateway"

    user_id: UUID
    reset_id: UUID
    expires_at: datetime


class SessionStarted(EventPayload):
    """Somebody logged in."""

    type: ClassVar[str] = "user.session.started"
    owner: ClassVar[str] = "gateway"

    user_id: UUID
    session_id: UUID
    expires_at: datetime


class SessionEnded(EventPayload):
    """A login is worth nothing any more."""

    type: ClassVar[str] = "user.session.ended"
    owner: ClassVar[str] = "gateway"

    user_id: UUID
    session_id: UUID
    reason: SessionEnd


class TokenCreated(EventPayload):
    """An API token was handed out, once. ``scopes`` None: it may do what its user may."""

    type: ClassVar[str] = "token.created"
    owner: ClassVar[str] = "gateway"
    schema_version: ClassVar[int] = 2
    internal: ClassVar[frozenset[str]] = frozenset({"token_hash"})

    token_id: UUID
    user_id: UUID
    name: str
    token_prefix: str
    token_hash: str
    scopes: list[Scope] | None
    expires_at: datetime | None = None


@upcaster("token.created", 1)
def _without_scopes(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 a token could do what its user could."""
    return {**data, "scopes": None}


class TokenRevoked(EventPayload):
    """An API token is worth nothing any more."""

    type: ClassVar[str] = "token.revoked"
    owner: ClassVar[str] = "gateway"

    token_id: UUID


class EmbedKeySettings(EventPayload):
    """What an embed key is good for: one bot, on pages of these origins, so much."""

    owner: ClassVar[str] = "gateway"

    key_id: UUID
    name: str
    origins: list[str]
    """Web origins (``https://example.com``), exactly as browsers send them."""
    visitor_rate: int
    """Messages of one visitor a minute at most."""
    daily_messages: int
    """Messages of all visitors a UTC day at most."""
    session_minutes: int
    """How long a visitor's session lasts before it has to be renewed, 60 at most."""


class EmbedKeyCreated(EmbedKeySettings):
    """A web page may show a bot. The key is meant to be published, so it may be in the event."""

    type: ClassVar[str] = "embed_key.created"

    bot_id: UUID
    key: str


class EmbedKeyUpdated(EmbedKeySettings):
    """An embed key is good for something else; the event has the whole, not the difference."""

    type: ClassVar[str] = "embed_key.updated"


class EmbedKeyRevoked(EventPayload):
    """An embed key and every session of its visitors are worth nothing any more."""

    type: ClassVar[str] = "embed_key.revoked"
    owner: ClassVar[str] = "gateway"

    key_id: UUID
