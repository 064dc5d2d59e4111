"""What analytics, chat's prices and the summaries answer the gateway's tests."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from minirag_contracts.context import Context
from minirag_contracts.requests import Reply, Request
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
    GetBotUsage,
    GetCostEstimate,
    GetDailyUsage,
    GetFeedback,
    GetFeedbackTrend,
    GetLatency,
    GetModelUsage,
    GetOverview,
    GetTotals,
    ModelUsage,
    ModelUsageList,
    Overview,
    Totals,
)
from minirag_contracts.requests.chat import UNKNOWN_PRICE, BotRead, GetPrices, ModelPrice, PriceList
from minirag_contracts.requests.ingest import (
    BotSources,
    GetIngestLimits,
    GetSourcesSummary,
    IngestLimits,
    SourcesSummary,
)
from minirag_contracts.requests.retrieval import GetIndexSummary, IndexSummary

Handler = Callable[[Any, Context], Awaitable[Reply]]

DAY = date(2026, 3, 1)
BOT = uuid4()
KNOWN, UNKNOWN = "gpt-4o-mini", "somebody/unknown"

_CONSUMED = {
    "prompt_tokens": 100,
    "completion_tokens": 10,
    "total_tokens": 110,
    "request_count": 2,
    "cost_usd": 0.000021,
    "unpriced_requests": 0,
}
_JUDGED = {"positive_count": 1, "negative_count": 0, "total_messages": 3}

OF_BOT = BotUsage(bot_profile_id=BOT, bot_name="Helpdesk", model=KNOWN, **_CONSUMED)  # type: ignore[arg-type]
OF_MODELS = [
    ModelUsage(model=KNOWN, **_CONSUMED),  # type: ignore[arg-type]
    ModelUsage(model=UNKNOWN, **(_CONSUMED | {"cost_usd": 0.0, "unpriced_requests": 2})),  # type: ignore[arg-type]
]

PRICES = {KNOWN: ModelPrice(prompt_cost_per_1m=0.15, completion_cost_per_1m=0.6), UNKNOWN: UNKNOWN_PRICE}

ANALYTICS: dict[type[Request], Reply] = {
    GetOverview: Overview(
        bot_profiles=1, sources=2, chats=3, total_prompt_tokens=4, total_completion_tokens=5, total_tokens=9
    ),
    GetTotals: Totals(
        total_messages=6,
        total_chats=3,
        total_usage_events=3,
        total_prompt_tokens=4,
        total_completion_tokens=5,
    ),
    GetDailyUsage: DailyUsageList(items=[DailyUsage(date=DAY, model=KNOWN, **_CONSUMED)], next="next"),  # type: ignore[arg-type]
    GetBotUsage: BotUsageList(items=[OF_BOT]),
    GetModelUsage: ModelUsageList(items=OF_MODELS),
    GetCostEstimate: CostEstimate(
        total_cost_usd=0.000021,
        daily_avg_cost_usd=0.000021,
        projected_monthly_usd=0.0,
        active_days=1,
        unpriced_requests=2,
        by_model=OF_MODELS,
        by_bot=[OF_BOT],
    ),
    GetFeedback: FeedbackSummary(
        total_with_feedback=1,
        feedback_rate=33.33,
        by_bot=[BotFeedback(bot_profile_id=BOT, bot_name="Helpdesk", feedback_rate=33.33, **_JUDGED)],
        **_JUDGED,
    ),
    GetFeedbackTrend: DailyFeedbackList(items=[DailyFeedback(date=DAY, **_JUDGED)]),
    GetLatency: DailyLatencyList(
        items=[
            DailyLatency(
                date=DAY,
                requests=3,
                streamed=1,
                avg_first_token_ms=41.5,
                p50_first_token_ms=50,
                p95_first_token_ms=100,
                avg_duration_ms=None,
                failures={"provider_unavailable": 1},
            )
        ]
    ),
}


def answers(bots: Mapping[UUID, BotRead]) -> dict[str, dict[type[Request], Handler]]:
    """Service → request → handler. Every bot but the last has a source."""

    async def prices(request: GetPrices, _: Context) -> PriceList:
        asked = PRICES if request.models is None else request.models
        return PriceList(models={m: PRICES[m] for m in asked if m in PRICES}, default=UNKNOWN_PRICE)

    async def sources(_: GetSourcesSummary, context: Context) -> SourcesSummary:
        mine = [bot.id for bot in bots.values() if bot.tenant_id == context.tenant_id]
        by_bot = [
            BotSources(bot_id=bot_id, source_count=2, ready_sources=1, total_chunks=42)
            for bot_id in mine[:-1]
        ]
        return SourcesSummary(sources_by_status={"ready": 1, "error": 1}, total_chunks=42, by_bot=by_bot)

    async def limits(_: GetIngestLimits, __: Context) -> IngestLimits:
        return IngestLimits(sources=7, max_sources=100_000, queued=2, max_queued=50_000)

    async def index(_: GetIndexSummary, __: Context) -> IndexSummary:
        return IndexSummary(points_count=42, generation_count=1)

    return {
        "analytics": dict.fromkeys(ANALYTICS, _figures),
        "chat": {GetPrices: prices},
        "ingest": {GetSourcesSummary: sources, GetIngestLimits: limits},
        "retrieval": {GetIndexSummary: index},
    }


async def _figures(request: Request, _: Context) -> Reply:
    """Looked up when it is asked, so that a test can put other figures in."""
    return ANALYTICS[type(request)]
