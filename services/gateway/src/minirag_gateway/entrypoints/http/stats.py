"""``/v1/stats``: what was used, what it cost, what people thought of it, how long they waited."""

import asyncio
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from minirag_contracts.requests.analytics import (
    DAYS_MAX,
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
    ModelUsage,
    ModelUsageList,
    Overview,
)
from minirag_contracts.requests.chat import GetPrices, ModelPrice, PriceList

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.stats import (
    CostEstimateRead,
    Price,
    PricedModelUsage,
    Pricing,
    priced,
)

resource = Resource("Stats")

DEFAULT_DAYS = 30

ASKED_AT_ONCE = 500
"""Models whose prices chat tells in one answer."""

UNKNOWN = ModelPrice(prompt_cost_per_1m=None, completion_cost_per_1m=None)

_LAST_DAYS = "The last so many UTC days, today included"

Days = Annotated[int | None, Query(ge=1, le=DAYS_MAX, description=f"{_LAST_DAYS}; all without it.")]
RecentDays = Annotated[int, Query(ge=1, le=DAYS_MAX, description=f"{_LAST_DAYS}.")]
OfBot = Annotated[
    UUID | None, Query(description="Of one bot alone. A bot that you do not have has empty figures.")
]


@resource.route("GET", "/v1/stats/overview", Permission.READ_STATS, returns=Overview)
async def read_stats_overview(request: Request) -> Response:
    """Counts of the tenant's things and tokens; inactive things count too."""
    return one(await call_of(request).ask(GetOverview(), Overview))


@resource.route("GET", "/v1/stats/usage", Permission.READ_STATS, returns=list[DailyUsage])
async def read_usage(
    request: Request,
    days: Days = None,
    bot_profile_id: OfBot = None,
    limit: Limit = MAX_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """Usage by UTC day and model, the latest day first."""
    question = GetDailyUsage(days=days, bot_id=bot_profile_id, limit=limit, cursor=cursor)
    usage = await call_of(request).ask(question, DailyUsageList)
    return page(request, usage.items, usage.next, limit)


@resource.route("GET", "/v1/stats/usage/by-bot", Permission.READ_STATS, returns=list[BotUsage])
async def read_usage_by_bot(
    request: Request,
    days: Days = None,
    bot_profile_id: OfBot = None,
    limit: Limit = MAX_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """Usage and cost by bot and model, most tokens first."""
    question = GetBotUsage(days=days, bot_id=bot_profile_id, limit=limit, cursor=cursor)
    usage = await call_of(request).ask(question, BotUsageList)
    return page(request, usage.items, usage.next, limit)


@resource.route("GET", "/v1/stats/usage/by-model", Permission.READ_STATS, returns=list[PricedModelUsage])
async def read_usage_by_model(
    request: Request,
    days: Days = None,
    bot_profile_id: OfBot = None,
    limit: Limit = MAX_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """Usage and cost by model, most tokens first, beside today's prices."""
    call = call_of(request)
    question = GetModelUsage(days=days, bot_id=bot_profile_id, limit=limit, cursor=cursor)
    usage = await call.ask(question, ModelUsageList)
    return page(request, priced(usage.items, await _prices(call, usage.items)), usage.next, limit)


@resource.route("GET", "/v1/stats/cost-estimate", Permission.READ_STATS, returns=CostEstimateRead)
async def read_cost_estimate(
    request: Request, days: RecentDays = DEFAULT_DAYS, bot_profile_id: OfBot = None
) -> Response:
    """Cost at the prices of the moment of each turn, and a month at that rate: the average of days with usage, times 30."""
    call = call_of(request)
    estimate = await call.ask(GetCostEstimate(days=days, bot_id=bot_profile_id), CostEstimate)
    return one(CostEstimateRead.of(estimate, await _prices(call, estimate.by_model)))


@resource.route("GET", "/v1/stats/pricing", Permission.READ_STATS, returns=Pricing)
async def read_pricing(request: Request) -> Response:
    """Today's prices for a million tokens; null where none is known."""
    prices = await call_of(request).ask(GetPrices(), PriceList)
    models = {model: Price.of(price) for model, price in prices.models.items()}
    return one(Pricing(models=models, default=Price.of(prices.default)))


@resource.route("GET", "/v1/stats/feedback", Permission.READ_STATS, returns=FeedbackSummary)
async def read_feedback(
    request: Request, days: RecentDays = DEFAULT_DAYS, bot_profile_id: OfBot = None
) -> Response:
    """What people thought of the answers of these days, and which share of them was judged at all."""
    return one(await call_of(request).ask(GetFeedback(days=days, bot_id=bot_profile_id), FeedbackSummary))


@resource.route("GET", "/v1/stats/feedback/trend", Permission.READ_STATS, returns=list[DailyFeedback])
async def read_feedback_trend(
    request: Request,
    days: RecentDays = DEFAULT_DAYS,
    bot_profile_id: OfBot = None,
    limit: Limit = MAX_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """Judgements by UTC day of the answer, the earliest first; days without answers are left out."""
    question = GetFeedbackTrend(days=days, bot_id=bot_profile_id, limit=limit, cursor=cursor)
    trend = await call_of(request).ask(question, DailyFeedbackList)
    return page(request, trend.items, trend.next, limit)


@resource.route("GET", "/v1/stats/latency", Permission.READ_STATS, returns=list[DailyLatency])
async def read_latency(
    request: Request,
    days: RecentDays = DEFAULT_DAYS,
    bot_profile_id: OfBot = None,
    limit: Limit = MAX_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """How long people waited for the first words and for whole answers, and what failed, the latest UTC day first."""
    question = GetLatency(days=days, bot_id=bot_profile_id, limit=limit, cursor=cursor)
    latency = await call_of(request).ask(question, DailyLatencyList)
    return page(request, latency.items, latency.next, limit)


async def _prices(call: Call, used: Sequence[ModelUsage]) -> PriceList:
    """Today's prices of these models; nobody is asked where there are none."""
    names = [usage.model for usage in used]
    parts = await asyncio.gather(
        *(
            call.ask(GetPrices(models=names[start : start + ASKED_AT_ONCE]), PriceList)
            for start in range(0, len(names), ASKED_AT_ONCE)
        )
    )
    models = {model: price for part in parts for model, price in part.models.items()}
    return PriceList(models=models, default=parts[0].default if parts else UNKNOWN)
