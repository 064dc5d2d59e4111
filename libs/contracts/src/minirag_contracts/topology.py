"""Streams and consumers as data, in one place: one job applies it, services only bind and check."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

SERVICES = ("gateway", "ingest", "retrieval", "chat", "webhooks", "analytics")
"""Every service, in the order in which they start."""


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """A JetStream stream. ``owner`` None: it belongs to no service's event store.

    ``counter``: each of its subjects is a shared counter (NATS ADR-49), kept until ``max_age`` after its last change.
    """

    name: str
    subjects: tuple[str, ...]
    owner: str | None = None
    max_age: timedelta = timedelta(days=7)
    max_bytes: int = 512 * 1024 * 1024
    counter: bool = False


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """A durable pull consumer.

    A projector applies each aggregate strictly by version and never parks; a reactor runs in parallel, retries with
    growing delays and parks what keeps failing. ``patterns`` are patterns of event types (``bot.>``).
    """

    service: str
    name: str
    owner: str
    patterns: tuple[str, ...]
    kind: Literal["projector", "reactor"]
    concurrency: int = field(default=8)

    @property
    def durable(self) -> str:
        """The consumer's name on the server."""
        return f"{self.service}_{self.name}"

    @property
    def stream(self) -> str:
        """The stream that it reads."""
        return STREAM_OF[self.owner].name


STREAMS = (
    StreamSpec("GATEWAY", ("tenant.>", "user.>", "token.>", "embed_key.>"), owner="gateway"),
    StreamSpec("INGEST", ("source.>",), owner="ingest"),
    StreamSpec("RETRIEVAL", ("index.>",), owner="retrieval"),
    StreamSpec("CHAT", ("bot.>", "chat.>"), owner="chat"),
    StreamSpec("WEBHOOKS", ("webhook.>",), owner="webhooks"),
    StreamSpec("FRAMES", ("frames.>",), max_age=timedelta(minutes=10), max_bytes=64 * 1024 * 1024),
    StreamSpec(
        "LIMITS",
        ("limits.short.>",),
        max_age=timedelta(minutes=5),
        max_bytes=32 * 1024 * 1024,
        counter=True,
    ),
    StreamSpec(
        "LIMITS_LONG",
        ("limits.long.>",),
        max_age=timedelta(hours=25),
        max_bytes=32 * 1024 * 1024,
        counter=True,
    ),
    StreamSpec("DEAD_LETTERS", ("dlq.>",), max_age=timedelta(days=30), max_bytes=64 * 1024 * 1024),
)

STREAM_OF = {stream.owner: stream for stream in STREAMS if stream.owner}
"""Owning service → its stream."""

TRANSFER_BUCKET = "transfer"
"""The object store through which uploads reach their owner; transfer only, an hour at most."""

ERASURES = "erasures"
"""Every service's reaction to the end of a tenant."""

CONSUMERS = (
    ConsumerSpec("ingest", "bots", "chat", ("bot.>",), "projector"),
    ConsumerSpec(
        "webhooks",
        "ingestions",
        "ingest",
        ("source.ingest.completed", "source.ingest.unchanged", "source.ingest.failed"),
        "reactor",
    ),
    ConsumerSpec("webhooks", "answers", "chat", ("chat.message.completed",), "reactor"),
    ConsumerSpec("analytics", "chats", "chat", ("bot.>", "chat.>"), "projector"),
    ConsumerSpec("analytics", "sources", "ingest", ("source.>",), "projector"),
    *(ConsumerSpec(service, ERASURES, "gateway", ("tenant.erased",), "reactor") for service in SERVICES),
)


def consumers_of(service: str) -> tuple[ConsumerSpec, ...]:
    """The consumers that one service runs."""
    return tuple(spec for spec in CONSUMERS if spec.service == service)


def filter_subject(pattern: str) -> str:
    """The subject filter of a pattern of event types, over all tenants."""
    return pattern if pattern.endswith(">") else f"{pattern}.*"


def dead_letter_subject(service: str, kind: str) -> str:
    """Where a service announces that it gave up on something."""
    return f"dlq.{service}.{kind}"


SHORT_WINDOW = timedelta(minutes=2)
LONG_WINDOW = timedelta(hours=24)
"""The longest windows of limits whose counters either stream keeps to their end and a little longer."""


def counter_subject(window: timedelta, key: str) -> str:
    """The shared counter of one window of one limit; ``key`` is one token, and tells windows apart."""
    if window > LONG_WINDOW:
        raise ValueError(f"no stream keeps counters for {window}")
    return f"limits.{'short' if window <= SHORT_WINDOW else 'long'}.{key}"
