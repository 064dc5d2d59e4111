"""One example of every event type, in today's version: data for tests of every consumer, and for the documentation.

They tell one story: a tenant signs up, makes a bot, gives it a manual, asks it something, and hears of it by webhook.
"""

from datetime import UTC, datetime
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.chat import (
    BotActivated,
    BotCreated,
    BotDeactivated,
    BotUpdated,
    ChatStarted,
    Citation,
    FeedbackGiven,
    MessageCompleted,
    MessageCreated,
    MessageFailed,
    StopRequested,
    Usage,
)
from minirag_contracts.events.gateway import (
    EmbedKeyCreated,
    EmbedKeyRevoked,
    EmbedKeyUpdated,
    SessionEnded,
    SessionStarted,
    TenantCreated,
    TenantErased,
    TenantResumed,
    TenantSuspended,
    TenantUpdated,
    TokenCreated,
    TokenRevoked,
    UserActivated,
    UserCreated,
    UserDeactivated,
    UserPasswordChanged,
    UserResetIssued,
    UserRoleChanged,
    UserUpdated,
)
from minirag_contracts.events.ingest import (
    IngestCancelled,
    IngestCompleted,
    IngestFailed,
    IngestRequested,
    IngestUnchanged,
    SourceActivated,
    SourceCreated,
    SourceDeactivated,
    SourceUpdated,
)
from minirag_contracts.events.retrieval import HiddenSource, SourcesHidden, VersionActivated
from minirag_contracts.events.webhooks import (
    DeliveryFailed,
    DeliveryRequested,
    DeliveryScheduled,
    DeliverySucceeded,
    WebhookCreated,
    WebhookDeleted,
    WebhookSecretRotated,
    WebhookUpdated,
)

