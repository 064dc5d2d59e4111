"""E-mail by the standard library: headers as lines, the text, and the text of attachments as far as it can be read."""

import email
import email.policy
from collections.abc import Iterator
from email.errors import MessageError
from email.message import EmailMessage
from typing import Any

from minirag_ingest.adapters.extract import html, text
from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.errors import Unreadable
from minirag_ingest.domain.document import Block, Document, flow

HEADERS = ("From", "To", "Cc", "Date", "Subject")
MAX_HEADER = 1000
MAX_ATTACHMENTS = 50
MAX_PARTS = 1000
MAX_DEPTH = 3
"""Messages within messages whose text is read."""
NESTED = "The e-mail is nested too deeply."


def extract(data: bytes) -> Document:
    """The title is the subject."""
    return _document(_parsed(data), 0)


def _parsed(data: bytes) -> EmailMessage:
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
    except (MessageError, ValueError, LookupError, IndexError) as error:
        raise Unreadable("The e-mail is damaged and cannot be read.") from error
    if not any(name in message for name in HEADERS):
        raise Unreadable("The file is not an e-mail: it has no headers such as From and Subject.")
    return message


def _document(message: EmailMessage, depth: int) -> Document:
    subject = _header(message, "Subject")
    blocks = Blocks(
        Block(f"{name}: {value}", kind="line") for name in HEADERS if (value := _header(message, name))
    )
    body, attachments = _parts(message)
    if body is not None:
        blocks.extend(_body(body))
    for part in attachments:
        blocks.extend(_attachment(part, depth))
    return Document(subject or None, tuple(blocks))


def _header(message: Any, name: str) -> str:
    """A header as text; what is broken in it is left as it stands there."""
    try:
        value = message.get(name)
    except (ValueError, IndexError, AttributeError, TypeError):  # the parser's surprises at broken headers
        value = dict(message.raw_items()).get(name)
    return flow(str(value or "").encode("utf-8", "replace").decode())[:MAX_HEADER]


def _parts(message: EmailMessage) -> tuple[EmailMessage | None, list[EmailMessage]]:
    """What to show, plain text before HTML; and all other parts that are files or messages."""
    plain = rich = None
    others: list[EmailMessage] = []
    for part in _leaves(message):
        kind = part.get_content_type()
        attached = part.get_content_disposition() == "attachment" or part.get_filename() is not None
        if kind == "text/plain" and not attached and plain is None:
            plain = part
        elif kind == "text/html" and not attached and rich is None:
            rich = part
        else:
            others.append(part)
    body = rich if rich is not None and (plain is None or not _content(plain).strip()) else plain
    return body, others


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Parts that are not multipart, in their order; a message within the message is one."""
    pending: list[Any] = [message]
    seen = 0
    while pending:
        part = pending.pop()
        seen += 1
        if seen > MAX_PARTS:
            raise Unreadable(f"The e-mail has more than {MAX_PARTS} parts.")
        if part.get_content_maintype() == "multipart" and isinstance(part.get_payload(), list):
            pending.extend(reversed(part.get_payload()))
        else:
            yield part


def _content(part: Any) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _body(part: EmailMessage) -> Iterator[Block]:
    charset = part.get_content_charset() or "utf-8"
    data = _content(part)
    if part.get_content_type() == "text/html":
        yield from html.extract(data, charset).blocks
        return
    try:
        told = data.decode(charset, "replace")
    except LookupError:  # an encoding that nobody knows
        told = data.decode("utf-8", "replace")
    yield from text.from_text(told.replace("\0", "")).blocks


def _attachment(part: EmailMessage, depth: int) -> Iterator[Block]:
    """The text of an attachment under its name; of one that cannot be read only the name, as the message shows it."""
    from minirag_ingest.adapters.extract.registry import extract as read  # it lists this module

    inner = part.get_payload()
    message = (
        inner[0] if part.get_content_maintype() == "message" and isinstance(inner, list) and inner else None
    )
    name = flow(part.get_filename() or "") or (_header(message, "Subject") if message is not None else "")
    if not name or depth >= MAX_DEPTH:
        return
    heading = (f"Attachment: {name[:200]}",)
    try:
        if isinstance(message, EmailMessage):
            document = _document(message, depth + 1)
        else:
            document = read(
                _content(part), filename=name, media_type=None, charset=part.get_content_charset()
            )
    except Unreadable:
        yield Block(f"- {heading[0]}", kind="line")
        return
    for block in document.blocks:
        yield Block(block.text, heading + block.heading_path, block.page, None, block.kind)
