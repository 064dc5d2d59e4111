"""What an endpoint is told of an event: the name and the bare body of spec §13."""

import json
from dataclasses import dataclass
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.chat import MessageCompleted
from minirag_contracts.events.ingest import IngestCompleted, IngestFailed, IngestUnchanged
from minirag_contracts.events.webhooks import WebhookEvent

MAX_ERROR = 500
"""Characters of ``error`` in ``source.failed`` (spec §13)."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The event's public name, and the bytes that are sent and signed (JSON as text)."""

    event: WebhookEvent
    body: str


def notice_of(happened: EventPayload) -> Notice | None:
    """The notice of an event, None for one that no endpoint can subscribe to. The key order is the documented one."""
    match happened:
        case IngestCompleted():
            return _notice(
                "source.ingested",
                source_id=happened.source_id,
                source_name=happened.source_name,
                document_count=happened.document_count,
                chunk_count=happened.chunk_count,
            )
        case IngestUnchanged():  # the same to a client of spec §13: the source is as its origin is now
            return _notice(
                "source.ingested",
                source_id=happened.source_id,
                source_name=happened.source_name,
                document_count=1,
                chunk_count=happened.chunk_count,
            )
        case IngestFailed():
            return _notice("source.failed", source_id=happened.source_id, error=happened.error[:MAX_ERROR])
        case MessageCompleted():
            return _notice(
                "chat.message",
                chat_id=happened.chat_id,
                message_id=happened.message_id,
                bot_profile_id=happened.bot_id,
            )
        case _:
            return None


def ping_body(webhook_id: UUID) -> str:
    """What a test sends: the only body that names its event (spec §13)."""
    return _json(event="test.ping", webhook_id=webhook_id)


def _notice(event: WebhookEvent, **body: UUID | str | int) -> Notice:
    return Notice(event, _json(**body))


def _json(**body: UUID | str | int) -> str:
    return json.dumps(body, default=str, ensure_ascii=False, separators=(",", ":"))
