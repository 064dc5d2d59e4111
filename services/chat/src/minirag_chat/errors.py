"""Everything that chat refuses, and every way in which a turn can fail.

Refusals answer a request and write nothing. Failures end an accepted turn: their text is ours, never a provider's, since it
reaches clients and is stored; what the provider said stays in the worker's log as class and status.
"""

from http import HTTPStatus
from typing import ClassVar

from minirag_contracts.errors import InvalidRequest, Refusal


class BotNotFound(Refusal):
    """Bot profile not found"""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class BotNotUsable(BotNotFound):
    """Bot profile not found or inactive"""


class ChatNotFound(Refusal):
    """Chat session not found"""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class MessageNotFound(Refusal):
    """Message not found"""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class InvalidIdentity(Refusal):
    """The identity is not a valid token of this bot's site."""

    status = HTTPStatus.UNAUTHORIZED
    code = "invalid_identity"


class SessionEnded(Refusal):
    """This session has ended: what was said in it has been erased."""

    status = HTTPStatus.UNAUTHORIZED
    code = "session_ended"


class FeedbackOnQuestion(Refusal):
    """Feedback can only be set on assistant messages"""

    code = "feedback_not_allowed"


class FeedbackTooEarly(Refusal):
    """Feedback can be set once the answer is complete."""

    status = HTTPStatus.CONFLICT
    code = "turn_running"


class MessageIdTaken(Refusal):
    """There is a message with this id already."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class ModelNotConfigured(Refusal):
    """The bot's model needs an API key that is not configured."""

    code = "model_not_configured"


class ModelUnknown(Refusal):
    """No provider is known for the bot's model."""

    code = "model_unknown"


class InvalidText(InvalidRequest):
    """The text is empty, too long, or holds characters that cannot be stored."""

    code = "invalid_text"


class TurnFailure(Exception):
    """The answer could not be produced."""

    code: ClassVar[str] = "turn_failed"

    @property
    def detail(self) -> str:
        """The sentence for people."""
        return " ".join((type(self).__doc__ or "").split())


class InternalFailure(TurnFailure):
    """Something went wrong on our side while the answer was written. Please ask again."""

    code = "internal_error"


class TurnInterrupted(TurnFailure):
    """The answer was interrupted because the process that wrote it stopped. What had been written is kept."""

    code = "turn_interrupted"


class TurnTooLong(TurnFailure):
    """The answer took longer than a turn may take. What had been written is kept."""

    code = "turn_timeout"


class BotInactive(TurnFailure):
    """The bot was deactivated before it could answer."""

    code = "bot_inactive"


class RetrievalUnavailable(TurnFailure):
    """The bot's knowledge could not be searched in time. Please ask again."""

    code = "retrieval_unavailable"


class LlmFailure(TurnFailure):
    """LLM request failed: the provider did not produce an answer. Please ask again."""

    code = "llm_failed"


class LlmAuthenticationFailed(LlmFailure):
    """LLM authentication failed: the provider did not accept the API key that is configured for this bot."""

    code = "llm_authentication_failed"


class LlmRateLimited(LlmFailure):
    """LLM rate limit exceeded: the provider accepts no more requests for now. Please ask again later."""

    code = "llm_rate_limited"


class LlmTimedOut(LlmFailure):
    """LLM request timed out: the provider did not answer in time. Please ask again."""

    code = "llm_timeout"


class LlmContextExceeded(LlmFailure):
    """LLM request refused: the conversation and its sources are longer than the model can read."""

    code = "llm_context_exceeded"


class LlmRequestRefused(LlmFailure):
    """LLM request refused: the provider does not know this model or does not accept the bot's settings."""

    code = "llm_request_refused"


class LlmUnavailable(LlmFailure):
    """LLM provider unavailable: it could not be reached or reported a fault of its own. Please ask again."""

    code = "llm_unavailable"


class LlmInterrupted(LlmFailure):
    """LLM answer interrupted: the connection to the model was lost. What had been written is kept."""

    code = "llm_interrupted"


LLM_FAILURES: dict[str, type[LlmFailure]] = {
    failure.code: failure
    for failure in (
        LlmFailure,
        LlmAuthenticationFailed,
        LlmRateLimited,
        LlmTimedOut,
        LlmContextExceeded,
        LlmRequestRefused,
        LlmUnavailable,
        LlmInterrupted,
    )
}
"""Code → failure: the codes are what crosses from the LLM worker, and nothing else does."""
