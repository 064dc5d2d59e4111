"""Makes a staged version visible and the one before invisible, in one step (see ``switching`` for how)."""

from dataclasses import replace
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.requests.retrieval import Activated, ActivateVersion
from minirag_eventstore import Connection, EventStore, Transaction

from minirag_retrieval import domain
from minirag_retrieval.commands.collection import collect_work
from minirag_retrieval.commands.points import BotPoints
from minirag_retrieval.commands.staging import chunk_id_of
from minirag_retrieval.commands.switching import Switches
from minirag_retrieval.ports import BotRows, ChunkRows


class Activations:
    """Answers ActivateVersion."""

    def __init__(
        self, store: EventStore, rows: ChunkRows, bots: BotRows, points: BotPoints, switches: Switches
    ) -> None:
        self._store = store
        self._rows = rows
        self._bots = bots
        self._points = points
        self._switches = switches

    async def activate(self, request: ActivateVersion, context: Context) -> Activated:
        """A version that was activated before answers what it answered then."""
        return await self._switches.run(
            context.scope, request.bot_id, lambda: self._activate_once(request, context)
        )

    async def _activate_once(self, request: ActivateVersion, context: Context) -> Activated:
        async with self._store.transaction(context.scope) as transaction:
            row = await self._switches.lock(transaction.connection, context.scope, request.bot_id)
            if done := await self._done(transaction.connection, request):
                return done
            wish = await self._wish(transaction.connection, request)
            state = await self._switches.state(transaction.connection, row, [request.source_id])
            domain.check(state, wish)
            claim = await self._bots.prepare(
                transaction.connection, context.scope, request.bot_id, {request.source_id: request.version}
            )
        async with self._store.transaction(context.scope) as transaction:
            return await self._carry_out(transaction, request, context, claim)

    async def _carry_out(
        self, transaction: Transaction, request: ActivateVersion, context: Context, claim: int
    ) -> Activated:
        connection, scope = transaction.connection, context.scope
        row = await self._switches.lock(connection, scope, request.bot_id)
        if done := await self._done(connection, request):
            return done
        await self._switches.clear(connection, scope, request.bot_id, row, claim)
        state = await self._switches.state(connection, row, [request.source_id])
        wish = await self._wish(connection, request)
        opened, closed = await self._difference(connection, scope, request)
        events = domain.decide(state, wish, domain.Change(added=len(opened), removed=len(closed)))
        generation = state.generation + 1
        await self._points.prepare(connection, scope, claim, opened, closed, generation)
        await self._rows.mark(connection, opened, closed, generation)
        await transaction.append(context, domain.stream_of(request.bot_id), state.generation, events)
        await self._bots.prepared(connection, request.bot_id, claim)
        if state.active:
            await transaction.add_work(**collect_work(request.source_id, request.version))
        return Activated(generation=generation, chunk_count=request.chunk_count)

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
        return opened, sorted((await self._rows.current(connection, [source_id])).keys() - kept)

    async def _restage(
        self, connection: Connection, scope: TenantScope, version: int, ended: list[UUID]
    ) -> None:
        """Chunks that were current when they were staged and are no more: they get a new life under a new id."""
        for old in await self._rows.chunks(connection, ended):
            fresh = chunk_id_of(old.source_id, version, old.content_hash)
            new = replace(old, chunk_id=fresh, from_gen=None, to_gen=None)
            await self._rows.restage(connection, scope, version, old.chunk_id, new)

    async def _wish(self, connection: Connection, request: ActivateVersion) -> domain.Activation:
        staged = await self._rows.staged(connection, request.source_id, request.version, request.chunk_count)
        return domain.Activation(staged=staged, **request.model_dump())

    async def _done(self, connection: Connection, request: ActivateVersion) -> Activated | None:
        row = await self._bots.version(connection, request.source_id, request.version)
        return Activated(generation=row.from_gen, chunk_count=row.chunk_count) if row else None
