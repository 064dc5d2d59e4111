"""A conversation: it belongs to one bot for ever. Its turns are aggregates of their own."""

from dataclasses import dataclass
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.chat import ChatStarted

from minirag_chat.errors import ChatNotFound


@dataclass(frozen=True, slots=True)
class Chat:
    """What decisions need to know of a chat; ``bot_id`` None: there is none."""

    bot_id: UUID | None = None


def stream_of(chat_id: UUID) -> str:
    """The chat's event stream."""
    return f"chat-{chat_id}"


def start(chat_id: UUID, bot_id: UUID) -> list[EventPayload]:
    """A new conversation."""
    return [ChatStarted(chat_id=chat_id, bot_id=bot_id)]


def continue_with(chat: Chat, bot_id: UUID) -> None:
    """Raises ChatNotFound unless the chat is one with this bot: a history must not leak into another bot's answers."""
    if chat.bot_id != bot_id:
        raise ChatNotFound


def evolve(chat: Chat, event: EventPayload) -> Chat:
    """The chat after the event."""
    return Chat(bot_id=event.bot_id) if isinstance(event, ChatStarted) else chat
