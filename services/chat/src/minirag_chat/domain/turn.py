"""A turn: one question and its answer, or its failure. Created once, ended once, judged at will."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.chat import (
    Citation,
    Feedback,
    FeedbackGiven,
    MessageCompleted,
    MessageCreated,
    MessageFailed,
    StopRequested,
    Usage,
)
from minirag_contracts.ids import derived_id

from minirag_chat.errors import FeedbackTooEarly, MessageIdTaken, MessageNotFound, TurnFailure


class TurnState(StrEnum):
    """Where a turn stands."""

    ABSENT = "absent"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Turn:
    """What decisions need to know of a turn."""

    state: TurnState = TurnState.ABSENT
    created: MessageCreated | None = None
    feedback: Feedback | None = None
    stop_requested: bool = False


class TurnOver(Exception):
    """The turn has ended already: whoever wants to end it again lost the race and must leave it alone."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a turn's run when it ends. Durations are milliseconds since it was taken up."""

    attempt: int
    frames: int
    duration_ms: int = 0
    first_token_ms: int | None = None
    stopped: bool = False


def stream_of(message_id: UUID) -> str:
    """The turn's event stream, named after the message that answers."""
    return f"turn-{message_id}"


def user_message_id(message_id: UUID) -> UUID:
    """The question's id; derived, so that a command that is decided twice gives it twice."""
    return derived_id("user-message", message_id)


def chat_id_for(tenant_id: UUID, message_id: UUID) -> UUID:
    """The id of a chat that begins with this turn."""
    return derived_id("chat", tenant_id, message_id)


def require_absent(turn: Turn) -> None:
    """Raises MessageIdTaken when there is such a turn already."""
    if turn.state is not TurnState.ABSENT:
        raise MessageIdTaken


def create(
    *, message_id: UUID, chat_id: UUID, bot_id: UUID, content_hash: str, stream: bool
) -> list[EventPayload]:
    """The question is accepted; for a turn that is not there yet."""
    return [
        MessageCreated(
            chat_id=chat_id,
            bot_id=bot_id,
            message_id=message_id,
            user_message_id=user_message_id(message_id),
            content_hash=content_hash,
            stream=stream,
        )
    ]


def request_stop(turn: Turn, chat_id: UUID) -> list[EventPayload]:
    """Write no more of the answer; nothing where that was asked for already, or where it has ended."""
    created = require_of_chat(turn, chat_id)
    if turn.stop_requested or turn.state is not TurnState.RUNNING:
        return []
    return [StopRequested(chat_id=created.chat_id, bot_id=created.bot_id, message_id=created.message_id)]


def complete(
    turn: Turn, *, content_hash: str, usage: Usage, citations: Sequence[Citation], figures: Figures
) -> list[EventPayload]:
    """The answer is whole, or as much of it as was wanted."""
    created = require_running(turn)
    return [
        MessageCompleted(
            chat_id=created.chat_id,
            bot_id=created.bot_id,
            message_id=created.message_id,
            content_hash=content_hash,
            usage=usage,
            citations=list(citations),
            attempt=figures.attempt,
            stream=created.stream,
            first_token_ms=figures.first_token_ms,
            duration_ms=figures.duration_ms,
            frames=figures.frames,
            stopped=figures.stopped,
        )
    ]


def fail(
    turn: Turn,
    *,
    failure: TurnFailure,
    figures: Figures,
    usage: Usage | None,
    citations: Sequence[Citation] = (),
) -> list[EventPayload]:
    """There will be no (whole) answer."""
    created = require_running(turn)
    return [
        MessageFailed(
            chat_id=created.chat_id,
            bot_id=created.bot_id,
            message_id=created.message_id,
            code=failure.code,
            detail=failure.detail,
            attempt=figures.attempt,
            usage=usage,
            citations=list(citations),
            frames=figures.frames,
        )
    ]


def give_feedback(turn: Turn, chat_id: UUID, feedback: Feedback | None) -> list[EventPayload]:
    """Judge the answer; the same judgement again changes nothing."""
    created = require_of_chat(turn, chat_id)
    if turn.state is TurnState.RUNNING:
        raise FeedbackTooEarly
    if turn.feedback == feedback:
        return []
    return [
        FeedbackGiven(
            chat_id=created.chat_id, bot_id=created.bot_id, message_id=created.message_id, feedback=feedback
        )
    ]


def evolve(turn: Turn, event: EventPayload) -> Turn:
    """The turn after the event."""
    match event:
        case MessageCreated():
            return Turn(state=TurnState.RUNNING, created=event)
        case StopRequested():
            return replace(turn, stop_requested=True)
        case MessageCompleted():
            return replace(turn, state=TurnState.COMPLETED)
        case MessageFailed():
            return replace(turn, state=TurnState.FAILED)
        case FeedbackGiven():
            return replace(turn, feedback=event.feedback)
    return turn


def require_of_chat(turn: Turn, chat_id: UUID) -> MessageCreated:
    """How it began; raises MessageNotFound unless it is a turn of this chat."""
    if turn.created is None or turn.created.chat_id != chat_id:
        raise MessageNotFound
    return turn.created


def require_running(turn: Turn) -> MessageCreated:
    """How it began; raises TurnOver unless it is running."""
    if turn.created is None or turn.state is not TurnState.RUNNING:
        raise TurnOver
    return turn.created
