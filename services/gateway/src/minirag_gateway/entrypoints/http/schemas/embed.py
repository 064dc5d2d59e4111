"""Embed keys and visitors' sessions, as clients send and get them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from minirag_contracts.errors import InvalidRequest
from pydantic import AfterValidator, BaseModel, Field, SecretStr

from minirag_gateway.commands.embed_keys import CreateEmbedKey, UpdateEmbedKey
from minirag_gateway.domain import embed_key
from minirag_gateway.entrypoints.http.bodies import Body
from minirag_gateway.entrypoints.http.schemas.changes import UpdateWithoutNull, absent


def _origins(values: list[str]) -> list[str]:
    try:
        return sorted({embed_key.origin(value) for value in values})
    except InvalidRequest as refusal:
        raise ValueError(refusal.detail) from None


Origins = Annotated[
    list[Annotated[str, Field(max_length=300)]],
    Field(min_length=1, max_length=embed_key.MAX_ORIGINS, examples=[["https://www.example.com"]]),
    AfterValidator(_origins),
]
Rate = Annotated[int, Field(ge=1, le=1000, description="Messages of one visitor a minute.")]
Budget = Annotated[int, Field(ge=0, le=10_000_000, description="Messages of all visitors a UTC day.")]
Minutes = Annotated[int, Field(ge=1, le=60, description="Minutes until a visitor's session is renewed.")]


class EmbedKeyCreate(Body):
    """What a web page publishes so that its visitors can talk to one bot."""

    bot_profile_id: UUID
    name: str = Field(default="", max_length=255, examples=["Our site"])
    origins: Origins
    visitor_rate: Rate = 20
    daily_messages: Budget = 2000
    session_minutes: Minutes = 60

    def request(self) -> CreateEmbedKey:
        """What the owner is asked."""
        return CreateEmbedKey(
            bot_id=self.bot_profile_id,
            name=self.name,
            origins=self.origins,
            visitor_rate=self.visitor_rate,
            daily_messages=self.daily_messages,
            session_minutes=self.session_minutes,
        )


class EmbedKeyUpdate(UpdateWithoutNull):
    """Only what is present is applied; nothing of it may be null."""

    name: str | None = Field(default_factory=absent, max_length=255)
    origins: Origins | None = Field(default_factory=absent)
    visitor_rate: Rate | None = Field(default_factory=absent)
    daily_messages: Budget | None = Field(default_factory=absent)
    session_minutes: Minutes | None = Field(default_factory=absent)

    def request(self, key_id: UUID) -> UpdateEmbedKey:
        """What the owner is asked."""
        return UpdateEmbedKey(key_id=key_id, **self.sent())


class VisitorSessionCreate(Body):
    """A visitor arrives. ``visitor_token`` of an earlier session keeps them the same visitor; ``identity`` is the site's
    word, a JWT signed with the bot's identity secret.
    """

    visitor_token: SecretStr | None = Field(default=None, max_length=4096)
    identity: SecretStr | None = Field(default=None, max_length=4096)


class BotFaceRead(BaseModel):
    """What a visitor may know of the bot."""

    id: UUID
    name: str
    greeting: str | None
    suggested_questions: list[str]


class VisitorSession(BaseModel):
    """Good for one bot, one origin and one visitor, and for nothing else. ``visitor_token`` renews it."""

    session_token: str
    token_type: str = Field(default="bearer", examples=["bearer"])
    expires_at: datetime
    visitor_id: UUID
    visitor_token: str
    bot: BotFaceRead
