"""Reads the projections. Row-level security narrows every statement to the tenant of the scope."""

from typing import Any, TypeVar

from minirag_contracts.context import TenantScope
from minirag_contracts.requests.analytics import (
    BotFeedback,
    BotUsage,
    BotUsageList,
    CostEstimate,
    DailyFeedback,
    DailyFeedbackList,
    DailyLatency,
    DailyLatencyList,
    DailyUsage,
    DailyUsageList,
    FeedbackSummary,
    ModelUsage,
    ModelUsageList,
    Overview,
    Totals,
)
from minirag_contracts.requests.base import Page, Reply
from minirag_eventstore import Database
from minirag_eventstore.pages import checked_limit

from minirag_analytics.adapters.figures import paging, statements
from minirag_analytics.ports import Period

R = TypeVar("R", bound=Reply)

BY_BOT, BY_MODEL, WHOLE = 0, 2, 3
"""Levels of the rows of a cost estimate, as ``grouping(bot_id, model)`` numbers them."""


class PostgresFigures:
    """The port Figures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def overview(self, scope: TenantScope) -> Overview:
        """The sums over everything that the tenant has and has used."""
        return Overview.model_validate((await self._rows(scope, statements.OVERVIEW))[0])

    async def totals(self, scope: TenantScope) -> Totals:
        """Everything that was ever said and consumed."""
        return Totals.model_validate((await self._rows(scope, statements.TOTALS))[0])

    async def daily_usage(self, scope: TenantScope, period: Period, page: Page) -> DailyUsageList:
        """Usage by day and model."""
        items, following = await self._page(scope, statements.DAILY_USAGE, period, page, DailyUsage)
        return DailyUsageList(items=items, next=following)

    async def bot_usage(self, scope: TenantScope, period: Period, page: Page) -> BotUsageList:
        """Usage by bot and model."""
        items, following = await self._page(scope, statements.BOT_USAGE, period, page, BotUsage)
        return BotUsageList(items=items, next=following)

    async def model_usage(self, scope: TenantScope, period: Period, page: Page) -> ModelUsageList:
        """Usage by model."""
        items, following = await self._page(scope, statements.MODEL_USAGE, period, page, ModelUsage)
        return ModelUsageList(items=items, next=following)

    async def cost_estimate(self, scope: TenantScope, period: Period) -> CostEstimate:
        """Cost, its average by day with usage, and its parts."""
        rows = await self._rows(scope, statements.COST_ESTIMATE, period.since, period.bot_id)
        whole = next(row for row in rows if row["level"] == WHOLE)
        return CostEstimate.model_validate(
            {
                **whole,
                "unpriced_requests": whole["unpriced_requests"] or 0,
                "by_model": [row for row in rows if row["level"] == BY_MODEL],
                "by_bot": [row for row in rows if row["level"] == BY_BOT],
            }
        )

    async def feedback(self, scope: TenantScope, period: Period) -> FeedbackSummary:
        """Judgements over all bots, and by bot."""
        whole, *bots = await self._rows(scope, statements.FEEDBACK, period.since, period.bot_id)
        return FeedbackSummary.model_validate(
            {**whole, "by_bot": [BotFeedback.model_validate(bot) for bot in bots]}
        )

    async def feedback_trend(self, scope: TenantScope, period: Period, page: Page) -> DailyFeedbackList:
        """Judgements by day."""
        items, following = await self._page(scope, statements.FEEDBACK_TREND, period, page, DailyFeedback)
        return DailyFeedbackList(items=items, next=following)

    async def latency(self, scope: TenantScope, period: Period, page: Page) -> DailyLatencyList:
        """Waiting times and failures by day."""
        items, following = await self._page(scope, statements.LATENCY, period, page, DailyLatency)
        return DailyLatencyList(items=items, next=following)

    async def _page(
        self, scope: TenantScope, statement: str, period: Period, page: Page, model: type[R]
    ) -> tuple[list[R], str | None]:
        place, limit = paging.decode(page.cursor), checked_limit(page.limit)
        found = await self._rows(
            scope, statement, period.since, period.bot_id, place.rank, place.sort_key, limit + 1
        )
        rows, following = paging.cut(found, limit)
        return [model.model_validate(row) for row in rows], following

    async def _rows(self, scope: TenantScope, statement: str, *values: object) -> list[dict[str, Any]]:
        async with self._database.tenant(scope) as connection:
            return [dict(row) for row in await connection.fetch(statement, *values)]
