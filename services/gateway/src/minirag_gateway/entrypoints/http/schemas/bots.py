"""Bot profiles, as clients send them (spec §7)."""

from typing import Annotated, Any

from minirag_contracts.requests.bots import BotChanges, UpdateBot
from minirag_contracts.requests.chat import BotCredentials, CreateBot
from pydantic import Field, SecretStr

from minirag_gateway.entrypoints.http.bodies import Body

Question = Annotated[str, Field(min_length=1, max_length=200)]

IdentitySecret = Annotated[
    SecretStr,
    Field(
        min_length=32,
        max_length=512,
        description="With it your site signs who its visitors are. Never read back.",
    ),
]


class CredentialsWrite(Body):
    """A provider's key; written, never read back."""

    api_key: SecretStr | None = None

    def key(self) -> BotCredentials | None:
        """What chat is told; None where there is no key in it."""
        value = self.api_key.get_secret_value() if self.api_key else ""
        return BotCredentials(api_key=value) if value else None


class BotProfileCreate(Body):
    """A new bot. Without ``model`` it uses the operator's default."""

    name: str = Field(min_length=1, max_length=255, examples=["Helpdesk"])
    description: str = Field(default="", max_length=1000)
    model: str | None = Field(default=None, min_length=1, max_length=100, examples=["minirag/extractive"])
    embedding_model: str | None = Field(default=None, min_length=1, max_length=100)
    system_prompt: str = Field(default="You are a helpful assistant.", max_length=100_000)
    temperature: float = Field(default=0.7, ge=0.0, le=2.0)
    max_tokens: int = Field(default=1024, ge=1, le=128_000)
    credentials: CredentialsWrite | None = None
    greeting: str | None = Field(default=None, max_length=500, description="What the widget says first.")
    suggested_questions: list[Question] = Field(default=[], max_length=6)
    identity_secret: IdentitySecret | None = None

    def request(self) -> CreateBot:
        """What chat is asked."""
        return CreateBot(
            name=self.name,
            description=self.description,
            model=self.model,
            embedding_model=self.embedding_model,
            system_prompt=self.system_prompt,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            credentials=self.credentials.key() if self.credentials else None,
            greeting=self.greeting,
            suggested_questions=self.suggested_questions,
            identity_secret=self.identity_secret.get_secret_value() if self.identity_secret else None,
        )


def _absent() -> Any:
    """What a field has that was not sent: it is never looked at, and the document shows no default."""
    return None


class BotProfileUpdate(Body):
    """What shall be different; a field that is left out stays as it is.

    ``credentials``: an object replaces the key, ``{}`` or ``null`` clears it; ``identity_secret``: ``null`` clears it.
    """

    name: str = Field(default_factory=_absent, min_length=1, max_length=255)
    description: str = Field(default_factory=_absent, max_length=1000)
    model: str = Field(default_factory=_absent, min_length=1, max_length=100)
    embedding_model: str | None = Field(default_factory=_absent, min_length=1, max_length=100)
    system_prompt: str = Field(default_factory=_absent, max_length=100_000)
    temperature: float = Field(default_factory=_absent, ge=0.0, le=2.0)
    max_tokens: int = Field(default_factory=_absent, ge=1, le=128_000)
    credentials: CredentialsWrite | None = Field(default_factory=_absent)
    is_active: bool = Field(default_factory=_absent, description="`false` lets the bot answer no more.")
    greeting: str | None = Field(default_factory=_absent, max_length=500)
    suggested_questions: list[Question] = Field(default_factory=_absent, max_length=6)
    identity_secret: IdentitySecret | None = Field(default_factory=_absent)

    def request(self, bot_id: Any) -> UpdateBot:
        """What chat is asked: only the fields that were sent."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if isinstance(sent.get("credentials"), CredentialsWrite):
            sent["credentials"] = sent["credentials"].key()
        if isinstance(sent.get("identity_secret"), SecretStr):
            sent["identity_secret"] = sent["identity_secret"].get_secret_value()
        return UpdateBot(bot_id=bot_id, changes=BotChanges(**sent))