TENANT_ID = UUID("019f0000-0000-7000-8000-000000000001")
"""The tenant of the examples."""

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When they happened."""

_USER = UUID("019f0000-0000-7000-8000-000000000002")
_TOKEN = UUID("019f0000-0000-7000-8000-000000000003")
_BOT = UUID("019f0000-0000-7000-8000-000000000004")
_SOURCE = UUID("019f0000-0000-7000-8000-000000000005")
_CHAT = UUID("019f0000-0000-7000-8000-000000000006")
_QUESTION = UUID("019f0000-0000-7000-8000-000000000007")
_ANSWER = UUID("019f0000-0000-7000-8000-000000000008")
_CHUNK = UUID("019f0000-0000-7000-8000-000000000009")
_WEBHOOK = UUID("019f0000-0000-7000-8000-00000000000a")
_DELIVERY = UUID("019f0000-0000-7000-8000-00000000000b")
_CAUSE = UUID("019f0000-0000-7000-8000-00000000000c")
_SESSION = UUID("019f0000-0000-7000-8000-00000000000d")
_RESET = UUID("019f0000-0000-7000-8000-00000000000e")
_EMBED_KEY = UUID("019f0000-0000-7000-8000-00000000000f")
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

_GATEWAY: tuple[EventPayload, ...] = (
    TenantCreated(name="Example Ltd", slug="example"),
    UserCreated(user_id=_USER, role="owner", email_hash=_HASH),
    TokenCreated(
        token_id=_TOKEN,
        user_id=_USER,
        name="first",
        token_prefix=_HASH[:8],
        token_hash=_HASH,
        scopes=["chat"],
        expires_at=NOON,
    ),
    TokenRevoked(token_id=_TOKEN),
    TenantUpdated(name="Example Group"),
    TenantSuspended(),
    TenantResumed(),
    TenantErased(),
    UserUpdated(user_id=_USER, email_hash=_HASH),
    UserRoleChanged(user_id=_USER, role="admin"),
    UserDeactivated(user_id=_USER),
    UserActivated(user_id=_USER),
    UserPasswordChanged(user_id=_USER, how="own"),
    UserResetIssued(user_id=_USER, reset_id=_RESET, expires_at=NOON),
    SessionStarted(user_id=_USER, session_id=_SESSION, expires_at=NOON),
    SessionEnded(user_id=_USER, session_id=_SESSION, reason="logout"),
    EmbedKeyCreated(
        key_id=_EMBED_KEY,
        bot_id=_BOT,
        key="pk_" + _HASH[:32],
        name="Our site",
        origins=["https://www.example.org"],
        visitor_rate=10,
        daily_messages=1000,
        session_minutes=60,
    ),
    EmbedKeyUpdated(
        key_id=_EMBED_KEY,
        name="Our shop",
        origins=["https://shop.example.org"],
        visitor_rate=5,
        daily_messages=500,
        session_minutes=30,
    ),
    EmbedKeyRevoked(key_id=_EMBED_KEY),
)

_KNOWLEDGE: tuple[EventPayload, ...] = (
    SourceCreated(
        source_id=_SOURCE,
        bot_id=_BOT,
        name="manual.pdf",
        description="The manual",
        source_type="upload",
        config={"filename": "manual.pdf"},
        content_hash=_HASH,
    ),
    IngestRequested(source_id=_SOURCE, bot_id=_BOT, version=1),
    IngestCompleted(
        source_id=_SOURCE,
        bot_id=_BOT,
        source_name="manual.pdf",
        version=1,
        document_count=1,
        chunk_count=42,
        generation=1,
    ),
    IngestFailed(
        source_id=_SOURCE,
        bot_id=_BOT,
        version=2,
        code="encrypted_pdf",
        error="The PDF is protected by a password.",
    ),
    VersionActivated(
        bot_id=_BOT, source_id=_SOURCE, version=1, generation=1, chunk_count=42, added=42, removed=0
    ),
    SourceUpdated(
        source_id=_SOURCE,
        bot_id=_BOT,
        name="manual.pdf",
        description="The manual, second edition",
        config={"original_filename": "manual.pdf", "file_size": 42_000},
        refresh_schedule="0 6 * * 1-5 Europe/Berlin",
        content_hash=_HASH,
        config_hash=_HASH,
    ),
    IngestUnchanged(
        source_id=_SOURCE, bot_id=_BOT, source_name="manual.pdf", version=3, visible=2, chunk_count=42
    ),
    IngestCancelled(source_id=_SOURCE, bot_id=_BOT, version=3, reason="deactivated"),
    SourceDeactivated(source_id=_SOURCE, bot_id=_BOT, version=3),
    SourcesHidden(
        bot_id=_BOT, generation=2, sources=[HiddenSource(source_id=_SOURCE, version=3, removed=42)]
    ),
    SourceActivated(source_id=_SOURCE, bot_id=_BOT),
)

_CONVERSATION: tuple[EventPayload, ...] = (
    BotCreated(
        bot_id=_BOT,
        name="Help",
        description="Answers from the manual",
        model="minirag/extractive",
        embedding_model=None,
        system_prompt="You are a helpful assistant.",
        temperature=0.7,
        max_tokens=1024,
        has_credentials=False,
        greeting="Good day! What would you like to know?",
        suggested_questions=["How do I clean the filter?"],
        has_identity_secret=False,
    ),
    BotUpdated(
        bot_id=_BOT,
        name="Helpdesk",
        description="Answers from the manual",
        model="gpt-4o-mini",
        embedding_model=None,
        system_prompt="You are a helpful assistant.",
        temperature=0.2,
        max_tokens=1024,
        has_credentials=True,
        greeting=None,
        suggested_questions=[],
        has_identity_secret=True,
    ),
    BotDeactivated(bot_id=_BOT),
    BotActivated(bot_id=_BOT),
    ChatStarted(chat_id=_CHAT, bot_id=_BOT),
    MessageCreated(
        chat_id=_CHAT,
        bot_id=_BOT,
        message_id=_ANSWER,
        user_message_id=_QUESTION,
        content_hash=_HASH,
        stream=True,
    ),
    StopRequested(chat_id=_CHAT, bot_id=_BOT, message_id=_ANSWER),
    MessageCompleted(
        chat_id=_CHAT,
        bot_id=_BOT,
        message_id=_ANSWER,
        content_hash=_HASH,
        usage=Usage(model="minirag/extractive", prompt_tokens=310, completion_tokens=48, cost_usd=0.0),
        citations=[Citation(n=1, chunk_id=_CHUNK, source_id=_SOURCE, score=0.83)],
        attempt=1,
        stream=True,
        first_token_ms=41,
        duration_ms=95,
        stopped=True,
    ),
    MessageFailed(
        chat_id=_CHAT,
        bot_id=_BOT,
        message_id=_ANSWER,
        code="provider_unavailable",
        detail="The model's provider did not answer.",
        attempt=1,
    ),
    FeedbackGiven(chat_id=_CHAT, bot_id=_BOT, message_id=_ANSWER, feedback="positive"),
)

_WEBHOOKS: tuple[EventPayload, ...] = (
    WebhookCreated(
        webhook_id=_WEBHOOK,
        url="https://example.org/hook",
        events=["chat.message", "source.ingested"],
        description="Tells our desk",
    ),
    WebhookUpdated(
        webhook_id=_WEBHOOK,
        url="https://example.org/hooks/2",
        events=["chat.message"],
        description="Tells our desk",
        is_active=False,
    ),
    WebhookSecretRotated(webhook_id=_WEBHOOK),
    WebhookDeleted(webhook_id=_WEBHOOK),
    DeliveryScheduled(delivery_id=_DELIVERY, webhook_id=_WEBHOOK, event="source.ingested", cause_id=_CAUSE),
    DeliverySucceeded(delivery_id=_DELIVERY, webhook_id=_WEBHOOK, status_code=204, attempt=2),
    DeliveryFailed(
        delivery_id=_DELIVERY,
        webhook_id=_WEBHOOK,
        status_code=500,
        attempts=9,
        reason="The endpoint answered with status 500.",
    ),
    DeliveryRequested(delivery_id=_DELIVERY, webhook_id=_WEBHOOK),
)

EXAMPLES: dict[str, EventPayload] = {
    example.type: example for example in (*_GATEWAY, *_KNOWLEDGE, *_CONVERSATION, *_WEBHOOKS)
}
"""Event type → an example of it."""
