"""Bot profiles, as clients send them (spec §7)."""

from minirag_contracts.requests.chat import BotCredentials, CreateBot
from pydantic import Field, SecretStr

from minirag_gateway.entrypoints.http.bodies import Body


class CredentialsWrite(Body):
    """A provider's key; written, never read back."""

    api_key: SecretStr | None = None


class BotProfileCreate(Body):
    """A new bot. Without ``model`` it uses the operator's default."""

    name: str = Field(min_length=1, max_length=255, examples=["Helpdesk"])
    description: str = Field(default="", max_length=1000)
    model: str | None = Field(default=None, min_length=1, max_length=100, examples=["minirag/extractive"])
    embedding_model: str | None = Field(default=None, min_length=1, max_length=100)
    system_prompt: str = "You are a helpful assistant."
    temperature: float = Field(default=0.7, ge=0.0, le=2.0)
    max_tokens: int = Field(default=1024, ge=1, le=128_000)
    credentials: CredentialsWrite | None = None

    def request(self) -> CreateBot:
        """What chat is asked."""
        key = self.credentials.api_key if self.credentials else None
        return CreateBot(
            name=self.name,
            description=self.description,
            model=self.model,
            embedding_model=self.embedding_model,
            system_prompt=self.system_prompt,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            credentials=BotCredentials(api_key=key.get_secret_value())
            if key and key.get_secret_value()
            else None,
        )
