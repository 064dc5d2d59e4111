"""The bot profile: which model answers, and how."""

from dataclasses import dataclass
from uuid import UUID

from minirag_contracts.errors import InvalidRequest
from minirag_contracts.events import EventPayload
from minirag_contracts.events.chat import BotCreated
from minirag_contracts.requests.chat import CreateBot

from minirag_chat.domain.models import checked_model_name
from minirag_chat.domain.text import storable


@dataclass(frozen=True, slots=True)
class Bot:
    """What decisions need to know of a bot."""

    exists: bool = False
    model: str = ""
    has_credentials: bool = False
    is_active: bool = False


def stream_of(bot_id: UUID) -> str:
    """The bot's event stream."""
    return f"bot-{bot_id}"


def create(bot_id: UUID, request: CreateBot, default_model: str) -> list[EventPayload]:
    """A new bot; the model is resolved now, so that a later default does not change old bots."""
    _check(request)
    return [
        BotCreated(
            bot_id=bot_id,
            name=storable(request.name, "The name"),
            description=storable(request.description, "The description"),
            model=checked_model_name(request.model or default_model),
            embedding_model=request.embedding_model,
            system_prompt=storable(request.system_prompt, "The system prompt"),
            temperature=request.temperature,
            max_tokens=request.max_tokens,
            has_credentials=request.credentials is not None,
            greeting=None,
            suggested_questions=[],
            has_identity_secret=False,
        )
    ]


def evolve(bot: Bot, event: EventPayload) -> Bot:
    """The bot after the event."""
    if isinstance(event, BotCreated):
        return Bot(exists=True, model=event.model, has_credentials=event.has_credentials, is_active=True)
    return bot


def _check(request: CreateBot) -> None:
    """The limits of spec §7; the gateway names the field as well, this is the owner's own check."""
    limits = [
        (1 <= len(request.name) <= 255, "The name must have 1 to 255 characters."),
        (len(request.description) <= 1000, "The description must have at most 1000 characters."),
        (len(request.embedding_model or "") <= 100, "The embedding model must have at most 100 characters."),
        (0.0 <= request.temperature <= 2.0, "The temperature must lie between 0 and 2."),
        (1 <= request.max_tokens <= 128_000, "max_tokens must lie between 1 and 128000."),
        (request.credentials is None or bool(request.credentials.api_key), "The API key is empty."),
    ]
    for holds, sentence in limits:
        if not holds:
            raise InvalidRequest(sentence)
