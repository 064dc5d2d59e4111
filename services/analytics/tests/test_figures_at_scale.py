"""A year of a large tenant: 100 bots, 365 days, 5 models, beside as much of other tenants.

``pytest --log-cli-level=INFO`` tells what each statement takes; what is asserted is that a period is found by the key and not
by reading on.
"""

import logging
import time
from datetime import timedelta
from uuid import uuid4

from analytics_builders import TODAY, Analytics
from minirag_analytics.adapters.figures import statements
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.requests.analytics import GetBotUsage, GetCostEstimate, GetDailyUsage, GetModelUsage

BOTS, DAYS, MODELS = 100, 365, 5

logger = logging.getLogger(__name__)

SCOPE = TenantScope(TENANT_ID)
CONTEXT = Context(actor="user:test", tenant_id=TENANT_ID)

_FILL = f"""
INSERT INTO usage_daily
SELECT $1, $2::date - day, md5('bot' || bot)::uuid, 'model-' || model, 3, 1, 0, 1000 + bot, 100, 0.0123, 900, 1, 200, 200
FROM generate_series(0, {DAYS - 1}) AS day, generate_series(1, {BOTS}) AS bot, generate_series(1, {MODELS}) AS model
"""

_BOTS = f"""
INSERT INTO bots SELECT $1, md5('bot' || bot)::uuid, 'Bot ' || bot, 'model-1', now() FROM generate_series(1, {BOTS}) AS bot
"""


async def a_year_of(analytics: Analytics, scope: TenantScope) -> None:
    async with analytics.database.tenant(scope) as connection:
        await connection.execute(_FILL, scope.tenant_id, TODAY)
        await connection.execute(_BOTS, scope.tenant_id)


async def test_a_year_is_summed_up_in_one_statement_and_a_week_reads_a_week(analytics: Analytics) -> None:
    for scope in (SCOPE, TenantScope(uuid4())):
        await a_year_of(analytics, scope)
    queries = analytics.queries()
    for name, ask in {
        "by bot": lambda days: queries.bot_usage(GetBotUsage(days=days), CONTEXT),
        "by model": lambda days: queries.model_usage(GetModelUsage(days=days), CONTEXT),
        "by day": lambda days: queries.daily_usage(GetDailyUsage(days=days), CONTEXT),
        "estimate": lambda days: queries.cost_estimate(GetCostEstimate(days=days), CONTEXT),
    }.items():
        for days in (None, 30, 7):
            times = []
            for _ in range(5):
                began = time.perf_counter()
                await ask(days)
                times.append(time.perf_counter() - began)
            logger.info("%s, %s days: median %.1f ms", name, days or 365, sorted(times)[2] * 1000)
    rows = (await queries.bot_usage(GetBotUsage(), CONTEXT)).items
    assert len(rows) == BOTS * MODELS
    assert sum(row.request_count for row in rows) == 3 * BOTS * DAYS * MODELS
    week = TODAY - timedelta(days=6)
    async with analytics.database.tenant(SCOPE) as connection:
        plan = "\n".join(
            row[0]
            for row in await connection.fetch(
                f"EXPLAIN (ANALYZE, BUFFERS) {statements.BOT_USAGE}", week, None, None, "", 1001
            )
        )
    logger.info(plan)
    assert "usage_daily_pkey" in plan
    assert "Seq Scan on usage_daily" not in plan
