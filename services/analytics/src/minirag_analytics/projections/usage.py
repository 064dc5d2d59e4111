"""What turns consumed, by day, bot and model."""

from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import MessageCompleted, MessageFailed, Usage
from minirag_eventstore import Connection, Projection, on

from minirag_analytics.projections.days import day_of

FIRST_BUCKET_MS = 50
LAST_BUCKET_MS = 1 << 30
"""Upper bound of the last bucket; nothing waits longer than twelve days."""

_ADD_USAGE = """
INSERT INTO usage_daily AS u
    (tenant_id, day, bot_id, model, requests, streamed_requests, unpriced_requests, prompt_tokens, completion_tokens,
     cost_usd, duration_ms_sum, first_token_count, first_token_ms_sum, first_token_ms_max)
VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $11, $12::integer, $12::integer)
ON CONFLICT (tenant_id, day, bot_id, model) DO UPDATE SET
    requests           = u.requests + 1,
    streamed_requests  = u.streamed_requests + excluded.streamed_requests,
    unpriced_requests  = u.unpriced_requests + excluded.unpriced_requests,
    prompt_tokens      = u.prompt_tokens + excluded.prompt_tokens,
    completion_tokens  = u.completion_tokens + excluded.completion_tokens,
    cost_usd           = u.cost_usd + excluded.cost_usd,
    duration_ms_sum    = u.duration_ms_sum + excluded.duration_ms_sum,
    first_token_count  = u.first_token_count + excluded.first_token_count,
    first_token_ms_sum = u.first_token_ms_sum + excluded.first_token_ms_sum,
    first_token_ms_max = greatest(u.first_token_ms_max, excluded.first_token_ms_max)
"""


_ADD_WAITING = """
INSERT INTO first_token_daily AS f (tenant_id, day, bot_id, model, up_to_ms, requests) VALUES ($1, $2, $3, $4, $5, 1)
ON CONFLICT (tenant_id, day, bot_id, model, up_to_ms) DO UPDATE SET requests = f.requests + 1
"""

_ADD_FAILURE = """
INSERT INTO failures_daily AS f (tenant_id, day, bot_id, code, requests) VALUES ($1, $2, $3, $4, 1)
ON CONFLICT (tenant_id, day, bot_id, code) DO UPDATE SET requests = f.requests + 1
"""


class UsageProjection(Projection):
    """Tokens, requests, cost and waiting times; failed turns by code. What a failed turn consumed counts as well."""

    name: ClassVar[str] = "usage"
    tables: ClassVar[tuple[str, ...]] = ("usage_daily", "first_token_daily", "failures_daily")
    owner: ClassVar[str] = "chat"
    patterns: ClassVar[tuple[str, ...]] = ("chat.message.completed", "chat.message.failed")

    @on(MessageCompleted)
    async def completed(self, connection: Connection, event: Envelope, payload: MessageCompleted) -> None:
        """A turn was answered."""
        await _add_usage(
            connection,
            event,
            payload.bot_id,
            payload.usage,
            streamed=payload.stream,
            duration_ms=payload.duration_ms,
            first_token_ms=payload.first_token_ms,
        )
        if payload.first_token_ms is not None:
            key = (event.tenant_id, day_of(event), payload.bot_id, payload.usage.model)
            await connection.execute(_ADD_WAITING, *key, bucket(payload.first_token_ms))

    @on(MessageFailed)
    async def failed(self, connection: Connection, event: Envelope, payload: MessageFailed) -> None:
        """A turn ended without a whole answer."""
        await connection.execute(_ADD_FAILURE, event.tenant_id, day_of(event), payload.bot_id, payload.code)
        if payload.usage is not None:
            await _add_usage(connection, event, payload.bot_id, payload.usage)


async def _add_usage(
    connection: Connection,
    event: Envelope,
    bot_id: UUID,
    usage: Usage,
    *,
    streamed: bool = False,
    duration_ms: int = 0,
    first_token_ms: int | None = None,
) -> None:
    """Adds one turn to its day; the cost is the one that the event carries, never today's price."""
    await connection.execute(
        _ADD_USAGE,
        event.tenant_id,
        day_of(event),
        bot_id,
        usage.model,
        int(streamed),
        int(usage.cost_usd is None),
        usage.prompt_tokens,
        usage.completion_tokens,
        exact(usage.cost_usd),
        duration_ms,
        int(first_token_ms is not None),
        first_token_ms or 0,
    )


def exact(cost_usd: float | None) -> Decimal:
    """The cost as it was written in the event; sums of it do not depend on their order, as sums of floats do."""
    return Decimal(0) if cost_usd is None else Decimal(str(cost_usd))


def bucket(milliseconds: int) -> int:
    """The upper bound of the bucket that a time falls into."""
    bound = FIRST_BUCKET_MS
    while bound < milliseconds and bound < LAST_BUCKET_MS:
        bound *= 2
    return min(bound, LAST_BUCKET_MS)
