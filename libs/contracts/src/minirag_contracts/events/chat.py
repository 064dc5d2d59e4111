"""Events of bots, chats and turns. What people and models wrote is content, referred to by id and salted hash."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from minirag_contracts.events.base import EventPayload, Value

Feedback = Literal["positive", "negative"]


class BotCreated(EventPayload):
    """A bot profile exists. Provider credentials are content."""

    type: ClassVar[str] = "bot.created"
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


class MessageCompleted(EventPayload):
    """A turn was answered."""

    type: ClassVar[str] = "chat.message.completed"
    owner: ClassVar[str] = "chat"

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
