"""The tenant's own figures for ``/v1/system/health/detailed``: each asked of its owner once, all at a time."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import TypeVar
from uuid import UUID

from minirag_contracts.errors import Refusal
from minirag_contracts.requests import Reply, Request
from minirag_contracts.requests.analytics import GetTotals, Totals
from minirag_contracts.requests.chat import BotList, ListBots
from minirag_contracts.requests.ingest import BotSources, GetSourcesSummary, SourcesSummary
from minirag_contracts.requests.retrieval import GetIndexSummary, IndexSummary

from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.schemas.system import (
    BotSourcesRead,
    DbStats,
    QdrantStats,
    RedisStats,
    SystemConfig,
    SystemDetails,
    SystemHealth,
)

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Reply)

BOTS_MAX = 1000
"""Bots whose sources are shown."""


async def gather(call: Call, parts: Awaitable[SystemHealth], timeout: float) -> SystemDetails:
    """Health with the caller's figures; what is not answered within ``timeout`` seconds is null."""
    health, totals, sources, index, bots = await asyncio.gather(
        parts,
        asked(call, GetTotals(), Totals, timeout),
        asked(call, GetSourcesSummary(), SourcesSummary, timeout),
        asked(call, GetIndexSummary(), IndexSummary, timeout),
        _bots(call, timeout),
    )
    whole = health.status == "ok" and None not in (totals, sources, index, bots)
    return SystemDetails(
        **health.model_dump(exclude={"status"}),
        status="ok" if whole else "degraded",
        db_stats=_db_stats(totals, sources),
        qdrant_stats=QdrantStats(points_count=index.points_count if index else None),
        redis_stats=RedisStats(),
        bot_sources=_bot_sources(bots, sources) if bots and sources else None,
        config=SystemConfig(jwt_expire_minutes=call.services.settings.jwt_expire_minutes),
    )


async def asked(call: Call, question: Request, returns: type[R], timeout: float) -> R | None:
    """The owner's answer; None, and a line in the log, where there is none."""
    try:
        return await call.ask(question, returns, timeout)
    except Refusal as refusal:
        logger.warning(
            "part of the details is missing", extra={"ask": question.subject(), "code": refusal.code}
        )
        return None


async def _bots(call: Call, timeout: float) -> BotList | None:
    """The newest bots, in as many pages as chat makes of them."""
    deadline = time.monotonic() + timeout
    found = BotList(items=[])
    while True:
        question = ListBots(limit=BOTS_MAX - len(found.items), cursor=found.next)
        page = await asked(call, question, BotList, max(0.0, deadline - time.monotonic()))
        if page is None:
            return None
        found = BotList(items=found.items + page.items, next=page.next)
        if found.next is None or len(found.items) >= BOTS_MAX:
            return found


def _db_stats(totals: Totals | None, sources: SourcesSummary | None) -> DbStats:
    return DbStats(
        **(totals.model_dump() if totals else {}),
        **(sources.model_dump(include={"sources_by_status", "total_chunks"}) if sources else {}),
    )


def _bot_sources(bots: BotList, sources: SourcesSummary) -> list[BotSourcesRead]:
    given = {bot.bot_id: bot for bot in sources.by_bot}
    return [
        BotSourcesRead(
            bot_profile_id=bot.id,
            bot_name=bot.name,
            model=bot.model,
            is_active=bot.is_active,
            **given.get(bot.id, _nothing(bot.id)).model_dump(exclude={"bot_id"}),
        )
        for bot in bots.items
    ]


def _nothing(bot_id: UUID) -> BotSources:
    return BotSources(bot_id=bot_id, source_count=0, ready_sources=0, total_chunks=0)
