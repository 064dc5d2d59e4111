"""Requests about usage."""

from minirag_contracts.requests.analytics import (
    GetBotUsage,
    GetCostEstimate,
    GetDailyUsage,
    GetFeedback,
    GetFeedbackTrend,
    GetLatency,
    GetModelUsage,
    GetOverview,
    GetTotals,
)
from minirag_service import Runtime

from minirag_analytics.queries import StatisticsQueries


def register(runtime: Runtime, queries: StatisticsQueries) -> None:
    """Answers ``rpc.analytics.*``."""
    runtime.on(GetOverview, queries.overview)
    runtime.on(GetTotals, queries.totals)
    runtime.on(GetDailyUsage, queries.daily_usage)
    runtime.on(GetBotUsage, queries.bot_usage)
    runtime.on(GetModelUsage, queries.model_usage)
    runtime.on(GetCostEstimate, queries.cost_estimate)
    runtime.on(GetFeedback, queries.feedback)
    runtime.on(GetFeedbackTrend, queries.feedback_trend)
    runtime.on(GetLatency, queries.latency)
