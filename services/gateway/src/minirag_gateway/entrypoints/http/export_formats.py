"""Exports as JSON and as CSV (spec §12), written piece by piece: nothing is held but the page at hand."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from minirag_contracts.requests.chat import ChatRead, MessageRead
from minirag_contracts.requests.exports import ExportedPart
from pydantic import BaseModel
from pydantic_core import to_json

MESSAGE_COLUMNS = (
    *("message_id", "role", "content", "feedback", "prompt_tokens", "completion_tokens", "created_at"),
)
CHAT_COLUMNS = ("chat_id", "chat_title")

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet compute a cell instead of showing it; the last four are the full-width ``= + - @``."""


class ExportedChat(BaseModel):
    """A conversation with its messages."""

    chat: ChatRead
    messages: list[MessageRead]


class ChatExport(ExportedChat):
    """One conversation, exported."""

    exported_at: datetime


class ChatsExport(BaseModel):
    """Conversations, exported."""

    chats: list[ExportedChat]
    exported_at: datetime


class Format(Protocol):
    """A document in the making. Its parts come in the order of the export; without its end it is none."""

    media_type: str

    def begin(self) -> str:
        """What comes before every part."""
        ...

    def part(self, part: ExportedPart) -> str:
        """Some messages of a chat."""
        ...

    def end(self) -> str:
        """What makes the document whole."""
        ...


class Json:
    """``{"chats": […]}``, or without the list around it for one chat."""

    media_type = "application/json"

    def __init__(self, *, single: bool) -> None:
        self._single = single
        self._open = False
        self._first = True

    def begin(self) -> str:
        """The list's beginning; a single chat begins with itself."""
        return "" if self._single else '{"chats":['

    def part(self, part: ExportedPart) -> str:
        """A chat, left open: more of its messages may follow."""
        written = ""
        if not part.continued:
            written = self._close_chat() + ("," if self._open else "")
            written += f'{{"chat":{part.chat.model_dump_json()},"messages":['
            self._open, self._first = True, True
        separator = "" if self._first or not part.messages else ","
        self._first = self._first and not part.messages
        return written + separator + ",".join(message.model_dump_json() for message in part.messages)

    def end(self) -> str:
        """Closes what is open, and says when it was."""
        now = to_json(datetime.now(UTC)).decode()
        if self._single:
            return f'],"exported_at":{now}}}'
        return f'{self._close_chat()}],"exported_at":{now}}}'

    def _close_chat(self) -> str:
        return "]}" if self._open else ""


class Csv:
    """A header, then a row for each message."""

    media_type = "text/csv; charset=utf-8"

    def __init__(self, *, single: bool) -> None:
        self._single = single

    def begin(self) -> str:
        """The header."""
        return _rows([MESSAGE_COLUMNS if self._single else (*CHAT_COLUMNS, *MESSAGE_COLUMNS)])

    def part(self, part: ExportedPart) -> str:
        """Rows."""
        chat = () if self._single else (str(part.chat.id), harmless(part.chat.title))
        return _rows([(*chat, *_cells(message)) for message in part.messages])

    def end(self) -> str:
        """Nothing."""
        return ""


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _cells(message: MessageRead) -> tuple[str, ...]:
    return (
        str(message.id),
        message.role,
        harmless(message.content),
        message.feedback or "",
        str(message.prompt_tokens),
        str(message.completion_tokens),
        to_json(message.created_at).decode().strip('"'),
    )


def _rows(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
