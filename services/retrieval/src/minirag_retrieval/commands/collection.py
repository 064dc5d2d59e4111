"""Removes what no search can reach any more: versions older than the last three, staged ones that were overtaken, and
all that was hidden.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from minirag_eventstore import EventStore, WorkItem

from minirag_retrieval.ports import ChunkRows, VectorIndex

COLLECT = "collect"
KEPT_VERSIONS = 3
"""The active one and the two before it."""
AFTER_ACTIVATION = timedelta(minutes=1)
"""Longer than any search that began before may still need the points of the version before."""
AFTER_HIDING = timedelta(days=1)
"""So long a source that was hidden can come back without being embedded again."""


def collect_work(source_id: UUID, version: int) -> dict[str, Any]:
    """The work to be added when a version took another one's place."""
    return {
        "kind": COLLECT,
        "key": f"{source_id}:{version}",
        "due": datetime.now(UTC) + AFTER_ACTIVATION,
        "payload": {"source_id": str(source_id)},
    }


def collect_hidden_work(source_id: UUID, version: int) -> dict[str, Any]:
    """The work to be added when a source was hidden up to a version."""
    return {
        "kind": COLLECT,
        "key": f"{source_id}:hidden:{version}",
        "due": datetime.now(UTC) + AFTER_HIDING,
        "payload": {"source_id": str(source_id), "hidden": version},
    }


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
            if (hidden := item.payload.get("hidden")) is None:
                chunks = await self._rows.forget_versions(transaction.connection, source_id, KEPT_VERSIONS)
            else:
                chunks = await self._rows.forget_hidden(transaction.connection, source_id, int(hidden))
            await self._index.delete(item.scope, chunks)
            await self._rows.delete(transaction.connection, chunks)
            await item.finish(transaction)
