"""What may be asked of analytics. Days are UTC; costs are what each turn recorded at the price of its moment."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from minirag_contracts.requests.base import Page, Reply, Request

DAYS_MAX = 3660
"""How many days back statistics can be asked for: ten years."""


class AnalyticsRequest(Request):
    """Anything asked of analytics."""

    service: ClassVar[str] = "analytics"


class PeriodRequest(AnalyticsRequest):
    """Figures of the last ``days`` UTC days, today included (None: of all time), of one bot or of all.

    A bot that the tenant does not have has no figures; that is no refusal.
    """

    days: int | None = Field(default=None, ge=1, le=DAYS_MAX)
    bot_id: UUID | None = None


class Overview(Reply):
    """Summary counts of one tenant (spec §15); inactive things count too."""

    bot_profiles: int
    sources: int
    chats: int
    total_prompt_tokens: int
    total_completion_tokens: int
    total_tokens: int


class GetOverview(AnalyticsRequest):
    """The summary of the tenant that asks."""

    verb: ClassVar[str] = "overview"
    Returns: ClassVar[type[Reply]] = Overview


class Totals(Reply):
    """Everything that was ever said and consumed; a turn counts when it has ended."""

    total_messages: int
    total_chats: int
    total_usage_events: int
    total_prompt_tokens: int
    total_completion_tokens: int


class GetTotals(AnalyticsRequest):
    """The totals of the tenant that asks."""

    verb: ClassVar[str] = "totals"
    Returns: ClassVar[type[Reply]] = Totals


class DailyUsage(Reply):
    """What one model consumed on one day. ``cost_usd`` leaves out the ``unpriced_requests``, whose price nobody knew."""

    date: date
    model: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    request_count: int
    cost_usd: float
    unpriced_requests: int


class DailyUsageList(Reply):
    """The latest day first, then by model."""

    items: list[DailyUsage]
    next: str | None = None


class GetDailyUsage(PeriodRequest, Page):
    """Usage by day and model."""

    verb: ClassVar[str] = "usage.daily"
    Returns: ClassVar[type[Reply]] = DailyUsageList


class BotUsage(Reply):
    """What one bot consumed with one model. ``bot_name`` is today's name."""

    bot_profile_id: UUID
    bot_name: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    request_count: int
    cost_usd: float
    unpriced_requests: int


class BotUsageList(Reply):
    """Most tokens first."""

    items: list[BotUsage]
    next: str | None = None


class GetBotUsage(PeriodRequest, Page):
    """Usage by bot and model."""

    verb: ClassVar[str] = "usage.by_bot"
    Returns: ClassVar[type[Reply]] = BotUsageList


class ModelUsage(Reply):
    """What one model consumed."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    request_count: int
    cost_usd: float
    unpriced_requests: int


class ModelUsageList(Reply):
    """Most tokens first."""

    items: list[ModelUsage]
    next: str | None = None


class GetModelUsage(PeriodRequest, Page):
    """Usage by model."""

    verb: ClassVar[str] = "usage.by_model"
    Returns: ClassVar[type[Reply]] = ModelUsageList


class CostEstimate(Reply):
    """Cost so far and a month at that rate: the average of the days with usage, times 30.

    Both lists have at most the 1,000 rows with most tokens; the sums are over everything.
    """

    total_cost_usd: float
    daily_avg_cost_usd: float
    projected_monthly_usd: float
    active_days: int
    unpriced_requests: int
    by_model: list[ModelUsage]
    by_bot: list[BotUsage]


class GetCostEstimate(PeriodRequest):
    """The cost of a period, all of it from one moment of the store."""

    verb: ClassVar[str] = "cost_estimate"
    Returns: ClassVar[type[Reply]] = CostEstimate


class BotFeedback(Reply):
    """Judgements of one bot's answers. ``feedback_rate`` is the percentage of answers that were judged at all."""

    bot_profile_id: UUID
    bot_name: str
    positive_count: int
    negative_count: int
    total_messages: int
    feedback_rate: float


class FeedbackSummary(Reply):
    """Judgements of answers, by the day of the answer. ``by_bot`` has at most the 1,000 bots with most answers."""

    total_messages: int
    total_with_feedback: int
    positive_count: int
    negative_count: int
    feedback_rate: float
    by_bot: list[BotFeedback]


class GetFeedback(PeriodRequest):
    """What people thought of the answers of a period."""

    verb: ClassVar[str] = "feedback"
    Returns: ClassVar[type[Reply]] = FeedbackSummary


class DailyFeedback(Reply):
    """Answers of one day and their judgements."""

    date: date
    positive_count: int
    negative_count: int
    total_messages: int


class DailyFeedbackList(Reply):
    """The earliest day first; days without answers are left out."""

    items: list[DailyFeedback]
    next: str | None = None


class GetFeedbackTrend(PeriodRequest, Page):
    """Judgements by day."""

    verb: ClassVar[str] = "feedback.trend"
    Returns: ClassVar[type[Reply]] = DailyFeedbackList


class DailyLatency(Reply):
    """How long people waited on one day, in milliseconds.

    The percentiles come from a histogram and are upper bounds: half (95 %) of the answers began within so many. Null
    where nothing was measured. ``failures`` counts the turns without a whole answer by their code.
    """

    date: date
    requests: int = Field(description="Turns that ended on that day, failed ones included.")
    streamed: int = Field(description="Answers that were streamed.")
    avg_first_token_ms: float | None
    p50_first_token_ms: int | None
    p95_first_token_ms: int | None
    avg_duration_ms: float | None = Field(description="Of whole answers, from question to end.")
    failures: dict[str, int]


class DailyLatencyList(Reply):
    """The latest day first."""

    items: list[DailyLatency]
    next: str | None = None


class GetLatency(PeriodRequest, Page):
    """Waiting times and failures by day."""

    verb: ClassVar[str] = "latency"
    Returns: ClassVar[type[Reply]] = DailyLatencyList
