"""What the use cases need from outside, in their own words."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.events.gateway import Role, Scope
from minirag_contracts.frames import Frame
from minirag_contracts.requests import Reply, Request
from minirag_contracts.requests.chat import TurnRead
from minirag_eventstore import Transaction

R = TypeVar("R", bound=Reply)


class PasswordHasher(Protocol):
    """Makes password hashes that are slow to guess."""

    async def hash(self, password: str) -> str:
        """The hash with its parameters, in PHC string form."""
        ...


class Store(Protocol):
    """Where commands take effect once."""

    async def execute(
        self, context: Context, request: Request, action: Callable[[Transaction], Awaitable[R]]
    ) -> R:
        """See ``EventStore.execute``; Unavailable while the store cannot be reached."""
        ...


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """All that is known of an API token, its user and its tenant, in one look."""

    token_id: UUID
    tenant_id: UUID
    user_id: UUID
    role: Role | None
    token_active: bool
    user_active: bool
    tenant_active: bool
    tenant_name: str
    tenant_slug: str
    tenant_plan: str
    scopes: list[Scope] | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenUse:
    """A token was used at that moment."""

    token_id: UUID
    tenant_id: UUID
    used_at: datetime


class Credentials(Protocol):
    """The named look-up before authentication, and the notes of use."""

    async def find_token(self, token_hash: str) -> TokenRecord | None:
        """The token with this SHA-256 (hex), of whatever tenant; Unavailable while the store cannot be reached."""
        ...

    async def note_uses(self, uses: Sequence[TokenUse]) -> None:
        """Moves ``last_used_at`` forward."""
        ...


class Counters(Protocol):
    """Counters that all gateways share."""

    async def add(self, counter: str, amount: int, window: float) -> int:
        """The total after adding; ``counter`` is one token and lives longer than ``window`` seconds. Unavailable if unknown."""
        ...


class Invites(Protocol):
    """Invitations to sign up. Only the hashes (SHA-256, hex) of them are known."""

    async def add(self, invite_hash: str, expires_at: datetime) -> None:
        """Makes it known; a sign-up uses it in its own transaction."""
        ...


class FrameFeed(Protocol):
    """The live frames of one turn."""

    async def next(self, timeout: float) -> Frame | None:
        """The next frame, or None after ``timeout`` seconds of silence."""
        ...


class Turns(Protocol):
    """Where running and ended turns are heard of."""

    def live(self, scope: TenantScope, message_id: UUID) -> AbstractAsyncContextManager[FrameFeed]:
        """The frames from now on; subscribed once entered."""
        ...

    async def stored(self, scope: TenantScope, message_id: UUID, after: int) -> Sequence[Frame]:
        """The frames after number ``after`` that are still kept, in order."""
        ...

    async def state(self, context: Context, chat_id: UUID, message_id: UUID) -> TurnRead:
        """How the turn stands in chat's store; refuses an unknown or foreign one."""
        ...
