"""What can be asked about usage."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from minirag_contracts.context import Context
from minirag_contracts.requests.analytics import (
    BotUsageList,
    CostEstimate,
    DailyFeedbackList,
    DailyLatencyList,
    DailyUsageList,
    FeedbackSummary,
    GetBotUsage,
    GetCostEstimate,
    GetDailyUsage,
    GetFeedback,
    GetFeedbackTrend,
    GetLatency,
    GetModelUsage,
    GetOverview,
    GetTotals,
    ModelUsageList,
    Overview,
    PeriodRequest,
    Totals,
)

from minirag_analytics.ports import Figures, Period


def utc_today() -> date:
    """The UTC day of this moment."""
    return datetime.now(UTC).date()


class StatisticsQueries:
    """The queries of statistics (spec §15), each about the tenant that asks."""

    def __init__(self, figures: Figures, today: Callable[[], date] = utc_today) -> None:
        self._figures = figures
        self._today = today

    async def overview(self, _request: GetOverview, context: Context) -> Overview:
        """The summary of everything."""
        return await self._figures.overview(context.scope)

    async def totals(self, _request: GetTotals, context: Context) -> Totals:
        """Everything that was ever said and consumed."""
        return await self._figures.totals(context.scope)

    async def daily_usage(self, request: GetDailyUsage, context: Context) -> DailyUsageList:
        """Usage by day and model."""
        return await self._figures.daily_usage(context.scope, self._period(request), request)

    async def bot_usage(self, request: GetBotUsage, context: Context) -> BotUsageList:
        """Usage by bot and model."""
        return await self._figures.bot_usage(context.scope, self._period(request), request)

    async def model_usage(self, request: GetModelUsage, context: Context) -> ModelUsageList:
        """Usage by model."""
        return await self._figures.model_usage(context.scope, self._period(request), request)

    async def cost_estimate(self, request: GetCostEstimate, context: Context) -> CostEstimate:
        """Cost so far and a month at that rate."""
        return await self._figures.cost_estimate(context.scope, self._period(request))

    async def feedback(self, request: GetFeedback, context: Context) -> FeedbackSummary:
        """What people thought of the answers."""
        return await self._figures.feedback(context.scope, self._period(request))

    async def feedback_trend(self, request: GetFeedbackTrend, context: Context) -> DailyFeedbackList:
        """What people thought of the answers, by day."""
        return await self._figures.feedback_trend(context.scope, self._period(request), request)

    async def latency(self, request: GetLatency, context: Context) -> DailyLatencyList:
        """How long people waited, by day."""
        return await self._figures.latency(context.scope, self._period(request), request)

    def _period(self, request: PeriodRequest) -> Period:
        """The last ``days`` days, today being one of them."""
        since = date.min if request.days is None else self._today() - timedelta(days=request.days - 1)
        return Period(since, request.bot_id)
