"""The bot profile: which model answers and how, and what its visitors see of it."""

from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from minirag_contracts.errors import InvalidRequest
from minirag_contracts.events import EventPayload
from minirag_contracts.events.chat import BotActivated, BotCreated, BotDeactivated, BotSettings, BotUpdated
from minirag_contracts.requests.bots import BotChanges
from minirag_contracts.requests.chat import BotCredentials, CreateBot

from minirag_chat.domain.models import checked_model_name
from minirag_chat.domain.text import storable
from minirag_chat.errors import BotNotFound

IDENTITY_SECRET_MIN, IDENTITY_SECRET_MAX = 32, 512
"""Characters of the secret with which a site vouches for its visitors; HS256 is no better than its key."""

CONFIGURED = frozenset(BotSettings.model_fields) - {"bot_id", "has_credentials", "has_identity_secret"}
"""What a client sets as it stands; whether there are secrets follows from the secrets."""

SYSTEM_PROMPT_MAX = 100_000
"""Characters: a list shows the prompts of many bots."""

S = TypeVar("S", bound=BotSettings)


@dataclass(frozen=True, slots=True)
class Bot:
    """What decisions need to know of a bot; no settings: there is none."""

    settings: BotSettings | None = None
    is_active: bool = False


def stream_of(bot_id: UUID) -> str:
    """The bot's event stream."""
    return f"bot-{bot_id}"


def create(bot_id: UUID, request: CreateBot, default_model: str) -> list[EventPayload]:
    """A new bot; the model is resolved now, so that a later default does not change old bots."""
    _check_secrets(request.credentials, request.identity_secret)
    _check_prompt(request.system_prompt)
    return [
        checked(
            BotCreated(
                bot_id=bot_id,
                name=request.name,
                description=request.description,
                model=request.model or default_model,
                embedding_model=request.embedding_model,
                system_prompt=request.system_prompt,
                temperature=request.temperature,
                max_tokens=request.max_tokens,
                has_credentials=request.credentials is not None,
                greeting=request.greeting,
                suggested_questions=request.suggested_questions,
                has_identity_secret=request.identity_secret is not None,
            )
        )
    ]


def update(bot: Bot, changes: BotChanges, *, secrets_differ: bool) -> list[EventPayload]:
    """The bot as configured anew; nothing where nothing would be different.

    ``secrets_differ``: a key or secret is set whose value is another than the stored one.
    """
    before = require(bot)
    wanted = changes.model_fields_set
    _check_secrets(changes.credentials, changes.identity_secret)
    if "system_prompt" in wanted:  # one from before there was this limit may stay
        _check_prompt(changes.system_prompt)
    values = {name: getattr(changes if name in wanted else before, name) for name in CONFIGURED}
    if "credentials" in wanted:
        values["has_credentials"] = changes.credentials is not None
    if "identity_secret" in wanted:
        values["has_identity_secret"] = changes.identity_secret is not None
    after = checked(BotUpdated.model_validate({**before.model_dump(), **values}))
    events: list[EventPayload] = []
    if secrets_differ or after.model_dump() != before.model_dump():
        events.append(after)
    if "is_active" in wanted and changes.is_active != bot.is_active:
        chosen = BotActivated if changes.is_active else BotDeactivated
        events.append(chosen(bot_id=before.bot_id))
    return events


def deactivate(bot: Bot) -> list[EventPayload]:
    """The bot answers no more; once is enough."""
    settings = require(bot)
    return [BotDeactivated(bot_id=settings.bot_id)] if bot.is_active else []


def evolve(bot: Bot, event: EventPayload) -> Bot:
    """The bot after the event."""
    match event:
        case BotCreated():
            return Bot(settings=event, is_active=True)
        case BotUpdated():
            return replace(bot, settings=event)
        case BotActivated():
            return replace(bot, is_active=True)
        case BotDeactivated():
            return replace(bot, is_active=False)
    return bot


def require(bot: Bot) -> BotSettings:
    """Its configuration; raises BotNotFound."""
    if bot.settings is None:
        raise BotNotFound
    return bot.settings


def checked(settings: S) -> S:
    """The same, within the limits of spec §7 and storable; the gateway names the field as well, this is the owner's own check."""
    questions = settings.suggested_questions
    limits = [
        (1 <= len(settings.name) <= 255, "The name must have 1 to 255 characters."),
        (len(settings.description) <= 1000, "The description must have at most 1000 characters."),
        (len(settings.embedding_model or "") <= 100, "The embedding model must have at most 100 characters."),
        (0.0 <= settings.temperature <= 2.0, "The temperature must lie between 0 and 2."),
        (1 <= settings.max_tokens <= 128_000, "max_tokens must lie between 1 and 128000."),
        (len(settings.greeting or "") <= 500, "The greeting must have at most 500 characters."),
        (len(questions) <= 6, "There must be at most 6 suggested questions."),
        (
            all(1 <= len(one) <= 200 for one in questions),
            "A suggested question must have 1 to 200 characters.",
        ),
    ]
    for holds, sentence in limits:
        if not holds:
            raise InvalidRequest(sentence)
    checked_model_name(settings.model)
    texts = {
        "name": settings.name,
        "description": settings.description,
        "embedding model": settings.embedding_model or "",
        "system prompt": settings.system_prompt,
        "greeting": settings.greeting or "",
        "suggested questions": "".join(questions),
    }
    for what, value in texts.items():
        storable(value, f"The {what}")
    return settings


def _check_prompt(system_prompt: str) -> None:
    if len(system_prompt) > SYSTEM_PROMPT_MAX:
        raise InvalidRequest(f"The system prompt must have at most {SYSTEM_PROMPT_MAX} characters.")


def _check_secrets(credentials: BotCredentials | None, identity_secret: str | None) -> None:
    if credentials is not None:
        if not credentials.api_key:
            raise InvalidRequest("The API key is empty.")
        storable(credentials.api_key, "The API key")
    if identity_secret is not None:
        if not IDENTITY_SECRET_MIN <= len(identity_secret) <= IDENTITY_SECRET_MAX:
            raise InvalidRequest(
                f"The identity secret must have {IDENTITY_SECRET_MIN} to {IDENTITY_SECRET_MAX} characters."
            )
        storable(identity_secret, "The identity secret")
