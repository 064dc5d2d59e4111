"""Seeing to it that retrieval finds nothing of a source that was deactivated.

The command asks retrieval itself, after its commit and before its reply. A piece of work that was committed with the
deactivation asks as well, a little later, in case the process is gone by then or retrieval was away.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import Unavailable
from minirag_eventstore import EventStore, Postpone, Transaction, WorkItem

from minirag_ingest.ports import Index, LastingFailure, SourceRows, TemporaryFailure

WORK_KIND = "hiding"
HEAD_START = timedelta(seconds=5)
"""How long the command has for it alone."""
AGAIN = timedelta(seconds=2)
"""How long to wait for a retrieval that is away."""


class Hidings:
    """Hides what is deactivated at the moment of asking, so that it may be repeated and come late."""

    def __init__(self, store: EventStore, rows: SourceRows, index: Index) -> None:
        self._store = store
        self._rows = rows
        self._index = index

    async def note(self, tx: Transaction, source_id: UUID, key: str) -> None:
        """Adds the work to the transaction that deactivates a source and its children."""
        due = datetime.now(UTC) + HEAD_START
        await tx.add_work(WORK_KIND, key, due=due, payload={"source_id": str(source_id)})

    async def confirm(self, context: Context, source_id: UUID, key: str | None) -> None:
        """When it returns, nothing of the source and its children is found, as far as they are deactivated. Raises
        Unavailable if retrieval does not say so in time; the work goes on all the same.
        """
        try:
            await self._hide(context, source_id)
        except (TemporaryFailure, LastingFailure) as failure:
            raise Unavailable("It is deactivated, and will be hidden from answers in a moment.") from failure
        if key is not None:
            async with self._store.transaction(context.scope) as tx:
                await tx.drop_work(WORK_KIND, key)

    async def run(self, item: WorkItem) -> None:
        """The work: goes on until retrieval has confirmed."""
        context = Context.for_system("ingest", item.tenant_id)
        try:
            await self._hide(context, UUID(item.payload["source_id"]))
        except (Unavailable, TemporaryFailure) as away:
            raise Postpone(AGAIN, type(away).__name__) from away
        async with self._store.transaction(item.scope) as tx:
            await item.finish(tx)

    async def _hide(self, context: Context, source_id: UUID) -> None:
        async with self._store.transaction(context.scope) as tx:
            gone = await self._rows.gone(tx, source_id)
        by_bot: dict[UUID, dict[UUID, int]] = defaultdict(dict)
        for one in gone:
            by_bot[one.bot_id][one.source_id] = one.version
        for bot_id, versions in by_bot.items():
            await self._index.hide(context, bot_id, versions)
