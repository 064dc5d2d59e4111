"""Hides sources in one step, and keeps them hidden whatever is activated late (see ``switching`` for how)."""

from collections import Counter

from minirag_contracts.context import Context
from minirag_contracts.requests.retrieval import Hidden, HideSources
from minirag_eventstore import EventStore, Transaction

from minirag_retrieval import domain
from minirag_retrieval.commands.collection import collect_hidden_work
from minirag_retrieval.commands.points import BotPoints
from minirag_retrieval.commands.switching import Switches
from minirag_retrieval.ports import BotRows, ChunkRows


class Hidings:
    """Answers HideSources. Sources that are hidden already need no engine and change nothing."""

    def __init__(
        self, store: EventStore, rows: ChunkRows, bots: BotRows, points: BotPoints, switches: Switches
    ) -> None:
        self._store = store
        self._rows = rows
        self._bots = bots
        self._points = points
        self._switches = switches

    async def hide(self, request: HideSources, context: Context) -> Hidden:
        """When it answers, no search finds anything of these sources up to the given versions."""
        if (done := await self._done(request, context)) is not None:
            return done
        return await self._switches.run(
            context.scope, request.bot_id, lambda: self._hide_once(request, context)
        )

    async def _done(self, request: HideSources, context: Context) -> Hidden | None:
        wishes = _wishes(request)
        async with self._store.transaction(context.scope) as transaction:
            connection = transaction.connection
            state = await self._switches.seen(connection, request.bot_id, [w.source_id for w in wishes])
        return None if domain.to_hide(state, wishes) else Hidden(generation=state.generation, removed=0)

    async def _hide_once(self, request: HideSources, context: Context) -> Hidden:
        wishes, versions = _wishes(request), {wish.source_id: wish.version for wish in request.sources}
        async with self._store.transaction(context.scope) as transaction:
            await self._switches.lock(transaction.connection, context.scope, request.bot_id)
            claim = await self._bots.prepare(transaction.connection, context.scope, request.bot_id, versions)
        async with self._store.transaction(context.scope) as transaction:
            return await self._carry_out(transaction, request, context, wishes, claim)

    async def _carry_out(
        self,
        transaction: Transaction,
        request: HideSources,
        context: Context,
        wishes: list[domain.Hiding],
        claim: int,
    ) -> Hidden:
        connection, scope, bot_id = transaction.connection, context.scope, request.bot_id
        row = await self._switches.lock(connection, scope, bot_id)
        await self._switches.clear(connection, scope, bot_id, row, claim)
        state = await self._switches.state(connection, row, [wish.source_id for wish in wishes])
        wanted = domain.to_hide(state, wishes)
        closed = await self._rows.current(connection, [wish.source_id for wish in wanted])
        events = domain.hide(state, bot_id, wanted, Counter(closed.values()))
        if events:
            generation = state.generation + 1
            await self._points.prepare(connection, scope, claim, [], list(closed), generation)
            await self._rows.mark(connection, [], list(closed), generation)
            await transaction.append(context, domain.stream_of(bot_id), state.generation, events)
            for wish in wanted:
                await transaction.add_work(**collect_hidden_work(wish.source_id, wish.version))
        await self._bots.prepared(connection, bot_id, claim)
        return Hidden(generation=state.generation + len(events), removed=len(closed))


def _wishes(request: HideSources) -> list[domain.Hiding]:
    """One for each source, in an order of its own: the same request is the same event."""
    versions = {source.source_id: source.version for source in request.sources}
    return [domain.Hiding(source_id, version) for source_id, version in sorted(versions.items())]
