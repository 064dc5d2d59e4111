"""What can be asked about usage."""

from minirag_contracts.context import Context
from minirag_contracts.requests.analytics import GetOverview, Overview

from minirag_analytics.ports import Figures


class StatisticsQueries:
    """The queries of statistics."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    async def overview(self, _request: GetOverview, context: Context) -> Overview:
        """The summary of the tenant that asks (spec §15)."""
        return await self._figures.overview(context.scope)
