"""Makes a staged version visible in one step.

1. An attempt is noted and committed (``preparations``), with a claim higher than all before.
2. Under the lock of the bot's row, points are marked for generation G+1, which no search reads yet. Marks that an
   attempt left which died are taken back before: they were made for the same G+1.
3. One transaction raises the generation and appends the event.

It may die anywhere: nothing can be seen, and the repetition gives the same. A process that is thought dead and is not
cannot do harm either: the engine ignores marks with a lower claim.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from weakref import WeakValueDictionary

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import Conflict
from minirag_contracts.requests.retrieval import Activated, ActivateVersion
from minirag_eventstore import Connection, EventStore, Transaction, VersionConflict

from minirag_retrieval import domain
from minirag_retrieval.commands.collection import COLLECT
from minirag_retrieval.commands.points import BotPoints
from minirag_retrieval.commands.staging import chunk_id_of
from minirag_retrieval.ports import BotRows, ChunkRows, PointsRow, VectorIndex

ATTEMPTS = 8
AT_ONCE = 4
"""Activations at a time in this process: each holds a connection while it prepares points."""
COLLECT_AFTER = timedelta(minutes=1)
"""Longer than any search that began before may still need the points of the version before."""


class Activations:
    """Answers ActivateVersion."""

    def __init__(
        self, store: EventStore, rows: ChunkRows, bots: BotRows, index: VectorIndex, points: BotPoints
    ) -> None:
        self._store = store
        self._rows = rows
        self._bots = bots
        self._index = index
        self._points = points
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def activate(self, request: ActivateVersion, context: Context) -> Activated:
        """A version that was activated before answers what it answered then."""
        async with self._turn(request.bot_id):
            for attempt in range(ATTEMPTS):
                try:
                    return await self._activate_once(request, context)
                except VersionConflict:
                    await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # no secret
        raise Conflict

    async def _activate_once(self, request: ActivateVersion, context: Context) -> Activated:
        await self._index.status()
        async with self._store.transaction(context.scope) as transaction:
            row = await self._lock(transaction.connection, context.scope, request.bot_id)
            if done := await self._done(transaction.connection, request):
                return done
            wish = await self._wish(transaction.connection, request)
            domain.check(await self._state(transaction.connection, row, request.source_id), wish)
            claim = await self._bots.prepare(
                transaction.connection, context.scope, request.bot_id, request.source_id, request.version
            )
        async with self._store.transaction(context.scope) as transaction:
            return await self._carry_out(transaction, request, context, claim)

    async def _carry_out(
        self, transaction: Transaction, request: ActivateVersion, context: Context, claim: int
    ) -> Activated:
        connection, scope = transaction.connection, context.scope
        row = await self._lock(connection, scope, request.bot_id)
        if done := await self._done(connection, request):
            return done
        await self._clear(connection, scope, request, row, claim)
        state = await self._state(connection, row, request.source_id)
        wish = await self._wish(connection, request)
        opened, closed = await self._difference(connection, scope, request)
        events = domain.decide(state, wish, domain.Change(added=len(opened), removed=len(closed)))
        generation = state.generation + 1
        await self._points.prepare(connection, scope, claim, opened, closed, generation)
        await self._rows.mark(connection, opened, closed, generation)
        await transaction.append(context, domain.stream_of(request.bot_id), state.generation, events)
        await self._bots.prepared(connection, request.bot_id, claim)
        if state.active:
            await transaction.add_work(
                COLLECT,
                f"{request.source_id}:{request.version}",
                due=datetime.now(UTC) + COLLECT_AFTER,
                payload={"source_id": str(request.source_id)},
            )
        return Activated(generation=generation, chunk_count=request.chunk_count)

    async def _clear(
        self, connection: Connection, scope: TenantScope, request: ActivateVersion, row: PointsRow, claim: int
    ) -> None:
        """Brings the bot's points to the state in which nobody is preparing anything."""
        attempts = await self._bots.preparations(connection, request.bot_id)
        if claim not in attempts:
            raise VersionConflict("another attempt took this one for dead")
        if row.store_id != self._index.store_id:
            await self._points.restore(connection, scope, request.bot_id, claim)
        left = {source for other, source in attempts.items() if other < claim}
        await self._points.take_back(connection, scope, claim, sorted(left))

    async def _difference(
        self, connection: Connection, scope: TenantScope, request: ActivateVersion
    ) -> tuple[list[UUID], list[UUID]]:
        """The chunks that appear, and those that disappear."""
        source_id, version = request.source_id, request.version
        await self._rows.truncate(connection, source_id, version, request.chunk_count)
        members = await self._rows.members(connection, source_id, version)
        if ended := [member.chunk_id for member in members if member.to_gen is not None]:
            await self._restage(connection, scope, version, ended)
            members = await self._rows.members(connection, source_id, version)
        opened = [member.chunk_id for member in members if member.from_gen is None]
        kept = {member.chunk_id for member in members}
        return opened, sorted(await self._rows.current(connection, source_id) - kept)

    async def _restage(
        self, connection: Connection, scope: TenantScope, version: int, ended: list[UUID]
    ) -> None:
        """Chunks that were current when they were staged and are no more: they get a new life under a new id."""
        for old in await self._rows.chunks(connection, ended):
            fresh = chunk_id_of(old.source_id, version, old.content_hash)
            new = replace(old, chunk_id=fresh, from_gen=None, to_gen=None)
            await self._rows.restage(connection, scope, version, old.chunk_id, new)

    async def _state(self, connection: Connection, row: PointsRow, source_id: UUID) -> domain.IndexState:
        """From the inline projections, which the row's lock keeps as they are: as good as folding the stream."""
        active = await self._bots.active(connection, source_id)
        return domain.IndexState(row.generation, {source_id: active.version} if active else {})

    async def _wish(self, connection: Connection, request: ActivateVersion) -> domain.Activation:
        staged = await self._rows.staged(connection, request.source_id, request.version, request.chunk_count)
        return domain.Activation(staged=staged, **request.model_dump())

    async def _done(self, connection: Connection, request: ActivateVersion) -> Activated | None:
        row = await self._bots.version(connection, request.source_id, request.version)
        return Activated(generation=row.from_gen, chunk_count=row.chunk_count) if row else None

    async def _lock(self, connection: Connection, scope: TenantScope, bot_id: UUID) -> PointsRow:
        return await self._bots.lock(connection, scope, bot_id, self._index.store_id or "")

    @asynccontextmanager
    async def _turn(self, bot_id: UUID) -> AsyncIterator[None]:
        """One activation of a bot at a time in this process, without a connection while it waits."""
        lock = self._locks.setdefault(bot_id, asyncio.Lock())
        async with lock, self._room:
            yield
