"""The API token: 256 random bits that act for a user."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from minirag_contracts.errors import Conflict
from minirag_contracts.events import EventPayload
from minirag_contracts.events.gateway import Scope, TokenCreated, TokenRevoked

from minirag_gateway.errors import TokenNotFound

PREFIX_LENGTH = 8
"""How much of an API token may be shown again (spec §2)."""


@dataclass(frozen=True, slots=True)
class Token:
    """What decisions need to know of an API token."""

    exists: bool = False
    is_active: bool = False


def stream_of(token_id: UUID) -> str:
    """The event stream of an API token."""
    return f"token-{token_id}"


def hashed(secret: str) -> str:
    """What is kept of a secret that we made: SHA-256 as hex. Enough, since nobody guesses so many random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(
    token: Token,
    *,
    token_id: UUID,
    user_id: UUID,
    name: str,
    secret: str,
    scopes: list[Scope] | None = None,
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
            token_prefix=secret[:PREFIX_LENGTH],
            token_hash=hashed(secret),
            scopes=scopes,
            expires_at=expires_at,
        )
    ]


def revoke(token: Token, token_id: UUID) -> Sequence[EventPayload]:
    """It is worth nothing any more; revoking it again changes nothing."""
    if not token.exists:
        raise TokenNotFound
    return [TokenRevoked(token_id=token_id)] if token.is_active else []


def evolve(token: Token, event: EventPayload) -> Token:
    """The token after the event."""
    match event:
        case TokenCreated():
            return Token(exists=True, is_active=True)
        case TokenRevoked():
            return Token(exists=True)
    return token
