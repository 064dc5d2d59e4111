"""The overview of spec §15, over real rows."""

from uuid import uuid4

import pytest
from analytics_builders import Analytics, an_answer
from minirag_analytics.adapters.figures import PostgresFigures
from minirag_analytics.projections import PROJECTIONS
from minirag_analytics.queries import StatisticsQueries
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.examples import EXAMPLES, TENANT_ID
from minirag_contracts.requests.analytics import GetOverview, Overview
from recorded import an_example, recorded

NOTHING = Overview(
    bot_profiles=0, sources=0, chats=0, total_prompt_tokens=0, total_completion_tokens=0, total_tokens=0
)


async def overview(analytics: Analytics, tenant_id: object = TENANT_ID) -> Overview:
    queries = StatisticsQueries(PostgresFigures(analytics.database))
    return await queries.overview(GetOverview(), Context(actor="user:x", tenant_id=tenant_id))  # type: ignore[arg-type]


async def test_a_new_tenant_has_nothing(analytics: Analytics) -> None:
    assert await overview(analytics) == NOTHING


async def test_it_counts_what_there_is_and_sums_what_was_used(analytics: Analytics) -> None:
    await analytics.apply(
        [
            recorded(an_example("bot.created")),
            recorded(an_example("source.created")),
            recorded(an_example("chat.started")),
            recorded(an_example("chat.started")),
            recorded(an_answer(prompt_tokens=100, completion_tokens=10)),
            recorded(an_answer(model="other", prompt_tokens=1, completion_tokens=2)),
        ]
    )
    assert await overview(analytics) == Overview(
        bot_profiles=1,
        sources=1,
        chats=2,
        total_prompt_tokens=101,
        total_completion_tokens=12,
        total_tokens=113,
    )


async def test_another_tenant_sees_nothing_of_it(analytics: Analytics) -> None:
    await analytics.apply([recorded(payload) for payload in EXAMPLES.values()])
    assert await overview(analytics, uuid4()) == NOTHING


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: str(projection.name))
async def test_every_example_that_a_projection_takes_changes_its_rows(
    analytics: Analytics, projection: object
) -> None:
    taken = [payload for payload in EXAMPLES.values() if payload.type in projection.types]  # type: ignore[attr-defined]
    assert taken
    await analytics.apply([recorded(payload) for payload in taken])
    for table in projection.tables:  # type: ignore[attr-defined]
        assert await analytics.rows(table, TenantScope(TENANT_ID)), table
