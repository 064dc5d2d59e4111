"""Raises a bot's generation, by which a version becomes visible or sources become hidden, in one step.

1. An attempt is noted and committed (``preparations``), with a claim higher than all before.
2. Under the lock of the bot's row, points are marked for generation G+1, which no search reads yet. Marks that an
   attempt left which died are taken back before: they were made for the same G+1.
3. One transaction raises the generation and appends the event.

It may die anywhere: nothing can be seen, and the repetition gives the same. A process that is thought dead and is not
cannot do harm either: the engine ignores marks with a lower claim.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from minirag_contracts.context import TenantScope
from minirag_contracts.errors import Conflict
from minirag_eventstore import Connection, VersionConflict
from minirag_messaging.turnstile import Turnstile

from minirag_retrieval import domain
from minirag_retrieval.commands.points import BotPoints
from minirag_retrieval.ports import BotRows, PointsRow, VectorIndex

R = TypeVar("R")

ATTEMPTS = 8
AT_ONCE, SHARE = 4, 2
"""Switches at a time in this process, and of one tenant: each holds a connection while it prepares points."""


class Switches:
    """What an activation and a hiding have in common."""

    def __init__(self, bots: BotRows, index: VectorIndex, points: BotPoints) -> None:
        self._bots = bots
        self._index = index
        self._points = points
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._room = Turnstile(AT_ONCE, SHARE)

    async def run(self, scope: TenantScope, bot_id: UUID, once: Callable[[], Awaitable[R]]) -> R:
        """Tries until nobody else was first; raises Unavailable without engine, and Conflict in the end."""
        async with self._turn(scope, bot_id):
            for attempt in range(ATTEMPTS):
                try:
                    await self._index.status()
                    return await once()
                except VersionConflict:
                    await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # no secret
        raise Conflict

    async def lock(self, connection: Connection, scope: TenantScope, bot_id: UUID) -> PointsRow:
        """Locks the bot's row until the transaction ends."""
        return await self._bots.lock(connection, scope, bot_id, self._index.store_id or "")

    async def clear(
        self, connection: Connection, scope: TenantScope, bot_id: UUID, row: PointsRow, claim: int
    ) -> None:
        """Brings the bot's points to the state in which nobody is preparing anything."""
        attempts = await self._bots.preparations(connection, bot_id)
        if claim not in attempts:
            raise VersionConflict("another attempt took this one for dead")
        if row.store_id != self._index.store_id:
            await self._points.restore(connection, scope, bot_id, claim)
        left = {source for other, sources in attempts.items() if other < claim for source in sources}
        await self._points.take_back(connection, scope, claim, sorted(left))

    async def state(
        self, connection: Connection, row: PointsRow, source_ids: Sequence[UUID]
    ) -> domain.IndexState:
        """From the inline projections, which the row's lock keeps as they are: as good as folding the stream."""
        visible = await self._bots.visible(connection, source_ids)
        hidden = await self._bots.hidden(connection, source_ids)
        return domain.IndexState(row.generation, visible, hidden)

    async def seen(
        self, connection: Connection, bot_id: UUID, source_ids: Sequence[UUID]
    ) -> domain.IndexState:
        """As ``state`` without the lock: what it says is hidden is hidden at its generation, which may be a later one."""
        visible = await self._bots.visible(connection, source_ids)
        hidden = await self._bots.hidden(connection, source_ids)
        # The generation is read last: one that was read before a hiding committed would not be the hiding's.
        row = await self._bots.read(connection, bot_id)
        return domain.IndexState(row.generation if row else 0, visible, hidden)

    @asynccontextmanager
    async def _turn(self, scope: TenantScope, bot_id: UUID) -> AsyncIterator[None]:
        """One switch of a bot at a time in this process, without a connection while it waits."""
        lock = self._locks.setdefault(bot_id, asyncio.Lock())
        async with lock, self._room.turn_of(scope):
            yield
