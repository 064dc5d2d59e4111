"""What the use cases need from outside, in their own words."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeVar
from uuid import UUID

from minirag_contracts.cloud_events import CloudEvent
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.events.gateway import Role, Scope
from minirag_contracts.frames import Frame
from minirag_contracts.requests import Reply, Request
from minirag_contracts.requests.bots import BotFace
from minirag_contracts.requests.chat import TurnRead
from minirag_contracts.requests.common import AuditRead, AuditReply
from minirag_contracts.requests.gateway import TenantFound
from minirag_contracts.signals import Progress
from minirag_eventstore import Connection, Transaction

from minirag_gateway.domain.upload import Refused, Upload

R = TypeVar("R", bound=Reply)


class PasswordHasher(Protocol):
    """Makes password hashes that are slow to guess."""

    async def hash(self, password: str) -> str:
        """The hash with its parameters, in PHC string form."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it is this password; takes as long where there is no hash to compare with, and says no."""
        ...


class Store(Protocol):
    """Where commands take effect once, and where a tenant's rows are read. Unavailable while it cannot be reached."""

    async def execute(
        self, context: Context, request: Request, action: Callable[[Transaction], Awaitable[R]]
    ) -> R:
        """See ``EventStore.execute``."""
        ...

    def transaction(self, scope: TenantScope) -> AbstractAsyncContextManager[Transaction]:
        """See ``EventStore.transaction``."""
        ...

    def reading(self, scope: TenantScope) -> AbstractAsyncContextManager[Connection]:
        """A transaction that sees one tenant's rows."""
        ...


class Lookup(NamedTuple):
    """By what a credential is found: the hash of a token, the id of a session or of an embed key."""

    kind: Literal["token", "session", "embed_key"]
    key: str


@dataclass(frozen=True, slots=True)
class CredentialRecord:
    """All that is known of a credential, its user and its tenant, in one look. An embed key has no user."""

    credential_id: UUID
    is_active: bool
    expires_at: datetime | None
    tenant_id: UUID
    tenant_name: str
    tenant_slug: str
    tenant_plan: str
    tenant_active: bool
    user_id: UUID | None = None
    role: Role | None = None
    user_active: bool = False
    scopes: list[Scope] | None = None
    bot_id: UUID | None = None
    origins: tuple[str, ...] = ()
    visitor_rate: int = 0


@dataclass(frozen=True, slots=True)
class TokenUse:
    """A token was used at that moment."""

    token_id: UUID
    tenant_id: UUID
    used_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody whom an address may mean, with what a login has to compare."""

    tenant_id: UUID
    tenant_active: bool
    user_id: UUID
    user_active: bool
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An embed key as a visitor's page presents it."""

    tenant_id: UUID
    tenant_active: bool
    key_id: UUID
    bot_id: UUID
    origins: tuple[str, ...]
    session_minutes: int


class Credentials(Protocol):
    """The named look-ups before a tenant is known, and the notes of use. Unavailable while the store is away."""

    async def find(self, lookup: Lookup) -> CredentialRecord | None:
        """The credential, of whatever tenant."""
        ...

    async def accounts(self, email: str, tenant_slug: str | None) -> list[Account]:
        """Everybody with this address, in one tenant if it is named."""
        ...

    async def session_tenant(self, session_id: UUID) -> UUID | None:
        """Whose session it is."""
        ...

    async def reset_tenant(self, secret_hash: str) -> UUID | None:
        """Whose password reset it is."""
        ...

    async def public_key(self, key: str) -> PublicKey | None:
        """An active embed key by its public text."""
        ...

    async def is_erased(self, scope: TenantScope, actor: str) -> bool:
        """Whether a person of this tenant was erased lately."""
        ...

    async def is_embed_origin(self, origin: str) -> bool:
        """Whether any active embed key serves pages of this origin."""
        ...

    async def find_tenant(self, slug_or_id: str) -> TenantFound | None:
        """A tenant by what an operator knows of it."""
        ...

    async def tenants(self, after: tuple[datetime, UUID] | None, limit: int) -> list[TenantFound]:
        """Tenants older than that one, newest first."""
        ...

    async def note_uses(self, uses: Sequence[TokenUse]) -> None:
        """Moves ``last_used_at`` forward."""
        ...


