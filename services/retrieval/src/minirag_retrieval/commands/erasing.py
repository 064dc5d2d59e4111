"""A tenant's points go with its chunks."""

from minirag_eventstore import Transaction

from minirag_retrieval.ports import VectorIndex


class Erasing:
    """What the engine has of a tenant."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index

    async def points(self, transaction: Transaction) -> None:
        """By their tenant and not by the rows: what died while it staged has left points that no row names."""
        await self._index.delete_all(transaction.scope)
