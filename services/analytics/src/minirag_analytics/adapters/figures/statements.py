# ruff: noqa: S608  # parts of statements are put together here, and every part is ours
"""What is asked of Postgres. ``$1`` is the first day, ``$2`` the bot or null; row-level security adds the tenant.

Every sum is made in here, one statement for each answer, so that an answer is of one moment of the store even while
a projection is being replaced.
"""

LISTED = 1000
"""Rows of a list inside an object at most."""

_PERIOD = "day >= $1 AND ($2::uuid IS NULL OR bot_id = $2)"

_CONSUMED = """
    sum(prompt_tokens)::bigint                     AS prompt_tokens,
    sum(completion_tokens)::bigint                 AS completion_tokens,
    sum(prompt_tokens + completion_tokens)::bigint AS total_tokens,
    sum(requests)::bigint                          AS request_count,
    round(sum(cost_usd), 6)::float8                AS cost_usd,
    sum(unpriced_requests)::bigint                 AS unpriced_requests
"""


def _paged(figures: str) -> str:
    """One page: ``$3`` and ``$4`` are the place where the page before ended, ``$5`` the rows wanted."""
    return f"""
SELECT * FROM ({figures}) AS figures
WHERE $3::bigint IS NULL OR (rank, sort_key) > ($3, $4::text COLLATE "C")
ORDER BY rank, sort_key LIMIT $5
"""


OVERVIEW = """
SELECT (SELECT count(*) FROM bots)                             AS bot_profiles,
       (SELECT count(*) FROM sources)                          AS sources,
       (SELECT coalesce(sum(chats), 0) FROM chats_daily)::bigint AS chats,
       coalesce(sum(prompt_tokens), 0)::bigint                 AS total_prompt_tokens,
       coalesce(sum(completion_tokens), 0)::bigint             AS total_completion_tokens,
       coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint AS total_tokens
FROM usage_daily
"""

TOTALS = """
SELECT 2 * ((SELECT coalesce(sum(answers), 0) FROM feedback_daily)
          + (SELECT coalesce(sum(requests), 0) FROM failures_daily))::bigint AS total_messages,
       (SELECT coalesce(sum(chats), 0) FROM chats_daily)::bigint AS total_chats,
       coalesce(sum(requests), 0)::bigint                        AS total_usage_events,
       coalesce(sum(prompt_tokens), 0)::bigint                   AS total_prompt_tokens,
       coalesce(sum(completion_tokens), 0)::bigint               AS total_completion_tokens
FROM usage_daily
"""
"""A turn that has ended left two messages: the question, and the answer or what there is of it."""

DAILY_USAGE = _paged(f"""
SELECT day AS date, model, {_CONSUMED}, (date '9999-12-31' - day)::bigint AS rank, model COLLATE "C" AS sort_key
FROM usage_daily WHERE {_PERIOD} GROUP BY day, model
""")

BOT_USAGE = _paged(f"""
SELECT used.*, coalesce(bots.name, '') AS bot_name, used.bot_id AS bot_profile_id, -total_tokens AS rank,
       (used.bot_id::text || ' ' || used.model) COLLATE "C" AS sort_key
FROM (SELECT bot_id, model, {_CONSUMED} FROM usage_daily WHERE {_PERIOD} GROUP BY bot_id, model) AS used
LEFT JOIN bots ON bots.bot_id = used.bot_id
""")

MODEL_USAGE = _paged(f"""
SELECT used.*, -total_tokens AS rank, model COLLATE "C" AS sort_key
FROM (SELECT model, {_CONSUMED} FROM usage_daily WHERE {_PERIOD} GROUP BY model) AS used
""")

COST_ESTIMATE = f"""
WITH used AS (
    SELECT grouping(bot_id, model) AS level, bot_id, model, {_CONSUMED}, sum(cost_usd) AS exact_cost
    FROM usage_daily WHERE {_PERIOD} GROUP BY GROUPING SETS ((bot_id, model), (model), ())
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY level ORDER BY total_tokens DESC, bot_id, model COLLATE "C") AS place
    FROM used
), active AS (
    SELECT count(*) AS days FROM (SELECT DISTINCT day FROM usage_daily WHERE {_PERIOD}) AS days
)
SELECT ranked.*, ranked.bot_id AS bot_profile_id, coalesce(bots.name, '') AS bot_name, active.days AS active_days,
       coalesce(round(exact_cost, 6), 0)::float8                                  AS total_cost_usd,
       coalesce(round(exact_cost / nullif(active.days, 0), 6), 0)::float8         AS daily_avg_cost_usd,
       coalesce(round(exact_cost * 30 / nullif(active.days, 0), 2), 0)::float8    AS projected_monthly_usd
FROM ranked CROSS JOIN active LEFT JOIN bots ON bots.bot_id = ranked.bot_id
WHERE place <= {LISTED} ORDER BY level, place
"""
"""``level`` tells whether a row is of a bot and model (0), of a model (2), or of everything (3, always one row)."""