class Bots(Protocol):
    """What chat knows of bots. Both refuse as chat refuses, Unavailable while it does not answer."""

    async def face(self, context: Context, bot_id: UUID) -> BotFace:
        """What everybody may know of an active bot."""
        ...

    async def identify(self, context: Context, bot_id: UUID, identity: str) -> UUID:
        """The visitor that the bot's site vouches for."""
        ...


class Signer(Protocol):
    """Makes and reads the tokens that carry their own proof."""

    def sign(self, audience: str, claims: dict[str, Any], expires_at: datetime) -> str:
        """A JWT (RFC 7519) for one audience."""
        ...

    def read(self, token: str, audiences: Sequence[str]) -> dict[str, Any]:
        """The claims; raises InvalidJwt for anything that is not a valid token of ours for one of these audiences."""
        ...

    def refresh_token(self, session_id: UUID, generation: int) -> str:
        """The refresh token of one generation of a session: the same at every call."""
        ...

    def read_refresh_token(self, token: str) -> tuple[UUID, int]:
        """Session and generation; raises InvalidRefreshToken."""
        ...

    def csrf_token(self, session_id: UUID) -> str:
        """What a page of ours shows beside the cookie of this session, to tell that it can read our answers."""
        ...

    def is_csrf_token(self, session_id: UUID, token: str) -> bool:
        """Whether this is that token, under any key that is in use; compared in constant time."""
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


class AuditLogs(Protocol):
    """The owners' audit logs."""

    async def read(self, context: Context, owner: str, question: AuditRead) -> AuditReply:
        """One owner's entries, newest first; Unavailable while it is away."""
        ...


@dataclass(frozen=True, slots=True)
class NewUpload:
    """An upload that begins; its fields are those of ``Upload``."""

    upload_id: UUID
    actor: str
    via: str
    bot_id: UUID
    parent_id: UUID | None
    name: str
    description: str
    filename: str
    metadata: str
    length: int


class UploadRows(Protocol):
    """Uploads that go on after a break, of the transaction's tenant. One that has expired is not there."""

    async def add(self, tx: Transaction, new: NewUpload) -> None:
        """Begins it."""
        ...

    async def lock_open(self, tx: Transaction) -> None:
        """Until the transaction ends, nobody else begins one."""
        ...

    async def count_open(self, connection: Connection) -> int:
        """How many are unfinished."""
        ...

    async def get(self, connection: Connection, upload_id: UUID) -> Upload | None:
        """One of them."""
        ...

    async def page(
        self, connection: Connection, limit: int, cursor: str | None
    ) -> tuple[list[Upload], str | None]:
        """Newest first, and the cursor of what follows."""
        ...

    async def append(self, tx: Transaction, upload_id: UUID, at: int, data: bytes) -> bool:
        """Keeps a piece and moves the offset over it; False if that is not ``at`` (any more)."""
        ...

    def read(self, scope: TenantScope, upload: Upload) -> AsyncIterator[bytes]:
        """The file, piece by piece; fails where one is missing."""
        ...

    async def end(
        self,
        tx: Transaction,
        upload_id: UUID,
        *,
        source_id: UUID | None = None,
        refusal: Refused | None = None,
    ) -> None:
        """Notes what has become of it, and forgets its bytes."""
        ...

    async def remove(self, tx: Transaction, upload_id: UUID) -> None:
        """Forgets it and its bytes."""
        ...


class Handover(Protocol):
    """Whoever makes sources of files."""

    async def give(self, context: Context, upload: Upload, chunks: AsyncIterator[bytes]) -> UUID:
        """The id of the source, the same for the same command; raises what is refused, and Unavailable."""
        ...
