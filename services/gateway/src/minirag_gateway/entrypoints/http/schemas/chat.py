"""Chat, as clients send and get it (spec §11)."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from minirag_contracts.events.chat import Feedback
from minirag_contracts.requests.chat import CitationRead, GiveFeedback, MessageRead, StartTurn, UsageRead
from pydantic import BaseModel, Field

from minirag_gateway.entrypoints.http.bodies import Body


class ChatCreate(Body):
    """A question to a bot, in a new conversation or an existing one."""

    bot_profile_id: UUID
    message: str = Field(min_length=1, max_length=32_000, repr=False, examples=["When are you open?"])
    chat_id: UUID | None = None
    stream: bool = False

    def request(self, message_id: UUID) -> StartTurn:
        """What chat is asked; the answer gets ``message_id``."""
        return StartTurn(
            bot_id=self.bot_profile_id,
            chat_id=self.chat_id,
            message_id=message_id,
            content=self.message,
            stream=self.stream,
        )


class FeedbackWrite(Body):
    """A judgement of an answer; ``null`` takes it back, leaving it out is a mistake."""

    feedback: Feedback | None

    def request(self, chat_id: UUID, message_id: UUID) -> GiveFeedback:
        """What chat is asked."""
        return GiveFeedback(chat_id=chat_id, message_id=message_id, feedback=self.feedback)


class AnswerMessage(BaseModel):
    """The answer itself; its citations are beside it."""

    id: UUID
    chat_id: UUID
    role: Literal["assistant"] = "assistant"
    content: str
    prompt_tokens: int
    completion_tokens: int
    feedback: Feedback | None
    created_at: datetime


class ChatAnswer(BaseModel):
    """A whole answer, for those who do not stream."""

    chat_id: UUID
    message: AnswerMessage
    sources: list[CitationRead]
    usage: UsageRead

    @classmethod
    def of(cls, message: MessageRead, usage: UsageRead) -> "ChatAnswer":
        """The answer as stored."""
        answer = AnswerMessage(
            id=message.id,
            chat_id=message.chat_id,
            content=message.content,
            prompt_tokens=message.prompt_tokens,
            completion_tokens=message.completion_tokens,
            feedback=message.feedback,
            created_at=message.created_at,
        )
        return cls(chat_id=message.chat_id, message=answer, sources=message.sources, usage=usage)
