"""Notices that the engine lost points, and fills them in again from Postgres; no chunk is embedded for that."""

from collections.abc import Sequence
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import EventStore

from minirag_retrieval.commands.points import BotPoints
from minirag_retrieval.errors import IndexIncomplete
from minirag_retrieval.ports import BotRows, ChunkRows, VectorIndex


class Restoring:
    """``look`` is called again and again; ``check`` is the part of health."""

    def __init__(
        self, store: EventStore, rows: ChunkRows, bots: BotRows, index: VectorIndex, points: BotPoints
    ) -> None:
        self._store = store
        self._rows = rows
        self._bots = bots
        self._index = index
        self._points = points
        self._known: str | None = None
        self._whole: str | None = None
        self._waiting = 0

    async def look(self) -> None:
        """Every bot once for each store; nothing but a question to the engine while the store stays the same."""
        store_id = (await self._index.status()).store_id
        if store_id == self._whole:
            return
        bots = await self._bots.every_bot()
        lost = [(scope, bot_id) for scope, bot_id, known in bots if known != store_id]
        self._known, self._waiting = store_id, len(lost)
        await self._restore_all(lost, store_id)
        kept = [(scope, bot_id) for scope, bot_id, known in bots if known == store_id]
        incomplete = [bot for bot in kept if not await self._is_complete(*bot)]
        self._waiting = len(incomplete)
        await self._restore_all(incomplete, store_id)
        self._whole = store_id

    async def check(self) -> None:
        """Raises while the engine is away or incomplete, or nobody has looked yet whether it is."""
        if (await self._index.status()).store_id != self._known:
            raise IndexIncomplete("Nobody has looked yet whether the vectors are complete.")
        if self._waiting:
            raise IndexIncomplete(f"The vectors of {self._waiting} bots are being restored.")

    async def _is_complete(self, scope: TenantScope, bot_id: UUID) -> bool:
        async with self._store.database.tenant(scope) as connection:
            expected = await self._rows.count(connection, bot_id)
        return await self._index.count(scope, bot_id) >= expected

    async def _restore_all(self, bots: Sequence[tuple[TenantScope, UUID]], store_id: str) -> None:
        for scope, bot_id in bots:
            await self._restore(scope, bot_id, store_id)
            self._waiting -= 1

    async def _restore(self, scope: TenantScope, bot_id: UUID, store_id: str) -> None:
        """Under the lock of the bot's row, and not again what another process has restored meanwhile."""
        async with self._store.transaction(scope) as transaction:
            connection = transaction.connection
            row = await self._bots.lock(connection, scope, bot_id, store_id)
            expected = await self._rows.count(connection, bot_id)
            if row.store_id == store_id and await self._index.count(scope, bot_id) >= expected:
                return
            claim = await self._bots.next_claim(connection, bot_id)
            await self._points.restore(connection, scope, bot_id, claim)
