"""What people thought of the answers, by the day of the answer."""

from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar
from uuid import UUID

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import Feedback, FeedbackGiven, MessageCompleted
from minirag_eventstore import Connection, Projection, on

from minirag_analytics.projections.days import day_of


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as far as it is known. It counts from when its day is known."""

    message_id: UUID
    bot_id: UUID
    day: date | None = None
    feedback: Feedback | None = None


class FeedbackProjection(Projection):
    """A row for each answer, and sums by day and bot. A changed judgement is moved, never counted twice."""

    name: ClassVar[str] = "feedback"
    tables: ClassVar[tuple[str, ...]] = ("answers", "feedback_daily")
    owner: ClassVar[str] = "chat"
    patterns: ClassVar[tuple[str, ...]] = ("chat.message.completed", "chat.feedback.given")

    @on(MessageCompleted)
    async def completed(self, connection: Connection, event: Envelope, payload: MessageCompleted) -> None:
        """An answer that can be judged, or was judged by an event that came earlier."""
        before = await _known(connection, event.tenant_id, payload.message_id)
        after = replace(before or Answer(payload.message_id, payload.bot_id), day=day_of(event))
        await _change(connection, event.tenant_id, before, after)

    @on(FeedbackGiven)
    async def given(self, connection: Connection, event: Envelope, payload: FeedbackGiven) -> None:
        """A judgement, another one, or none any more."""
        before = await _known(connection, event.tenant_id, payload.message_id)
        after = replace(before or Answer(payload.message_id, payload.bot_id), feedback=payload.feedback)
        await _change(connection, event.tenant_id, before, after)


async def _known(connection: Connection, tenant_id: UUID, message_id: UUID) -> Answer | None:
    row = await connection.fetchrow(
        """SELECT message_id, bot_id, day, feedback FROM answers
           WHERE tenant_id = $1 AND message_id = $2 FOR UPDATE""",
        tenant_id,
        message_id,
    )
    return Answer(**dict(row)) if row else None


async def _change(connection: Connection, tenant_id: UUID, before: Answer | None, after: Answer) -> None:
    """Takes what the answer counted for before out of its sums, and adds what it counts for now."""
    await connection.execute(
        """INSERT INTO answers (message_id, tenant_id, bot_id, day, feedback) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (tenant_id, message_id) DO UPDATE SET day = excluded.day, feedback = excluded.feedback""",
        after.message_id,
        tenant_id,
        after.bot_id,
        after.day,
        after.feedback,
    )
    if before is not None:
        await _count(connection, tenant_id, before, -1)
    await _count(connection, tenant_id, after, 1)


async def _count(connection: Connection, tenant_id: UUID, answer: Answer, sign: int) -> None:
    if answer.day is None:
        return
    await connection.execute(
        """INSERT INTO feedback_daily AS f (tenant_id, day, bot_id, answers, positive, negative)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (tenant_id, day, bot_id) DO UPDATE SET
               answers = f.answers + excluded.answers,
               positive = f.positive + excluded.positive,
               negative = f.negative + excluded.negative""",
        tenant_id,
        answer.day,
        answer.bot_id,
        sign,
        sign * (answer.feedback == "positive"),
        sign * (answer.feedback == "negative"),
    )
