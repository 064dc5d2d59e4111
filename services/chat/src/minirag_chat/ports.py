"""What chat needs from the outside, as seen from the inside."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.frames import Frame
from minirag_contracts.requests.chat import CitationRead, ModelPrice
from minirag_contracts.requests.retrieval import SearchReply
from minirag_contracts.signals import Signal

from minirag_chat.domain.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class TokenCount:
    """What the answer consumed; ``cached_tokens`` is the part of ``prompt_tokens`` that the provider had cached."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Params:
    """How the model is asked. ``model`` is the name that its adapter understands."""

    model: str
    temperature: float
    max_tokens: int
    api_key: str | None = field(default=None, repr=False)


class LanguageModel(Protocol):
    """Something that answers."""

    @property
    def highlights(self) -> int:
        """How many best sentences it wants of the search; 0 for none."""
        ...

    def stream(self, prompt: Prompt, params: Params) -> AsyncGenerator[Delta | TokenCount, None]:
        """Pieces as they come, then (where known) one TokenCount, also before a failure; raises LlmFailure."""
        ...


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A bot's model, ready to be asked under the name that its adapter understands."""

    model: LanguageModel
    name: str


class Models(Protocol):
    """All models that there are."""

    def choose(self, model: str, *, has_credentials: bool) -> ChosenModel:
        """Raises ModelNotConfigured or ModelUnknown. Quick: no network, no import of a provider's library."""
        ...

    def warm(self, model: str, *, has_credentials: bool) -> None:
        """The model will be asked soon: start what it needs, in the background."""
        ...

    def cost_usd(self, model: str, count: TokenCount) -> float | None:
        """The price of an answer today; None where it is unknown."""
        ...


class PriceBook(Protocol):
    """What models cost today."""

    @property
    def default(self) -> ModelPrice:
        """What a model costs of which nobody knows a price."""
        ...

    def of(self, model: str) -> ModelPrice:
        """US dollars for a million tokens. Reads a file the first time that it is asked for a name."""
        ...


class Signals(Protocol):
    """What is worth telling at this moment."""

    async def signal(self, subject: str, signal: Signal) -> None:
        """Best effort: whoever listens now hears it."""
        ...


class Retrieval(Protocol):
    """The knowledge of the bots."""

    async def search(
        self, context: Context, bot_id: UUID, query: str, *, top_k: int, highlights: int
    ) -> SearchReply:
        """The best passages; raises RetrievalUnavailable."""
        ...


class FrameBus(Protocol):
    """Where the frames of running turns go."""

    async def publish_frame(self, tenant_id: UUID, message_id: UUID, frame: Frame) -> None:
        """Fire and forget."""
        ...

    async def stored_frames(self, scope: TenantScope, message_id: UUID, after: int = -1) -> list[Frame]:
        """What was published of a turn, as far as it is still kept."""
        ...


class Contents(Protocol):
    """Texts, apart from the events. Each takes the connection of the transaction that it is part of."""

    async def add_message(
        self,
        connection: Any,
        scope: TenantScope,
        message_id: UUID,
        text: str,
        citations: Sequence[CitationRead] = (),
    ) -> str:
        """Stores a message's text and what its citations show; gives the salted hash for the event."""
        ...

    async def add_title(self, connection: Any, scope: TenantScope, chat_id: UUID, title: str) -> None:
        """Stores the title of a chat."""
        ...

    def open_credentials(self, sealed: bytes) -> str:
        """The provider's key again."""
        ...


class Secrets(Protocol):
    """What bots keep to themselves: a provider's key, and a site's secret. Sealed; each call within its transaction."""

    async def credentials(self, connection: Any, bot_id: UUID) -> str | None:
        """The provider's key in clear; None where there is none."""
        ...

    async def set_credentials(
        self, connection: Any, scope: TenantScope, bot_id: UUID, api_key: str | None
    ) -> None:
        """Keeps this key in the place of any other; None: keeps none."""
        ...

    async def identity_secret(self, connection: Any, bot_id: UUID) -> str | None:
        """The site's secret in clear; None where there is none."""
        ...

    async def set_identity_secret(
        self, connection: Any, scope: TenantScope, bot_id: UUID, secret: str | None
    ) -> None:
        """Keeps this secret in the place of any other; None: keeps none."""
        ...


class Identities(Protocol):
    """What sites say of their visitors."""

    def subject(self, token: str, secret: str) -> str:
        """The name by which the site knows its visitor; raises InvalidIdentity for anything that it did not sign so."""
        ...
