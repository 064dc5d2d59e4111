"""Whole conversations, page by page: for exports, which may be larger than anything that is held at once."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from minirag_contracts.requests.base import Reply
from minirag_contracts.requests.chat import ChatRead, ChatRequest, MessageRead


class ExportedPart(Reply):
    """Messages of one chat, oldest first. ``continued``: they follow those of the same chat in the page before."""

    chat: ChatRead
    messages: list[MessageRead]
    continued: bool = False


class ExportPage(Reply):
    """At most a few hundred messages and about a megabyte; ``next`` is the cursor of what follows."""

    parts: list[ExportedPart]
    next: str | None = None


class ExportChats(ChatRequest):
    """Chats with their messages, newest chat first: one, or those of a bot and of some days (UTC, both inclusive).

    ``limit`` counts chats over all pages; a cursor remembers how many are left.
    """

    verb: ClassVar[str] = "chats.export"
    Returns: ClassVar[type[Reply]] = ExportPage

    chat_id: UUID | None = None
    bot_id: UUID | None = None
    from_date: date | None = None
    to_date: date | None = None
    limit: int = 100
    cursor: str | None = None
