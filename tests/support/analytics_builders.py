"""Analytics' tables, and events for them with good defaults: a test names only what matters to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from minirag_analytics.adapters.figures import PostgresFigures
from minirag_analytics.projections import PROJECTIONS
from minirag_analytics.queries import StatisticsQueries
from minirag_contracts.context import TenantScope
from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import (
    BotCreated,
    BotUpdated,
    Feedback,
    FeedbackGiven,
    MessageCompleted,
    MessageFailed,
    Usage,
)
from minirag_eventstore import Database
from recorded import NOON

BOT = UUID("019f0000-0000-7000-8000-0000000000b0")

TODAY: date = NOON.date()
"""The day on which the queries of a test are asked: the one on which its events happen."""


@dataclass(frozen=True)
class Analytics:
    """The service's tables, without its process."""

    database: Database

    async def apply(self, events: Sequence[Envelope]) -> None:
        """Feeds events as the projector does: each to every projection of its owner, in one transaction."""
        for event in events:
            async with self.database.tenant(TenantScope(event.tenant_id)) as connection:
                for projection in PROJECTIONS:
                    if projection.owner == event.service:
                        await projection.apply(connection, event)

    def queries(self, today: date = TODAY) -> StatisticsQueries:
        """What can be asked, on a day of the test's choice."""
        return StatisticsQueries(PostgresFigures(self.database), lambda: today)

    async def rows(self, table: str, scope: TenantScope) -> list[dict[str, object]]:
        """A tenant's rows of one table, in an order that only their content decides."""
        async with self.database.tenant(scope) as connection:
            return [dict(row) for row in await connection.fetch(f"SELECT * FROM {table} t ORDER BY t::text")]


def a_bot(bot_id: UUID = BOT, name: str = "Help", model: str = "gpt-4o-mini") -> BotCreated:
    """A bot."""
    return BotCreated(bot_id=bot_id, name=name, model=model, **_SETTINGS)


def a_renamed_bot(bot_id: UUID = BOT, name: str = "Helpdesk", model: str = "gpt-4o-mini") -> BotUpdated:
    """The bot, configured anew."""
    return BotUpdated(bot_id=bot_id, name=name, model=model, **_SETTINGS)


_SETTINGS: dict[str, Any] = {
    "description": "",
    "embedding_model": None,
    "system_prompt": "",
    "temperature": 0.7,
    "max_tokens": 1024,
    "has_credentials": False,
    "greeting": None,
    "suggested_questions": [],
    "has_identity_secret": False,
}


def an_answer(
    message_id: UUID | None = None,
    *,
    bot_id: UUID = BOT,
    model: str = "gpt-4o-mini",
    prompt_tokens: int = 100,
    completion_tokens: int = 10,
    cost_usd: float | None = 0.001,
    stream: bool = False,
    first_token_ms: int | None = None,
    duration_ms: int = 500,
) -> MessageCompleted:
    """A completed turn."""
    return MessageCompleted(
        chat_id=uuid4(),
        bot_id=bot_id,
        message_id=message_id or uuid4(),
        content_hash="00",
        usage=Usage(
            model=model, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cost_usd=cost_usd
        ),
        citations=[],
        attempt=1,
        stream=stream,
        first_token_ms=first_token_ms,
        duration_ms=duration_ms,
    )


def a_failure(
    *, bot_id: UUID = BOT, code: str = "provider_unavailable", usage: Usage | None = None
) -> MessageFailed:
    """A failed turn."""
    return MessageFailed(
        chat_id=uuid4(),
        bot_id=bot_id,
        message_id=uuid4(),
        code=code,
        detail="It failed.",
        attempt=1,
        usage=usage,
    )


def a_judgement(message_id: UUID, feedback: Feedback | None, *, bot_id: UUID = BOT) -> FeedbackGiven:
    """A judgement of an answer."""
    return FeedbackGiven(chat_id=uuid4(), bot_id=bot_id, message_id=message_id, feedback=feedback)
