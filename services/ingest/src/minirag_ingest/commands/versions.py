"""Going back to an earlier version, and making no more of one."""

from minirag_contracts.context import Context
from minirag_contracts.requests.ingest import CancelIngestion, IngestAccepted, RollBackSource, SourceRead
from minirag_eventstore import EventStore, Transaction

from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.given import Given
from minirag_ingest.domain import source
from minirag_ingest.errors import NothingToCancel, SourceNotFound, VersionNotKept
from minirag_ingest.ports import IngestionRows


class VersionCommands:
    """The commands about versions of sources."""

    def __init__(self, store: EventStore, sources: Sources, rows: IngestionRows, given: Given) -> None:
        self._store = store
        self._sources = sources
        self._rows = rows
        self._given = given

    async def roll_back(self, request: RollBackSource, context: Context) -> IngestAccepted:
        """A new version with the text of an earlier one, made as every other: it answers in one step, or not at all."""
        self._given.check_disk()

        async def action(tx: Transaction) -> IngestAccepted:
            await self._sources.quotas.check_queue(tx)
            state, recorded = await self._sources.load(tx, request.source_id)
            if state.source_id is None:
                raise SourceNotFound
            earlier = await self._earlier(tx, request, state)
            wish = source.Ingest("rollback", earlier)
            await self._sources.append(tx, context, request.source_id, recorded, source.decide(state, wish))
            return IngestAccepted(source_id=request.source_id, version=state.version + 1)

        return await self._store.execute(context, request, action)

    async def _earlier(self, tx: Transaction, request: RollBackSource, state: source.Source) -> int:
        if request.version is None:
            below = state.visible or state.version + 1
            found = await self._rows.kept_before(tx, request.source_id, below)
        else:
            kept = await self._rows.is_kept(tx, request.source_id, request.version)
            found = request.version if kept else None
        if found is None:
            raise VersionNotKept
        return found

    async def cancel(self, request: CancelIngestion, context: Context) -> SourceRead:
        """Of the source and its children whatever is being made and is not just becoming visible."""

        async def action(tx: Transaction) -> SourceRead:
            state, recorded = await self._sources.load(tx, request.source_id)
            if state.source_id is None:
                raise SourceNotFound
            cancelled = [await self._sources.cancel(tx, context, request.source_id, (state, recorded))]
            for child_id, child, version in await self._sources.load_children(tx, request.source_id):
                cancelled.append(await self._sources.cancel(tx, context, child_id, (child, version)))
            if not any(cancelled):
                raise NothingToCancel
            return await self._sources.read(tx, request.source_id)

        return await self._store.execute(context, request, action)
