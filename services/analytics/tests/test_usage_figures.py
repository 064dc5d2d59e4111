"""Usage and cost of spec §15: keys, order, rounding, days, bots, pages."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from analytics_builders import BOT, TODAY, Analytics, a_bot, a_failure, an_answer
from minirag_contracts.context import Context
from minirag_contracts.errors import InvalidRequest
from minirag_contracts.events.chat import MessageCompleted, Usage
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.requests.analytics import (
    GetBotUsage,
    GetCostEstimate,
    GetDailyUsage,
    GetModelUsage,
    GetTotals,
)
from recorded import NOON, an_example, recorded

OTHER_BOT = UUID("019f0000-0000-7000-8000-0000000000b1")
CONTEXT = Context(actor="user:test", tenant_id=TENANT_ID)
STRANGER = Context(actor="user:test", tenant_id=uuid4())


def days_ago(days: int, answer: MessageCompleted) -> Any:
    return recorded(answer, at=NOON - timedelta(days=days))


@pytest.fixture
async def used(analytics: Analytics) -> Analytics:
    """Two bots, three models, two days, one turn of an unknown price."""
    await analytics.apply(
        [
            recorded(a_bot(name="Help")),
            recorded(a_bot(OTHER_BOT, name="Shop")),
            days_ago(0, an_answer(model="a", prompt_tokens=100, completion_tokens=10, cost_usd=0.1)),
            days_ago(0, an_answer(model="a", prompt_tokens=1, completion_tokens=1, cost_usd=0.2)),
            days_ago(
                1,
                an_answer(
                    bot_id=OTHER_BOT, model="a", prompt_tokens=500, completion_tokens=50, cost_usd=0.00000149
                ),
            ),
            days_ago(1, an_answer(model="b", prompt_tokens=5, completion_tokens=5, cost_usd=1)),
            days_ago(1, an_answer(model="c", prompt_tokens=3, completion_tokens=2, cost_usd=None)),
        ]
    )
    return analytics


async def test_usage_by_day_and_model_latest_first(used: Analytics) -> None:
    items = (await used.queries().daily_usage(GetDailyUsage(), CONTEXT)).items
    assert [item.model_dump(mode="json") for item in items[:1]] == [
        {
            "date": "2026-03-01",
            "model": "a",
            "prompt_tokens": 101,
            "completion_tokens": 11,
            "total_tokens": 112,
            "request_count": 2,
            "cost_usd": 0.3,
            "unpriced_requests": 0,
        }
    ]
    assert [(str(item.date), item.model) for item in items] == [
        ("2026-03-01", "a"),
        ("2026-02-28", "a"),
        ("2026-02-28", "b"),
        ("2026-02-28", "c"),
    ]
    assert [item.cost_usd for item in items] == [0.3, 0.000001, 1.0, 0.0]


async def test_usage_by_bot_has_a_row_for_each_bot_and_model_most_tokens_first(used: Analytics) -> None:
    items = (await used.queries().bot_usage(GetBotUsage(), CONTEXT)).items
    assert [(item.bot_name, item.model, item.total_tokens) for item in items] == [
        ("Shop", "a", 550),
        ("Help", "a", 112),
        ("Help", "b", 10),
        ("Help", "c", 5),
    ]
    assert list(items[0].model_dump()) == [
        *("bot_profile_id", "bot_name", "model", "prompt_tokens", "completion_tokens", "total_tokens"),
        *("request_count", "cost_usd", "unpriced_requests"),
    ]


async def test_usage_by_model_tells_what_had_no_price(used: Analytics) -> None:
    items = (await used.queries().model_usage(GetModelUsage(), CONTEXT)).items
    assert [(item.model, item.total_tokens, item.cost_usd, item.unpriced_requests) for item in items] == [
        ("a", 662, 0.300001, 0),
        ("b", 10, 1.0, 0),
        ("c", 5, 0.0, 1),
    ]


@pytest.mark.parametrize(
    ("later", "days", "requests"), [(0, 1, 2), (0, 2, 5), (0, None, 5), (1, 1, 0), (1, 2, 2), (1, 3, 5)]
)
async def test_days_are_the_last_utc_days_today_included(
    used: Analytics, later: int, days: int | None, requests: int
) -> None:
    queries = used.queries(TODAY + timedelta(days=later))
    for answer in (
        await queries.daily_usage(GetDailyUsage(days=days), CONTEXT),
        await queries.bot_usage(GetBotUsage(days=days), CONTEXT),
        await queries.model_usage(GetModelUsage(days=days), CONTEXT),
    ):
        assert sum(item.request_count for item in answer.items) == requests


async def test_the_figures_of_one_bot_and_of_none(used: Analytics) -> None:
    queries = used.queries()
    for bot_id, requests in ((BOT, 4), (OTHER_BOT, 1), (uuid4(), 0)):
        for answer in (
            await queries.daily_usage(GetDailyUsage(bot_id=bot_id), CONTEXT),
            await queries.bot_usage(GetBotUsage(bot_id=bot_id), CONTEXT),
            await queries.model_usage(GetModelUsage(bot_id=bot_id), CONTEXT),
        ):
            assert sum(item.request_count for item in answer.items) == requests
        estimate = await queries.cost_estimate(GetCostEstimate(bot_id=bot_id), CONTEXT)
        assert sum(row.request_count for row in estimate.by_bot) == requests


async def test_a_stranger_sees_nothing_even_of_a_bot_whose_id_they_know(used: Analytics) -> None:
    queries = used.queries()
    assert (await queries.daily_usage(GetDailyUsage(bot_id=BOT), STRANGER)).items == []
    assert (await queries.bot_usage(GetBotUsage(bot_id=BOT), STRANGER)).items == []
    assert (await queries.model_usage(GetModelUsage(bot_id=BOT), STRANGER)).items == []
    assert (await queries.cost_estimate(GetCostEstimate(bot_id=BOT), STRANGER)).active_days == 0


async def test_the_estimate_is_the_average_of_active_days_times_thirty(used: Analytics) -> None:
    estimate = await used.queries(TODAY + timedelta(days=9)).cost_estimate(GetCostEstimate(days=30), CONTEXT)
    assert estimate.total_cost_usd == 1.300001
    assert (estimate.active_days, estimate.unpriced_requests) == (2, 1)
    assert estimate.daily_avg_cost_usd == 0.650001
    assert estimate.projected_monthly_usd == 19.5
    assert [row.model for row in estimate.by_model] == ["a", "b", "c"]
    assert [(row.bot_name, row.model) for row in estimate.by_bot] == [
        ("Shop", "a"),
        ("Help", "a"),
        ("Help", "b"),
        ("Help", "c"),
    ]


async def test_the_parts_of_an_estimate_are_what_the_lists_say(used: Analytics) -> None:
    queries = used.queries()
    estimate = await queries.cost_estimate(GetCostEstimate(), CONTEXT)
    assert estimate.by_bot == (await queries.bot_usage(GetBotUsage(), CONTEXT)).items
    assert estimate.by_model == (await queries.model_usage(GetModelUsage(), CONTEXT)).items


async def test_an_estimate_of_nothing_is_zero(analytics: Analytics) -> None:
    estimate = await analytics.queries().cost_estimate(GetCostEstimate(days=30), CONTEXT)
    assert estimate.model_dump() == {
        "total_cost_usd": 0.0,
        "daily_avg_cost_usd": 0.0,
        "projected_monthly_usd": 0.0,
        "active_days": 0,
        "unpriced_requests": 0,
        "by_model": [],
        "by_bot": [],
    }


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 1000])
async def test_pages_have_every_row_once_and_in_order(used: Analytics, limit: int) -> None:
    queries = used.queries()
    for ask, request in (
        (queries.daily_usage, GetDailyUsage),
        (queries.bot_usage, GetBotUsage),
        (queries.model_usage, GetModelUsage),
    ):
        everything = (await ask(request(), CONTEXT)).items  # type: ignore[operator]
        seen: list[Any] = []
        cursor = None
        while True:
            answer = await ask(request(limit=limit, cursor=cursor), CONTEXT)  # type: ignore[operator]
            assert len(answer.items) <= limit
            seen += answer.items
            cursor = answer.next
            if cursor is None:
                break
        assert seen == everything


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!",
        "bnVsbA",
        "WzEsIDJd",
        "WyIxIiwgImEiXQ",
        "WzEsICJcdTAwMDAiXQ",
        "WzEsICJcdWQ4MDAiXQ",
        "WzFlOTk5LCAiYSJd",
        "WzE4NDQ2NzQ0MDczNzA5NTUxNjE2LCAiYSJd",
        "W3RydWUsICJhIl0",
        "é",
    ],
)
async def test_a_cursor_that_is_none_of_ours_is_refused(analytics: Analytics, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await analytics.queries().daily_usage(GetDailyUsage(cursor=cursor), CONTEXT)


async def test_the_totals_count_both_messages_of_each_turn(analytics: Analytics) -> None:
    spent = Usage(model="a", prompt_tokens=7, completion_tokens=3)
    await analytics.apply(
        [
            recorded(an_example("chat.started")),
            recorded(an_answer(prompt_tokens=100, completion_tokens=10)),
            recorded(a_failure(usage=spent)),
            recorded(a_failure()),
        ]
    )
    assert (await analytics.queries().totals(GetTotals(), CONTEXT)).model_dump() == {
        "total_messages": 6,
        "total_chats": 1,
        "total_usage_events": 2,
        "total_prompt_tokens": 107,
        "total_completion_tokens": 13,
    }
    assert (await analytics.queries().totals(GetTotals(), STRANGER)).total_messages == 0
