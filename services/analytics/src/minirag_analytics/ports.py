"""What the queries need from outside."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.requests.analytics import (
    BotUsageList,
    CostEstimate,
    DailyFeedbackList,
    DailyLatencyList,
    DailyUsageList,
    FeedbackSummary,
    ModelUsageList,
    Overview,
    Totals,
)
from minirag_contracts.requests.base import Page


@dataclass(frozen=True, slots=True)
class Period:
    """From the UTC day ``since`` on, of one bot or (None) of all."""

    since: date
    bot_id: UUID | None


class Figures(Protocol):
    """Reads the projections of one tenant. A bot that the tenant does not have has no figures."""

    async def overview(self, scope: TenantScope) -> Overview:
        """The sums over everything that the tenant has and has used."""
        ...

    async def totals(self, scope: TenantScope) -> Totals:
        """Everything that was ever said and consumed."""
        ...

    async def daily_usage(self, scope: TenantScope, period: Period, page: Page) -> DailyUsageList:
        """Usage by day and model; the latest day first."""
        ...

    async def bot_usage(self, scope: TenantScope, period: Period, page: Page) -> BotUsageList:
        """Usage by bot and model; most tokens first."""
        ...

    async def model_usage(self, scope: TenantScope, period: Period, page: Page) -> ModelUsageList:
        """Usage by model; most tokens first."""
        ...

    async def cost_estimate(self, scope: TenantScope, period: Period) -> CostEstimate:
        """Cost, its average by day with usage, and its parts, all of one moment."""
        ...

    async def feedback(self, scope: TenantScope, period: Period) -> FeedbackSummary:
        """Judgements over all bots, and by bot, all of one moment."""
        ...

    async def feedback_trend(self, scope: TenantScope, period: Period, page: Page) -> DailyFeedbackList:
        """Judgements by day; the earliest first."""
        ...

    async def latency(self, scope: TenantScope, period: Period, page: Page) -> DailyLatencyList:
        """Waiting times and failures by day; the latest first."""
        ...
