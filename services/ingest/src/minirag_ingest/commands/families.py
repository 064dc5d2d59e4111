"""Parents and children: made together, ingested together."""

from minirag_contracts.context import Context
from minirag_contracts.requests.ingest import (
    ChildrenQueued,
    CreateSourceBatch,
    IngestChildren,
    NewChild,
    SourceBatch,
)
from minirag_eventstore import EventStore, Transaction

from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.given import Given
from minirag_ingest.domain import intake, source
from minirag_ingest.errors import InvalidSource, NoChildren, SourceNotFound
from minirag_ingest.ports import SourceRows


class FamilyCommands:
    """The commands of parents."""

    def __init__(self, store: EventStore, rows: SourceRows, sources: Sources, given: Given) -> None:
        self._store = store
        self._rows = rows
        self._sources = sources
        self._given = given

    async def create_batch(self, request: CreateSourceBatch, context: Context) -> SourceBatch:
        """A parent and its children in one transaction. Ids are chosen once, so a repeated command answers the same."""
        if not request.children:
            raise NoChildren
        if len(request.children) > intake.MAX_CHILDREN:
            raise InvalidSource(f"A batch may have at most {intake.MAX_CHILDREN} child sources.")
        top = NewChild(name=request.name, description=request.description, source_type=request.source_type)
        parent = self._given.new(request.bot_id, top, None)
        parent_id = parent.command.source_id
        children = [self._given.new(request.bot_id, child, parent_id) for child in request.children]
        await self._sources.check_bot(context, request.bot_id)

        async def action(tx: Transaction) -> SourceBatch:
            await self._sources.quotas.check_sources(tx, 1 + len(children))
            for member in (parent, *children):
                await self._sources.create(tx, context, member.command, member.content, member.salt)
            ids = [member.command.source_id for member in (parent, *children)]
            first, *others = await self._rows.listed(tx, ids)
            return SourceBatch(parent=first, children=others)

        return await self._store.execute(context, request, action)

    async def ingest_children(self, request: IngestChildren, context: Context) -> ChildrenQueued:
        """Each active child that is not being made into a version already, or of those the ones whose last version failed."""
        self._given.check_disk()

        async def action(tx: Transaction) -> ChildrenQueued:
            parent, _ = await self._sources.load(tx, request.source_id)
            if parent.source_id is None:
                raise SourceNotFound
            loaded = await self._sources.load_children(tx, request.source_id)
            waiting = [
                (child_id, state, recorded)
                for child_id, state, recorded in loaded
                if not state.processing and (state.failures or not request.only_failed)
            ]
            await self._sources.quotas.check_queue(tx, len(waiting))
            for child_id, state, recorded in waiting:
                payloads = source.decide(state, source.Ingest())
                await self._sources.append(tx, context, child_id, recorded, payloads)
            return ChildrenQueued(enqueued=len(waiting))

        return await self._store.execute(context, request, action)
