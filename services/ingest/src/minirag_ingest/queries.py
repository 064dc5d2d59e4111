"""What can be asked about sources."""

from minirag_contracts.context import Context
from minirag_contracts.requests import Page
from minirag_contracts.requests.ingest import (
    GetSource,
    GetSourcesSummary,
    ListChildren,
    ListSources,
    SourceList,
    SourceRead,
    SourcesSummary,
)
from minirag_eventstore import EventStore

from minirag_ingest.errors import SourceNotFound
from minirag_ingest.ports import Selection, SourceRows

MAX_PAGE = 1000


class SourceQueries:
    """The queries of sources."""

    def __init__(self, store: EventStore, rows: SourceRows) -> None:
        self._store = store
        self._rows = rows

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
            return await self._rows.page(tx, which, _limit(request), request.cursor)

    async def children(self, request: ListChildren, context: Context) -> SourceList:
        """A source's active children, oldest first."""
        async with self._store.transaction(context.scope) as tx:
            if await self._rows.get(tx, request.source_id) is None:
                raise SourceNotFound
            return await self._rows.children(tx, request.source_id, _limit(request), request.cursor)

    async def summary(self, request: GetSourcesSummary, context: Context) -> SourcesSummary:
        """The tenant's active sources in figures."""
        async with self._store.transaction(context.scope) as tx:
            return await self._rows.summary(tx)


def _limit(page: Page) -> int:
    return max(1, min(page.limit, MAX_PAGE))
