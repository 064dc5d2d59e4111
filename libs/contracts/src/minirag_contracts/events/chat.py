"""Events of bots, chats and turns. What people and models wrote is content, referred to by id and salted hash."""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from minirag_contracts.events.base import EventPayload, Value, upcaster

Feedback = Literal["positive", "negative"]


class BotSettings(EventPayload):
    """A bot's whole configuration, as the events that set it carry it. Credentials and secrets are content."""

    owner: ClassVar[str] = "chat"

    bot_id: UUID
    name: str
    description: str
    model: str
    embedding_model: str | None
    system_prompt: str
    temperature: float
    max_tokens: int
    has_credentials: bool
    greeting: str | None
    """What the widget says first; None: its own words."""
    suggested_questions: list[str]
    has_identity_secret: bool
    """Whether a site may vouch for its visitors with a secret shared with us."""


class BotCreated(BotSettings):
    """A bot profile exists."""

    type: ClassVar[str] = "bot.created"
    schema_version: ClassVar[int] = 2


@upcaster("bot.created", 1)
def _without_a_face(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 a bot had nothing for its visitors."""
    return {**data, "greeting": None, "suggested_questions": [], "has_identity_secret": False}


class BotUpdated(BotSettings):
    """A bot was configured anew; the event has the whole configuration, not the difference."""

    type: ClassVar[str] = "bot.updated"


class BotDeactivated(EventPayload):
    """A bot answers no more."""

    type: ClassVar[str] = "bot.deactivated"
    owner: ClassVar[str] = "chat"

    bot_id: UUID


class BotActivated(EventPayload):
    """A bot that was deactivated answers again."""

    type: ClassVar[str] = "bot.activated"
    owner: ClassVar[str] = "chat"

    bot_id: UUID


class ChatStarted(EventPayload):
    """A conversation with a bot began. Its title is the visitor's text, so it is content."""

    type: ClassVar[str] = "chat.started"
    owner: ClassVar[str] = "chat"

    chat_id: UUID
    bot_id: UUID


class MessageCreated(EventPayload):
    """A turn was accepted: a question that will have an answer or a failure."""

    type: ClassVar[str] = "chat.message.created"
    owner: ClassVar[str] = "chat"

    chat_id: UUID
    bot_id: UUID
    message_id: UUID
    """Of the answer; the turn is named after it."""
    user_message_id: UUID
    content_hash: str
    stream: bool


class Citation(Value):
    """A passage that was given to the model, by reference."""

    n: int
    chunk_id: UUID
    source_id: UUID
    score: float


class Usage(Value):
    """What a turn consumed. ``cost_usd`` is at the price of the moment; None where the model has no known price."""

    model: str
    prompt_tokens: Annotated[int, Field(ge=0)]
    completion_tokens: Annotated[int, Field(ge=0)]
    cost_usd: float | None = None


class StopRequested(EventPayload):
    """Somebody wants no more of an answer that is being written. It ends as completed, with what there is."""

    type: ClassVar[str] = "chat.stop.requested"
    owner: ClassVar[str] = "chat"

    chat_id: UUID
    bot_id: UUID
    message_id: UUID


class MessageCompleted(EventPayload):
    """A turn was answered, or stopped by who had asked."""

    type: ClassVar[str] = "chat.message.completed"
    owner: ClassVar[str] = "chat"
    schema_version: ClassVar[int] = 2

    chat_id: UUID
    bot_id: UUID
    message_id: UUID
    content_hash: str
    usage: Usage
    citations: list[Citation]
    attempt: int
    stream: bool
    first_token_ms: int | None = None
    duration_ms: int
    frames: int = 0
    """How many frames were published, the last one included."""
    stopped: bool = False
    """Whether it was stopped on request: then it is not whole, and its usage may be an estimate."""


@upcaster("chat.message.completed", 1)
def _never_stopped(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 no answer could be stopped."""
    return {**data, "stopped": False}


class MessageFailed(EventPayload):
    """A turn ended without a whole answer; what was produced is kept as content."""

    type: ClassVar[str] = "chat.message.failed"
    owner: ClassVar[str] = "chat"

    chat_id: UUID
    bot_id: UUID
    message_id: UUID
    code: str
    detail: str
    """For people; made by us, never a provider's text."""
    attempt: int
    usage: Usage | None = None
    """What was consumed before it failed; None where the model was not asked."""
    citations: list[Citation] = []
    frames: int = 0
    """How many frames were published, the last one included."""


class FeedbackGiven(EventPayload):
    """Somebody judged an answer, or took the judgement back."""

    type: ClassVar[str] = "chat.feedback.given"
    owner: ClassVar[str] = "chat"

    chat_id: UUID
    bot_id: UUID
    message_id: UUID
    feedback: Feedback | None
