"""What can be asked about sources."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.requests.ingest import (
    GetIngestLimits,
    GetSource,
    GetSourcesSummary,
    IngestionList,
    IngestLimits,
    ListChildren,
    ListIngestions,
    ListSources,
    ListVersions,
    SourceList,
    SourceRead,
    SourcesSummary,
    VersionList,
)
from minirag_eventstore import EventStore, Transaction, pages

from minirag_ingest.commands.quotas import Most
from minirag_ingest.errors import SourceNotFound
from minirag_ingest.ports import IngestionRows, Selection, SourceRows


class LimitQueries:
    """The limits of a tenant."""

    def __init__(self, store: EventStore, rows: SourceRows, most: Most) -> None:
        self._store = store
        self._rows = rows
        self._most = most

    async def get(self, request: GetIngestLimits, context: Context) -> IngestLimits:
        """Counted anew: what ``Quotas`` remembers is some seconds old."""
        async with self._store.transaction(context.scope) as tx:
            return IngestLimits(
                sources=await self._rows.active_count(tx),
                max_sources=self._most.sources,
                queued=await self._rows.queued_count(tx),
                max_queued=self._most.queued,
            )


class SourceQueries:
    """The queries of sources."""

    def __init__(self, store: EventStore, rows: SourceRows, history: IngestionRows) -> None:
        self._store = store
        self._rows = rows
        self._history = history

    async def get(self, request: GetSource, context: Context) -> SourceRead:
        """One source; another tenant's is as unknown as one that never was."""
        async with self._store.transaction(context.scope) as tx:
            found = await self._rows.get(tx, request.source_id)
        if found is None:
            raise SourceNotFound
        return found

    async def list(self, request: ListSources, context: Context) -> SourceList:
        """The tenant's active sources, newest first: those at the top, those of a parent, or all."""
        which = Selection(request.bot_id, request.parent_id, request.include_children)
        async with self._store.transaction(context.scope) as tx:
            return await self._rows.page(tx, which, pages.checked_limit(request.limit), request.cursor)

    async def children(self, request: ListChildren, context: Context) -> SourceList:
        """A source's active children, oldest first."""
        async with self._of(request.source_id, context) as tx:
            return await self._rows.children(
                tx, request.source_id, pages.checked_limit(request.limit), request.cursor
            )

    async def summary(self, request: GetSourcesSummary, context: Context) -> SourcesSummary:
        """The tenant's active sources in figures."""
        async with self._store.transaction(context.scope) as tx:
            return await self._rows.summary(tx)

    async def ingestions(self, request: ListIngestions, context: Context) -> IngestionList:
        """Of a source and its children, newest first."""
        async with self._of(request.source_id, context) as tx:
            return await self._history.ingestions(
                tx, request.source_id, pages.checked_limit(request.limit), request.cursor
            )

    async def versions(self, request: ListVersions, context: Context) -> VersionList:
        """Those of a source that were ever visible, newest first."""
        async with self._of(request.source_id, context) as tx:
            return await self._history.versions(
                tx, request.source_id, pages.checked_limit(request.limit), request.cursor
            )

    @asynccontextmanager
    async def _of(self, source_id: UUID, context: Context) -> AsyncIterator[Transaction]:
        """For what belongs to a source that the tenant has."""
        async with self._store.transaction(context.scope) as tx:
            if await self._rows.get(tx, source_id) is None:
                raise SourceNotFound
            yield tx
