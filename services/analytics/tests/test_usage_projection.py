"""Usage by day, bot and model."""

import random
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from analytics_builders import Analytics, a_failure, an_answer
from minirag_analytics.projections.usage import LAST_BUCKET_MS, bucket, exact
from minirag_contracts.context import TenantScope
from minirag_contracts.events.chat import Usage
from minirag_contracts.examples import TENANT_ID
from recorded import NOON, recorded

SCOPE = TenantScope(TENANT_ID)


async def test_turns_of_one_day_bot_and_model_are_one_row(analytics: Analytics) -> None:
    await analytics.apply(
        [
            recorded(an_answer(prompt_tokens=100, completion_tokens=10, cost_usd=0.1, duration_ms=400)),
            recorded(
                an_answer(
                    prompt_tokens=7,
                    completion_tokens=3,
                    cost_usd=0.2,
                    stream=True,
                    first_token_ms=120,
                    duration_ms=900,
                )
            ),
        ]
    )
    [row] = await analytics.rows("usage_daily", SCOPE)
    assert row["requests"] == 2
    assert (row["prompt_tokens"], row["completion_tokens"]) == (107, 13)
    assert row["cost_usd"] == Decimal("0.3")
    assert (row["streamed_requests"], row["unpriced_requests"], row["duration_ms_sum"]) == (1, 0, 1300)
    assert (row["first_token_count"], row["first_token_ms_sum"], row["first_token_ms_max"]) == (1, 120, 120)


async def test_the_day_is_the_utc_day_of_the_event(analytics: Analytics) -> None:
    before_midnight = NOON.replace(hour=23, minute=59)
    await analytics.apply(
        [
            recorded(an_answer(), at=before_midnight),
            recorded(an_answer(), at=before_midnight + timedelta(minutes=2)),
        ]
    )
    days = [str(row["day"]) for row in await analytics.rows("usage_daily", SCOPE)]
    assert sorted(days) == ["2026-03-01", "2026-03-02"]


async def test_a_turn_without_a_known_price_is_counted_as_unpriced_and_not_as_free(
    analytics: Analytics,
) -> None:
    await analytics.apply([recorded(an_answer(cost_usd=None)), recorded(an_answer(cost_usd=0.0))])
    [row] = await analytics.rows("usage_daily", SCOPE)
    assert (row["requests"], row["unpriced_requests"], row["cost_usd"]) == (2, 1, Decimal(0))


async def test_what_a_failed_turn_consumed_is_metered(analytics: Analytics) -> None:
    spent = Usage(model="gpt-4o-mini", prompt_tokens=50, completion_tokens=5, cost_usd=0.01)
    await analytics.apply([recorded(a_failure(usage=spent)), recorded(a_failure())])
    [usage] = await analytics.rows("usage_daily", SCOPE)
    [failures] = await analytics.rows("failures_daily", SCOPE)
    assert (usage["requests"], usage["prompt_tokens"], usage["cost_usd"]) == (1, 50, Decimal("0.01"))
    assert failures["requests"] == 2


async def test_the_sums_do_not_depend_on_the_order_of_the_turns(analytics: Analytics) -> None:
    events = [recorded(an_answer(cost_usd=random.random() / 1000, first_token_ms=n * 37)) for n in range(30)]
    other = uuid4()
    moved = [recorded(event.payload, tenant_id=other) for event in events]
    await analytics.apply(events)
    random.shuffle(moved)
    await analytics.apply(moved)
    for table in ("usage_daily", "first_token_daily"):
        ours = await analytics.rows(table, SCOPE)
        theirs = await analytics.rows(table, TenantScope(other))
        assert [row | {"tenant_id": None} for row in ours] == [row | {"tenant_id": None} for row in theirs]


def test_a_cost_is_taken_as_it_was_written() -> None:
    assert exact(0.1) + exact(0.2) == Decimal("0.3")
    assert exact(1e-7) == Decimal("0.0000001")
    assert exact(None) == 0


@pytest.mark.parametrize(
    ("ms", "bound"), [(0, 50), (50, 50), (51, 100), (100, 100), (750, 800), (2**40, LAST_BUCKET_MS)]
)
def test_a_time_falls_into_the_bucket_that_just_holds_it(ms: int, bound: int) -> None:
    assert bucket(ms) == bound
