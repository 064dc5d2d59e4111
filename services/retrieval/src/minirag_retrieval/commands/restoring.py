"""Notices that the engine lost points, and fills them in again from Postgres; no chunk is embedded for that."""

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
        self._whole: str | None = None
        self._waiting = 0

    async def look(self) -> None:
        """Every bot once for each store; nothing but a question to the engine while the store stays the same."""
        store_id = (await self._index.status()).store_id
        if store_id == self._whole:
            return
        lost = [
            (scope, bot_id)
            for scope, bot_id, known in await self._bots.every_bot()
            if known != store_id or not await self._is_complete(scope, bot_id)
        ]
        self._waiting = len(lost)
        for scope, bot_id in lost:
            await self._restore(scope, bot_id)
            self._waiting -= 1
        self._whole = store_id

    async def check(self) -> None:
        """Raises while the engine is away or incomplete."""
        await self._index.status()
        if self._waiting:
            raise IndexIncomplete(f"The vectors of {self._waiting} bots are being restored.")

    async def _is_complete(self, scope: TenantScope, bot_id: UUID) -> bool:
        async with self._store.database.tenant(scope) as connection:
            expected = await self._rows.count(connection, bot_id)
        return await self._index.count(scope, bot_id) >= expected

    async def _restore(self, scope: TenantScope, bot_id: UUID) -> None:
        async with self._store.transaction(scope) as transaction:
            connection = transaction.connection
            await self._bots.lock(connection, scope, bot_id, self._index.store_id or "")
            claim = await self._bots.next_claim(connection, bot_id)
            await self._points.restore(connection, scope, bot_id, claim)
