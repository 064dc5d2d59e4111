"""What people thought of the answers, and how long they waited for them (spec §15 and beyond)."""

from datetime import timedelta
from uuid import UUID, uuid4

from analytics_builders import BOT, TODAY, Analytics, a_bot, a_failure, a_judgement, an_answer
from minirag_contracts.context import Context
from minirag_contracts.events.chat import Usage
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.requests.analytics import GetFeedback, GetFeedbackTrend, GetLatency
from recorded import NOON, recorded

OTHER_BOT = UUID("019f0000-0000-7000-8000-0000000000b1")
CONTEXT = Context(actor="user:test", tenant_id=TENANT_ID)
STRANGER = Context(actor="user:test", tenant_id=uuid4())


async def judged(analytics: Analytics) -> None:
    """Three answers of one bot today, two of them judged; one of another bot three days ago, judged today."""
    one, two, three, old = uuid4(), uuid4(), uuid4(), uuid4()
    await analytics.apply(
        [
            recorded(a_bot(name="Help")),
            recorded(a_bot(OTHER_BOT, name="Shop")),
            *(recorded(an_answer(message_id)) for message_id in (one, two, three)),
            recorded(an_answer(old, bot_id=OTHER_BOT), at=NOON - timedelta(days=3)),
            recorded(a_judgement(one, "positive")),
            recorded(a_judgement(two, "negative")),
            recorded(a_judgement(old, "positive", bot_id=OTHER_BOT)),
        ]
    )


async def test_the_rate_is_the_percentage_of_answers_that_were_judged(analytics: Analytics) -> None:
    await judged(analytics)
    assert (await analytics.queries().feedback(GetFeedback(days=30), CONTEXT)).model_dump() == {
        "total_messages": 4,
        "total_with_feedback": 3,
        "positive_count": 2,
        "negative_count": 1,
        "feedback_rate": 75.0,
        "by_bot": [
            {
                "bot_profile_id": BOT,
                "bot_name": "Help",
                "positive_count": 1,
                "negative_count": 1,
                "total_messages": 3,
                "feedback_rate": 66.67,
            },
            {
                "bot_profile_id": OTHER_BOT,
                "bot_name": "Shop",
                "positive_count": 1,
                "negative_count": 0,
                "total_messages": 1,
                "feedback_rate": 100.0,
            },
        ],
    }


async def test_feedback_of_days_of_a_bot_and_of_nobody(analytics: Analytics) -> None:
    await judged(analytics)
    queries = analytics.queries()
    assert (await queries.feedback(GetFeedback(days=3), CONTEXT)).total_messages == 3
    assert (await queries.feedback(GetFeedback(days=4), CONTEXT)).total_messages == 4
    shop = await queries.feedback(GetFeedback(bot_id=OTHER_BOT), CONTEXT)
    assert (shop.total_messages, shop.feedback_rate, len(shop.by_bot)) == (1, 100.0, 1)
    for request, context in ((GetFeedback(bot_id=uuid4()), CONTEXT), (GetFeedback(bot_id=BOT), STRANGER)):
        nothing = await queries.feedback(request, context)
        assert (nothing.total_messages, nothing.feedback_rate, nothing.by_bot) == (0, 0.0, [])


async def test_the_trend_goes_up_in_time_and_leaves_out_empty_days(analytics: Analytics) -> None:
    await judged(analytics)
    trend = await analytics.queries().feedback_trend(GetFeedbackTrend(days=30), CONTEXT)
    assert [item.model_dump(mode="json") for item in trend.items] == [
        {"date": "2026-02-26", "positive_count": 1, "negative_count": 0, "total_messages": 1},
        {"date": "2026-03-01", "positive_count": 1, "negative_count": 1, "total_messages": 3},
    ]
    first = await analytics.queries().feedback_trend(GetFeedbackTrend(limit=1), CONTEXT)
    rest = await analytics.queries().feedback_trend(GetFeedbackTrend(limit=1, cursor=first.next), CONTEXT)
    assert ([*first.items, *rest.items], rest.next) == (trend.items, None)
    assert (await analytics.queries().feedback_trend(GetFeedbackTrend(), STRANGER)).items == []


async def test_waiting_times_come_as_average_and_as_upper_bounds(analytics: Analytics) -> None:
    waits = [40] * 12 + [90] * 6 + [300, 5000]
    await analytics.apply(
        [recorded(an_answer(stream=True, first_token_ms=ms, duration_ms=2 * ms)) for ms in waits]
        + [recorded(an_answer(duration_ms=100))]
    )
    [day] = (await analytics.queries().latency(GetLatency(days=1), CONTEXT)).items
    assert (str(day.date), day.requests, day.streamed) == ("2026-03-01", 21, 20)
    assert day.avg_first_token_ms == round(sum(waits) / 20, 1)
    assert day.avg_duration_ms == round((2 * sum(waits) + 100) / 21, 1)
    assert (day.p50_first_token_ms, day.p95_first_token_ms) == (50, 400)
    assert day.failures == {}


async def test_a_bound_is_never_beyond_the_slowest_answer(analytics: Analytics) -> None:
    await analytics.apply([recorded(an_answer(stream=True, first_token_ms=210))])
    [day] = (await analytics.queries().latency(GetLatency(), CONTEXT)).items
    assert (day.p50_first_token_ms, day.p95_first_token_ms) == (210, 210)


async def test_failures_are_counted_by_code_and_do_not_make_answers_look_fast(analytics: Analytics) -> None:
    spent = Usage(model="a", prompt_tokens=1, completion_tokens=1)
    await analytics.apply(
        [
            recorded(an_answer(duration_ms=600)),
            recorded(a_failure(code="provider_unavailable", usage=spent)),
            recorded(a_failure(code="provider_unavailable")),
            recorded(a_failure(code="turn_interrupted")),
        ]
    )
    [day] = (await analytics.queries().latency(GetLatency(), CONTEXT)).items
    assert (day.requests, day.avg_duration_ms) == (4, 600.0)
    assert day.failures == {"provider_unavailable": 2, "turn_interrupted": 1}
    assert (day.avg_first_token_ms, day.p50_first_token_ms, day.p95_first_token_ms) == (None, None, None)


async def test_a_day_of_failures_alone_is_a_day(analytics: Analytics) -> None:
    await analytics.apply(
        [recorded(a_failure(bot_id=OTHER_BOT)), recorded(an_answer(), at=NOON - timedelta(1))]
    )
    days = (await analytics.queries().latency(GetLatency(), CONTEXT)).items
    assert [(str(day.date), day.requests, sum(day.failures.values())) for day in days] == [
        ("2026-03-01", 1, 1),
        ("2026-02-28", 1, 0),
    ]
    assert days[0].avg_duration_ms is None
    [only] = (await analytics.queries(TODAY).latency(GetLatency(bot_id=OTHER_BOT), CONTEXT)).items
    assert only == days[0]
    assert (await analytics.queries().latency(GetLatency(), STRANGER)).items == []
