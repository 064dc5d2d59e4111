"""What may be asked of chat: bots, turns, messages, feedback, prices."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from minirag_contracts.events.chat import Feedback
from minirag_contracts.requests.base import Page, Reply, Request


class ChatRequest(Request):
    """Anything asked of chat."""

    service: ClassVar[str] = "chat"


class BotRead(Reply):
    """A bot profile as clients see it (spec §7)."""

    id: UUID
    tenant_id: UUID
    name: str
    description: str
    model: str
    embedding_model: str | None
    system_prompt: str
    temperature: float
    max_tokens: int
    has_credentials: bool
    is_active: bool
    created_at: datetime
    updated_at: datetime
    greeting: str | None = None
    suggested_questions: list[str] = []
    has_identity_secret: bool = False


class BotCredentials(Reply):
    """A provider's key for one bot. Only ever in a request, never in a reply or an event."""

    api_key: str = Field(repr=False)


class CreateBot(ChatRequest):
    """Make a bot profile. ``model`` None means the operator's default."""

    verb: ClassVar[str] = "bots.create"
    Returns: ClassVar[type[Reply]] = BotRead

    name: str
    description: str = ""
    model: str | None = None
    embedding_model: str | None = None
    system_prompt: str = "You are a helpful assistant."
    temperature: float = 0.7
    max_tokens: int = 1024
    credentials: BotCredentials | None = None
    greeting: str | None = None
    suggested_questions: list[str] = []
    identity_secret: str | None = Field(default=None, repr=False)


class GetBot(ChatRequest):
    """One bot profile; ``not_found`` for an unknown or foreign one."""

    verb: ClassVar[str] = "bots.get"
    Returns: ClassVar[type[Reply]] = BotRead

    bot_id: UUID


class BotList(Reply):
    """Newest first, inactive ones included."""

    items: list[BotRead]
    next: str | None = None


class ListBots(ChatRequest, Page):
    """The tenant's bot profiles."""

    verb: ClassVar[str] = "bots.list"
    Returns: ClassVar[type[Reply]] = BotList


class TurnStarted(Reply):
    """The turn is committed and will end in an answer or a failure."""

    chat_id: UUID
    message_id: UUID
    user_message_id: UUID


class StartTurn(ChatRequest):
    """Ask a bot something. The caller chooses ``message_id`` (of the answer) so that it can listen for frames before it asks."""

    verb: ClassVar[str] = "turns.start"
    Returns: ClassVar[type[Reply]] = TurnStarted

    bot_id: UUID
    chat_id: UUID | None = None
    message_id: UUID
    content: str = Field(repr=False)
    stream: bool = False


class CitationRead(Reply):
    """A passage that an answer stands on (spec §11: ``sources[]``); ``content`` is its first 200 characters."""

    n: int
    chunk_id: UUID
    source_id: UUID
    content: str
    score: float
    title: str | None = None
    url: str | None = None
    page: int | None = None
    heading: str | None = None


class MessageRead(Reply):
    """One message of a conversation, with its citations."""

    id: UUID
    chat_id: UUID
    role: Literal["system", "user", "assistant"]
    content: str
    prompt_tokens: int
    completion_tokens: int
    feedback: Feedback | None
    created_at: datetime
    sources: list[CitationRead] = []


class UsageRead(Reply):
    """What a turn consumed."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TurnRead(Reply):
    """The state of one turn; ``content`` is all there is so far once it has ended.

    ``frames`` tells how many frames were published when it ended (the last has n = frames - 1), ``stopped`` whether
    it was completed because somebody wanted no more of it.
    """

    chat_id: UUID
    message_id: UUID
    state: Literal["running", "completed", "failed"]
    message: MessageRead | None = None
    usage: UsageRead | None = None
    error_code: str | None = None
    error_detail: str | None = None
    frames: int = 0
    stopped: bool = False


class GetTurn(ChatRequest):
    """How a turn stands: for resumption, and for a gateway that has heard nothing for a while."""

    verb: ClassVar[str] = "turns.get"
    Returns: ClassVar[type[Reply]] = TurnRead

    chat_id: UUID
    message_id: UUID


class CancelTurn(ChatRequest):
    """Stop writing this answer and keep what there is; answered at once, with the turn as it stands.

    Safe to repeat, and worth it while the turn is still running: each time, whoever writes it is told again.
    """

    verb: ClassVar[str] = "turns.cancel"
    Returns: ClassVar[type[Reply]] = TurnRead

    chat_id: UUID
    message_id: UUID


class ChatRead(Reply):
    """A conversation (spec §11)."""

    id: UUID
    tenant_id: UUID
    bot_profile_id: UUID
    title: str
    message_count: int
    total_prompt_tokens: int
    total_completion_tokens: int
    created_at: datetime
    updated_at: datetime


class ChatList(Reply):
    """Newest first."""

    items: list[ChatRead]
    next: str | None = None


class GetChat(ChatRequest):
    """One conversation."""

    verb: ClassVar[str] = "chats.get"
    Returns: ClassVar[type[Reply]] = ChatRead

    chat_id: UUID


class ListChats(ChatRequest, Page):
    """The tenant's conversations, of one bot if given."""

    verb: ClassVar[str] = "chats.list"
    Returns: ClassVar[type[Reply]] = ChatList

    bot_id: UUID | None = None
    offset: int = 0
    search: str | None = Field(default=None, repr=False)


class MessageList(Reply):
    """Oldest first."""

    items: list[MessageRead]
    next: str | None = None


class ListMessages(ChatRequest, Page):
    """The messages of one conversation."""

    verb: ClassVar[str] = "messages.list"
    Returns: ClassVar[type[Reply]] = MessageList

    chat_id: UUID


class GiveFeedback(ChatRequest):
    """Judge an answer; None takes the judgement back."""

    verb: ClassVar[str] = "feedback.give"
    Returns: ClassVar[type[Reply]] = MessageRead

    chat_id: UUID
    message_id: UUID
    feedback: Feedback | None


class ModelPrice(Reply):
    """US dollars for a million tokens; None where no price is known."""

    prompt_cost_per_1m: float | None
    completion_cost_per_1m: float | None


UNKNOWN_PRICE = ModelPrice(prompt_cost_per_1m=None, completion_cost_per_1m=None)


class PriceList(Reply):
    """Today's price of each model that was asked for; ``default`` is what a model costs that has none."""

    models: dict[str, ModelPrice]
    default: ModelPrice


class GetPrices(ChatRequest):
    """What models cost; without names, those of the tenant's bots and the well-known ones of spec §15."""

    verb: ClassVar[str] = "prices.get"
    Returns: ClassVar[type[Reply]] = PriceList

    models: list[str] | None = None
