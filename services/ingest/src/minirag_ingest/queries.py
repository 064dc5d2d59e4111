"""What can be asked about sources."""

from minirag_contracts.context import Context
from minirag_contracts.requests.ingest import GetSource, ListSources, SourceList, SourceRead
from minirag_eventstore import EventStore

from minirag_ingest.errors import SourceNotFound
from minirag_ingest.ports import SourceRows

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
        """The tenant's active top-level sources, newest first."""
        limit = max(1, min(request.limit, MAX_PAGE))
        async with self._store.transaction(context.scope) as tx:
            return await self._rows.page(tx, request.bot_id, limit, request.cursor)
