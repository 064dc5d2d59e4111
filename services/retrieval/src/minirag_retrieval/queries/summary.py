"""The size of a tenant's index."""

from minirag_contracts.context import Context
from minirag_contracts.requests.retrieval import GetIndexSummary, IndexSummary
from minirag_eventstore import Database

from minirag_retrieval.ports import BotRows, ChunkRows


class Summary:
    """Answers GetIndexSummary."""

    def __init__(self, database: Database, rows: ChunkRows, bots: BotRows) -> None:
        self._database = database
        self._rows = rows
        self._bots = bots

    async def index(self, request: GetIndexSummary, context: Context) -> IndexSummary:
        """From the rows: the engine is not asked, so it may be away."""
        async with self._database.tenant(context.scope) as connection:
            points = await self._rows.current_total(connection)
            return IndexSummary(
                points_count=points, generation_count=await self._bots.generations(connection)
            )
