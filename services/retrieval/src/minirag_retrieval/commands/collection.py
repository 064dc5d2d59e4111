"""Removes what no search can reach any more: versions older than the last three, and staged ones that were overtaken."""

from uuid import UUID

from minirag_eventstore import EventStore, WorkItem

from minirag_retrieval.ports import ChunkRows, VectorIndex

COLLECT = "collect"
KEPT_VERSIONS = 3
"""The active one and the two before it."""


class Collection:
    """Runs the work of kind ``collect``."""

    def __init__(self, store: EventStore, rows: ChunkRows, index: VectorIndex) -> None:
        self._store = store
        self._rows = rows
        self._index = index

    async def collect(self, item: WorkItem) -> None:
        """Points first: their ids are never used again, so a repetition finds nothing and does no harm."""
        source_id = UUID(item.payload["source_id"])
        async with self._store.transaction(item.scope) as transaction:
            chunks = await self._rows.forget_versions(transaction.connection, source_id, KEPT_VERSIONS)
            await self._index.delete(item.scope, chunks)
            await self._rows.delete(transaction.connection, chunks)
            await item.finish(transaction)
