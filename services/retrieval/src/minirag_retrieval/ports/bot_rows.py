"""What is known of a bot's points in the vector engine, and which versions are or were visible."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import Connection


@dataclass(frozen=True, slots=True)
class PointsRow:
    """A row of ``bot_points`` together with the bot's generation (0 before the first activation)."""

    store_id: str
    claim: int
    generation: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A row of ``source_versions``."""

    version: int
    chunk_count: int
    from_gen: int
    to_gen: int | None


class BotRows(Protocol):
    """What is known of a bot's points, and attempts at activations."""

    async def read(self, connection: Connection, bot_id: UUID) -> PointsRow | None:
        """Without lock; None for a bot that knows nothing."""
        ...

    async def lock(
        self, connection: Connection, scope: TenantScope, bot_id: UUID, store_id: str
    ) -> PointsRow:
        """Locks the bot's row until the transaction ends; makes it, with this store, where there is none."""
        ...

    async def restored(self, connection: Connection, bot_id: UUID, store_id: str) -> None:
        """The store holds all of the bot's points."""
        ...

    async def version(self, connection: Connection, source_id: UUID, version: int) -> VersionRow | None:
        """A version, if it was ever visible."""
        ...

    async def next_claim(self, connection: Connection, bot_id: UUID) -> int:
        """A claim higher than all before."""
        ...

    async def visible(self, connection: Connection, source_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Source → its visible version, for those that have one."""
        ...

    async def hidden(self, connection: Connection, source_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Source → the version up to which it is hidden, for those that ever were."""
        ...

    async def prepare(
        self, connection: Connection, scope: TenantScope, bot_id: UUID, versions: Mapping[UUID, int]
    ) -> int:
        """Notes an attempt at these versions (by source) and answers its claim."""
        ...

    async def preparations(self, connection: Connection, bot_id: UUID) -> dict[int, set[UUID]]:
        """Claim → sources of the attempts that are not finished."""
        ...

    async def prepared(self, connection: Connection, bot_id: UUID, claim: int) -> None:
        """Forgets the attempts up to a claim: finished, or taken back."""
        ...

    async def generations(self, connection: Connection) -> int:
        """The generations of all bots of the tenant together."""
        ...

    async def every_bot(self) -> list[tuple[TenantScope, UUID, str]]:
        """All bots of all tenants with the store that holds their points (system role)."""
        ...
