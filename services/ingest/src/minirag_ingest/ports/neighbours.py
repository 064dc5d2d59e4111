"""Other services, the bus and the machine."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.requests.retrieval import Activated, Chunk
from minirag_contracts.signals import Progress
from minirag_eventstore import Transaction


@dataclass(frozen=True, slots=True)
class Target:
    """The version of a source that is being made."""

    bot_id: UUID
    source_id: UUID
    version: int


class Index(Protocol):
    """Retrieval. Raises Unavailable when it does not answer, Busy when it can do no more at the moment, TemporaryFailure and
    LastingFailure for what it refuses.
    """

    async def stage(self, context: Context, target: Target, chunks: Sequence[Chunk]) -> int:
        """Takes in one batch, invisibly; safe to repeat. Answers how many chunks had to be embedded."""

    async def activate(self, context: Context, target: Target, chunk_count: int) -> Activated:
        """Makes the version visible in one step; safe to repeat."""

    async def hide(self, context: Context, bot_id: UUID, versions: Mapping[UUID, int]) -> None:
        """When it returns, no version of these sources up to the given one is found, now or later; safe to repeat."""


class ProgressSignal(Protocol):
    """Tells whoever listens at this moment how far an ingestion has come."""

    async def tell(self, scope: TenantScope, progress: Progress) -> None:
        """Best effort; never raises for a bus that is away."""


class Bots(Protocol):
    """Which bots are active: what events have told, and their owner for those that events have not told yet."""

    async def is_active(self, context: Context, bot_id: UUID) -> bool:
        """Whether the tenant has this bot and it is active; raises Unavailable when nobody can tell."""


class Transfer(Protocol):
    """Where uploads wait for their owner."""

    async def read(self, object_name: str, limit: int) -> bytes:
        """The bytes, at most ``limit`` + 1 of them; raises UploadGone."""

    def stream(self, object_name: str) -> AsyncIterator[bytes]:
        """All bytes, as they come; raises UploadGone."""

    async def discard(self, object_name: str) -> None:
        """Deletes them; a failure to do so is logged, since they expire anyway."""


class Disk(Protocol):
    """The disk that everything is kept on."""

    def free(self) -> int:
        """Bytes."""


class Runner(Protocol):
    """Runs leased work."""

    async def add(self, transaction: Transaction, key: str, payload: dict[str, Any] | None = None) -> None:
        """Adds a piece of work that exists if the transaction commits, and starts it where there is room."""
