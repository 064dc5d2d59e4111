"""Judgements, counted once and by the day of the answer."""

import itertools
from datetime import timedelta
from uuid import uuid4

from analytics_builders import Analytics, a_judgement, an_answer
from minirag_contracts.context import TenantScope
from minirag_contracts.examples import TENANT_ID
from recorded import NOON, recorded

SCOPE = TenantScope(TENANT_ID)


async def sums(analytics: Analytics) -> tuple[object, object, object]:
    [row] = await analytics.rows("feedback_daily", SCOPE)
    return row["answers"], row["positive"], row["negative"]


async def test_a_changed_judgement_is_moved_and_not_doubled(analytics: Analytics) -> None:
    message_id = uuid4()
    await analytics.apply([recorded(an_answer(message_id))])
    seen = []
    for feedback in ("positive", "positive", "negative", None):
        await analytics.apply([recorded(a_judgement(message_id, feedback))])
        seen.append(await sums(analytics))
    assert seen == [(1, 1, 0), (1, 1, 0), (1, 0, 1), (1, 0, 0)]


async def test_a_judgement_counts_on_the_day_of_its_answer(analytics: Analytics) -> None:
    message_id = uuid4()
    late = recorded(a_judgement(message_id, "negative"), at=NOON + timedelta(days=9))
    await analytics.apply([recorded(an_answer(message_id)), late])
    [row] = await analytics.rows("feedback_daily", SCOPE)
    assert (str(row["day"]), row["negative"]) == ("2026-03-01", 1)


async def test_any_order_of_the_aggregates_gives_the_same_rows(analytics: Analytics) -> None:
    tenants = []
    for order in itertools.permutations(range(3)):
        tenant_id, one, two = uuid4(), uuid4(), uuid4()
        events = [
            recorded(an_answer(one), tenant_id=tenant_id),
            recorded(a_judgement(one, "positive"), tenant_id=tenant_id),
            recorded(an_answer(two), tenant_id=tenant_id),
        ]
        await analytics.apply([events[n] for n in order])
        tenants.append(tenant_id)
    rows = [await analytics.rows("feedback_daily", TenantScope(tenant_id)) for tenant_id in tenants]
    assert all((row["answers"], row["positive"], row["negative"]) == (2, 1, 0) for [row] in rows)


async def test_a_judgement_of_an_answer_that_never_came_counts_for_nothing(analytics: Analytics) -> None:
    await analytics.apply([recorded(a_judgement(uuid4(), "positive"))])
    assert await analytics.rows("feedback_daily", SCOPE) == []
