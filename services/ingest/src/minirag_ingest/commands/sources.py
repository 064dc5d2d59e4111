"""Making sources and asking for their ingestion."""

from minirag_contracts.context import Context
from minirag_contracts.requests.ingest import (
    CreateSource,
    IngestAccepted,
    IngestSource,
    SourceRead,
)
from minirag_eventstore import EventStore, Transaction

from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.given import Given


class SourceCommands:
    """The commands of single sources."""

    def __init__(self, store: EventStore, sources: Sources, given: Given) -> None:
        self._store = store
        self._sources = sources
        self._given = given

    async def create(self, request: CreateSource, context: Context) -> SourceRead:
        """A text or URL; nothing is ingested until it is asked for."""
        new = self._given.new(request.bot_id, request, request.parent_id)
        await self._sources.check_bot(context, request.bot_id)

        async def action(tx: Transaction) -> SourceRead:
            await self._sources.quotas.check_sources(tx)
            await self._sources.create(tx, context, new.command, new.content, new.salt)
            return await self._sources.read(tx, new.command.source_id)

        return await self._store.execute(context, request, action)

    async def ingest(self, request: IngestSource, context: Context) -> IngestAccepted:
        """A new version; SourceBusy while one is being made, SourceInactive for a source that was deactivated."""
        self._given.check_disk()

        async def action(tx: Transaction) -> IngestAccepted:
            await self._sources.quotas.check_queue(tx)
            version = await self._sources.request(tx, context, request.source_id)
            return IngestAccepted(source_id=request.source_id, version=version)

        return await self._store.execute(context, request, action)
