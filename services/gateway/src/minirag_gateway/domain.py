"""Identity, purely: which events follow from a wish, and what state follows from events."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from minirag_contracts.errors import Conflict
from minirag_contracts.events import EventPayload
from minirag_contracts.events.gateway import Role, TenantCreated, TokenCreated, UserCreated

TOKEN_PREFIX_LENGTH = 8
"""How much of an API token may be shown again (spec §2)."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """What decisions need to know of a tenant."""

    exists: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """What decisions need to know of a user."""

    exists: bool = False
    role: Role = "member"


@dataclass(frozen=True, slots=True)
class Token:
    """What decisions need to know of an API token."""

    exists: bool = False
    user_id: UUID | None = None


def tenant_stream(tenant_id: UUID) -> str:
    """The event stream of a tenant."""
    return f"tenant-{tenant_id}"


def user_stream(user_id: UUID) -> str:
    """The event stream of a user."""
    return f"user-{user_id}"


def token_stream(token_id: UUID) -> str:
    """The event stream of an API token."""
    return f"token-{token_id}"


def token_hash(token: str) -> str:
    """What is kept of an API token: SHA-256 as hex. Enough, since 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_tenant(tenant: Tenant, *, name: str, slug: str) -> Sequence[EventPayload]:
    """An organisation signs up; whether its slug is free is known to the register of slugs, not to the tenant."""
    if tenant.exists:
        raise Conflict
    return [TenantCreated(name=name, slug=slug)]


def create_user(user: User, *, user_id: UUID, role: Role, email_hash: str) -> Sequence[EventPayload]:
    """Somebody may act for the tenant from now on."""
    if user.exists:
        raise Conflict
    return [UserCreated(user_id=user_id, role=role, email_hash=email_hash)]


def create_token(
    token: Token,
    *,
    token_id: UUID,
    user_id: UUID,
    name: str,
    prefix: str,
    token_hash: str,
    expires_at: datetime | None = None,
) -> Sequence[EventPayload]:
    """An API token is handed out; only its hash and the first characters are kept."""
    if token.exists:
        raise Conflict
    return [
        TokenCreated(
            token_id=token_id,
            user_id=user_id,
            name=name,
            token_prefix=prefix,
            token_hash=token_hash,
            expires_at=expires_at,
        )
    ]


def evolve_tenant(tenant: Tenant, event: EventPayload) -> Tenant:
    """The tenant after the event."""
    return Tenant(exists=True) if isinstance(event, TenantCreated) else tenant


def evolve_user(user: User, event: EventPayload) -> User:
    """The user after the event."""
    return User(exists=True, role=event.role) if isinstance(event, UserCreated) else user


def evolve_token(token: Token, event: EventPayload) -> Token:
    """The token after the event."""
    return Token(exists=True, user_id=event.user_id) if isinstance(event, TokenCreated) else token
