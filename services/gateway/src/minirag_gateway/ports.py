"""What the use cases need from outside, in their own words."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from minirag_contracts.cloud_events import CloudEvent
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.events.gateway import Role, Scope
from minirag_contracts.frames import Frame
from minirag_contracts.requests import Reply, Request
from minirag_contracts.requests.chat import TurnRead
from minirag_contracts.requests.common import AuditRead, AuditReply
from minirag_contracts.signals import Progress
from minirag_eventstore import Transaction

from minirag_gateway.domain.principal import Principal

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


@dataclass(frozen=True, slots=True)
class EventPage:
    """A tenant's events of one owner with their positions, in order; read on after ``head``, at once if there is ``more``."""

    owner: str
    events: Sequence[tuple[int, CloudEvent]]
    head: int
    more: bool


class TenantEvents(Protocol):
    """A tenant's events: their owners have them, the bus tells when to look."""

    async def page(
        self, context: Context, owner: str, after: int, patterns: Sequence[str], limit: int
    ) -> EventPage:
        """The tenant's events after a position; Unavailable while the owner is away."""
        ...

    async def start(self, context: Context, owner: str, since: datetime | None, timeout: float) -> int:
        """The position from which to read what was recorded since a moment, or (None) what comes next."""
        ...

    def woken(
        self, scope: TenantScope, wake: Callable[[str | None], None]
    ) -> AbstractAsyncContextManager[None]:
        """Calls ``wake(owner)`` when an owner has something new, and ``wake(None)`` when anything may have been missed."""
        ...

    def progress(
        self, scope: TenantScope, take: Callable[[Progress], None]
    ) -> AbstractAsyncContextManager[None]:
        """Calls ``take`` as the tenant's ingestions come along; what is missed is not repeated."""
        ...


class Standing(Protocol):
    """Whether somebody may go on with what they were allowed to begin."""

    async def ended(self, principal: Principal) -> None:
        """Returns, within a second, once the principal is not what it was: its credential revoked or expired, its user or
        tenant disabled, its role another. Waits for ever otherwise.
        """
        ...


class AuditLogs(Protocol):
    """The owners' audit logs."""

    async def read(self, context: Context, owner: str, question: AuditRead) -> AuditReply:
        """One owner's entries, newest first; Unavailable while it is away."""
        ...
