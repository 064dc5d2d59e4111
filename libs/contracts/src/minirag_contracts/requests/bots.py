"""What else may be asked of chat about bots: changes, and what a web page's visitors need."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from minirag_contracts.requests.base import Changes, Done, Reply
from minirag_contracts.requests.chat import BotCredentials, BotRead, ChatRequest


class BotChanges(Changes):
    """What shall be different about a bot.

    The type of a field says whether None is a value of it: no ``credentials`` and no ``identity_secret`` clear them.
    """

    name: str = ""
    description: str = ""
    model: str = ""
    embedding_model: str | None = None
    system_prompt: str = ""
    temperature: float = 0.0
    max_tokens: int = 0
    credentials: BotCredentials | None = None
    is_active: bool = True
    greeting: str | None = None
    suggested_questions: list[str] = []
    identity_secret: str | None = Field(default=None, repr=False)


class UpdateBot(ChatRequest):
    """Configure a bot anew, deactivate it or let it answer again."""

    verb: ClassVar[str] = "bots.update"
    Returns: ClassVar[type[Reply]] = BotRead

    bot_id: UUID
    changes: BotChanges


class DeactivateBot(ChatRequest):
    """Let a bot answer no more; nothing happens to one that does not."""

    verb: ClassVar[str] = "bots.deactivate"
    Returns: ClassVar[type[Reply]] = Done

    bot_id: UUID


class BotFace(Reply):
    """What everybody may know of an active bot."""

    name: str
    greeting: str | None
    suggested_questions: list[str]
    has_identity_secret: bool


class GetBotFace(ChatRequest):
    """What a page's visitors see of a bot; ``not_found`` for an unknown, foreign or inactive one."""

    verb: ClassVar[str] = "bots.face"
    Returns: ClassVar[type[Reply]] = BotFace

    bot_id: UUID


class VisitorIdentified(Reply):
    """Who it is: always the same id for the same bot and the same name by which the site knows them."""

    visitor_id: UUID


class IdentifyVisitor(ChatRequest):
    """Believe a site about its visitor: ``identity`` is a JWT (HS256) signed with the bot's identity secret.

    It names the visitor in ``sub`` (1 to 200 characters) and expires (``exp``) within a day. ``invalid_identity`` (401)
    for any other, and where the bot has no such secret.
    """

    verb: ClassVar[str] = "visitors.identify"
    Returns: ClassVar[type[Reply]] = VisitorIdentified

    bot_id: UUID
    identity: str = Field(repr=False)
