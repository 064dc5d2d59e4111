"""What models cost."""

import asyncio
from collections.abc import Iterable

from minirag_contracts.context import Context
from minirag_contracts.errors import InvalidRequest
from minirag_contracts.requests.chat import GetPrices, ModelPrice, PriceList
from minirag_eventstore import Database

from minirag_chat.domain.models import WELL_KNOWN
from minirag_chat.ports import PriceBook

NAMES_MAX = 500


class PriceQueries:
    """Today's prices."""

    def __init__(self, database: Database, prices: PriceBook) -> None:
        self._database = database
        self._prices = prices

    async def get(self, request: GetPrices, context: Context) -> PriceList:
        """Of the models that are named, else of the tenant's bots' and the well-known ones."""
        names = request.models
        if names is None:
            names = [*WELL_KNOWN, *await self._of_bots(context)]
        elif len(names) > NAMES_MAX:
            raise InvalidRequest(f"At most {NAMES_MAX} models can be asked for at a time.")
        found = await asyncio.to_thread(self._look_up, dict.fromkeys(names))
        return PriceList(models=found, default=self._prices.default)

    def _look_up(self, names: Iterable[str]) -> dict[str, ModelPrice]:
        return {name: self._prices.of(name) for name in names}

    async def _of_bots(self, context: Context) -> list[str]:
        async with self._database.tenant(context.scope) as connection:
            rows = await connection.fetch(
                "SELECT model FROM bots GROUP BY model ORDER BY max(created_at) DESC, model LIMIT $1",
                NAMES_MAX,
            )
        return [row["model"] for row in rows]
