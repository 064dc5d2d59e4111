"""A tenant's points go with its chunks."""

from minirag_eventstore import Transaction

from minirag_retrieval.ports import ChunkRows, VectorIndex


class Erasing:
    """What the engine has of a tenant."""

    def __init__(self, rows: ChunkRows, index: VectorIndex) -> None:
        self._rows = rows
        self._index = index

    async def points(self, transaction: Transaction) -> None:
        """Before the rows, which name them; a repetition finds nothing and does no harm."""
        chunks = await self._rows.all_of_tenant(transaction.connection)
        await self._index.delete(transaction.scope, chunks)