FEEDBACK = f"""
WITH judged AS (
    SELECT grouping(bot_id) AS level, bot_id, coalesce(sum(answers), 0)::bigint AS total_messages,
           coalesce(sum(positive), 0)::bigint AS positive_count, coalesce(sum(negative), 0)::bigint AS negative_count
    FROM feedback_daily WHERE {_PERIOD} GROUP BY GROUPING SETS ((bot_id), ())
)
SELECT level, judged.bot_id AS bot_profile_id, coalesce(bots.name, '') AS bot_name, total_messages,
       positive_count, negative_count, positive_count + negative_count AS total_with_feedback,
       coalesce(round(100.0 * (positive_count + negative_count) / nullif(total_messages, 0), 2), 0)::float8
           AS feedback_rate
FROM judged LEFT JOIN bots ON bots.bot_id = judged.bot_id
ORDER BY level DESC, total_messages DESC, judged.bot_id LIMIT {LISTED + 1}
"""
"""The first row is the sum over all bots (``level`` 1)."""

FEEDBACK_TREND = _paged(f"""
SELECT day AS date, sum(answers)::bigint AS total_messages, sum(positive)::bigint AS positive_count,
       sum(negative)::bigint AS negative_count, (day - date '0001-01-01')::bigint AS rank, '' COLLATE "C" AS sort_key
FROM feedback_daily WHERE {_PERIOD} GROUP BY day
""")

LATENCY = _paged(f"""
WITH waited AS (
    SELECT day, up_to_ms, sum(requests) AS n FROM first_token_daily WHERE {_PERIOD} GROUP BY day, up_to_ms
), counted AS (
    SELECT day, up_to_ms, sum(n) OVER (PARTITION BY day ORDER BY up_to_ms) AS so_far,
           sum(n) OVER (PARTITION BY day) AS total
    FROM waited
), percentiles AS (
    SELECT day, min(up_to_ms) FILTER (WHERE so_far >= total * 0.50) AS p50,
           min(up_to_ms) FILTER (WHERE so_far >= total * 0.95) AS p95
    FROM counted GROUP BY day
), used AS (
    SELECT day, sum(streamed_requests) AS streamed, sum(duration_ms_sum) AS duration,
           sum(first_token_count) AS begun, sum(first_token_ms_sum) AS waiting, max(first_token_ms_max) AS slowest
    FROM usage_daily WHERE {_PERIOD} GROUP BY day
), answered AS (
    SELECT day, sum(answers) AS answers FROM feedback_daily WHERE {_PERIOD} GROUP BY day
), failed AS (
    SELECT day, sum(n) AS failures, jsonb_object_agg(code, n) AS codes
    FROM (SELECT day, code, sum(requests) AS n FROM failures_daily WHERE {_PERIOD} GROUP BY day, code) AS by_code
    GROUP BY day
)
SELECT day AS date, (coalesce(answers, 0) + coalesce(failures, 0))::bigint AS requests,
       coalesce(streamed, 0)::bigint AS streamed,
       round(waiting / nullif(begun, 0), 1)::float8    AS avg_first_token_ms,
       CASE WHEN begun > 0 THEN least(p50, slowest) END AS p50_first_token_ms,
       CASE WHEN begun > 0 THEN least(p95, slowest) END AS p95_first_token_ms,
       round(duration / nullif(answers, 0), 1)::float8 AS avg_duration_ms,
       coalesce(codes, '{{}}'::jsonb)                  AS failures,
       (date '9999-12-31' - day)::bigint               AS rank,
       '' COLLATE "C"                                  AS sort_key
FROM used FULL JOIN answered USING (day) FULL JOIN failed USING (day) LEFT JOIN percentiles USING (day)
""")
"""A bucket's upper bound is no longer than the slowest answer. Durations are of whole answers alone: a failed turn has none."""
