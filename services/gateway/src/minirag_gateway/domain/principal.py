"""Somebody who was recognised: for whom they act, what they may do, how far they see."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from minirag_contracts.context import Reach
from minirag_contracts.events.gateway import Role

from minirag_gateway.domain.access import Permission
from minirag_gateway.domain.tenant import TenantRead
from minirag_gateway.errors import Forbidden, OtherBot, PageNotServed

Kind = Literal["token", "session", "visitor"]
"""What they showed: an API token, the JWT of a login, or the JWT of a visitor's session."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who may act for a tenant.

    ``credential_id`` is the token, the session or the embed key, ``expires_at`` when what they showed ends by itself.
    A visitor has no user and no role, but a bot and an origin to which it is confined,
    and so many messages a minute (``message_rate``, 0: no number of its own).
    """

    kind: Kind
    tenant: TenantRead
    credential_id: UUID
    actor: str
    permissions: frozenset[Permission]
    reach: Reach
    user_id: UUID | None = None
    role: Role | None = None
    bot_id: UUID | None = None
    origin: str | None = None
    message_rate: int = 0
    expires_at: datetime | None = None

    @property
    def via(self) -> str:
        """How events name what was shown."""
        return f"{'embed_key' if self.kind == 'visitor' else self.kind}:{self.credential_id}"

    @property
    def power(self) -> object:
        """All that decides what they may do: equal as long as nothing about it has changed."""
        return (self.kind, self.tenant.id, self.role, self.permissions, self.reach, self.bot_id)

    def demand(self, permission: Permission) -> None:
        """Raises Forbidden unless it may do this."""
        if permission not in self.permissions:
            raise Forbidden

    def serve(self, bot_id: UUID) -> None:
        """Raises OtherBot for a visitor who asks for a bot that is not theirs."""
        if self.bot_id is not None and bot_id != self.bot_id:
            raise OtherBot

    def stand_on(self, origin: str | None) -> None:
        """Raises PageNotServed for a visitor whose page is not the one that the session was given to."""
        if self.origin is not None and origin not in (None, self.origin):
            raise PageNotServed
