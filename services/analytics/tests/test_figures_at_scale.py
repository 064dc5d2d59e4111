"""A year of a large tenant: 100 bots, 365 days, 5 models, beside as much of other tenants.

What is asserted is that an answer is one statement, and that a period is found by the key and not by reading on.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from analytics_builders import TODAY, Analytics
from minirag_analytics.adapters.figures import PostgresFigures
from minirag_analytics.queries import StatisticsQueries
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.examples import TENANT_ID
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
from minirag_eventstore import Database

BOTS, DAYS, MODELS = 100, 365, 5
WEEK = 7

SCOPE = TenantScope(TENANT_ID)
CONTEXT = Context(actor="user:test", tenant_id=TENANT_ID)

_YEAR_OF_BOTS = f"""
FROM generate_series(0, {DAYS - 1}) AS day, generate_series(1, {BOTS}) AS bot, generate_series(1, {MODELS}) AS model
"""

_FILL = (
    f"""
INSERT INTO usage_daily
SELECT $1, $2::date - day, md5('bot' || bot)::uuid, 'model-' || model, 3, 1, 0, 1000 + bot, 100, 0.0123, 900, 1, 200, 200
{_YEAR_OF_BOTS}
""",
    f"""
INSERT INTO first_token_daily SELECT $1, $2::date - day, md5('bot' || bot)::uuid, 'model-' || model, 200, 3
{_YEAR_OF_BOTS}
""",
    f"""
INSERT INTO feedback_daily SELECT $1, $2::date - day, md5('bot' || bot)::uuid, 15, 2, 1
{_YEAR_OF_BOTS} WHERE model = 1
""",
    f"""
INSERT INTO failures_daily SELECT $1, $2::date - day, md5('bot' || bot)::uuid, 'provider_unavailable', 1
{_YEAR_OF_BOTS} WHERE model = 1
""",
    f"""
INSERT INTO chats_daily SELECT $1, $2::date - day, md5('bot' || bot)::uuid, 4
{_YEAR_OF_BOTS} WHERE model = 1
""",
    f"""
INSERT INTO bots SELECT $1, md5('bot' || bot)::uuid, 'Bot ' || bot, 'model-1', $2::date
{_YEAR_OF_BOTS} WHERE model = 1 AND day = 0
""",
)

A_DAY = {
    "usage_daily": BOTS * MODELS,
    "first_token_daily": BOTS * MODELS,
    "feedback_daily": BOTS,
    "failures_daily": BOTS,
}
"""Rows of one day and tenant, by table."""

Asked = list[tuple[str, tuple[object, ...]]]


class Watched:
    """The database, noting what is asked through the tenant's door."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked: Asked = []

    @asynccontextmanager
    async def tenant(self, scope: TenantScope) -> AsyncIterator[Any]:
        """The door, which has said whose it is before anything is noted."""
        async with self._database.tenant(scope) as connection:
            with connection.query_logger(lambda query: self.asked.append((query.query, query.args))):
                yield connection


@pytest.fixture
async def year(analytics: Analytics) -> Analytics:
    """Two tenants with a year each, known to the planner."""
    for scope in (SCOPE, TenantScope(uuid4())):
        async with analytics.database.tenant(scope) as connection:
            for statement in _FILL:
                await connection.execute(statement, scope.tenant_id, TODAY)
    async with analytics.database.session() as connection:
        await connection.execute("ANALYZE")
    return analytics


async def test_a_year_is_summed_up_in_one_statement_and_a_week_reads_a_week(year: Analytics) -> None:
    watched = Watched(year.database)
    queries = StatisticsQueries(PostgresFigures(watched), lambda: TODAY)  # type: ignore[arg-type]
    for ask in (
        lambda days: queries.bot_usage(GetBotUsage(days=days), CONTEXT),
        lambda days: queries.model_usage(GetModelUsage(days=days), CONTEXT),
        lambda days: queries.daily_usage(GetDailyUsage(days=days), CONTEXT),
        lambda days: queries.cost_estimate(GetCostEstimate(days=days), CONTEXT),
        lambda days: queries.feedback(GetFeedback(days=days), CONTEXT),
        lambda days: queries.feedback_trend(GetFeedbackTrend(days=days), CONTEXT),
        lambda days: queries.latency(GetLatency(days=days), CONTEXT),
    ):
        for days in (None, WEEK):
            watched.asked.clear()
            await ask(days)
            [(statement, values)] = watched.asked
        read = await rows_read(year, statement, values)
        assert set(read) & set(A_DAY), statement
        assert all(rows <= WEEK * A_DAY[table] for table, rows in read.items() if table in A_DAY), read


async def test_nothing_of_a_year_is_left_out_of_sums_that_are_one_statement_each(year: Analytics) -> None:
    watched = Watched(year.database)
    queries = StatisticsQueries(PostgresFigures(watched), lambda: TODAY)  # type: ignore[arg-type]
    overview = await queries.overview(GetOverview(), CONTEXT)
    assert (overview.bot_profiles, overview.chats) == (BOTS, 4 * BOTS * DAYS)
    assert len(watched.asked) == 1
    totals = await queries.totals(GetTotals(), CONTEXT)
    assert totals.total_usage_events == 3 * BOTS * DAYS * MODELS
    assert len(watched.asked) == 2
    rows = (await queries.bot_usage(GetBotUsage(), CONTEXT)).items
    assert len(rows) == BOTS * MODELS
    assert sum(row.request_count for row in rows) == 3 * BOTS * DAYS * MODELS


async def rows_read(analytics: Analytics, statement: str, values: tuple[object, ...]) -> dict[str, float]:
    """Of each table the rows that one scan of it met, those of no use among them; the most where it is scanned twice."""
    async with analytics.database.tenant(SCOPE) as connection:
        plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
    met: dict[str, float] = {}
    for node in nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]):
        if table := node.get("Relation Name"):
            rows = sum(node.get(kind, 0) for kind in MET) * node["Actual Loops"]
            met[table] = max(met.get(table, 0), rows)
    return met


MET = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A plan's nodes."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)
