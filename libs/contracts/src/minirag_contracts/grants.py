"""Who may say and hear what on the bus: pure functions from the topology and two tables, for services and for tenants.

Whatever is not named here is refused by the server. ``docs/streams.md`` shows the result.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from minirag_contracts.events import REGISTRY
from minirag_contracts.topology import (
    SERVICES,
    STREAM_OF,
    STREAMS,
    TRANSFER_BUCKET,
    StreamSpec,
    consumers_of,
)

SYSTEM_USER = "system"
"""The one user without limits: it applies the topology and asks what operators ask."""

ASKS: dict[str, tuple[str, ...]] = {
    "gateway": (
        "*.audit.read",
        "*.events.tail",
        "*.health",
        "analytics.cost_estimate",
        "analytics.feedback",
        "analytics.feedback.*",
        "analytics.latency",
        "analytics.overview",
        "analytics.totals",
        "analytics.usage.*",
        "chat.bots.*",
        "chat.chats.*",
        "chat.feedback.*",
        "chat.messages.*",
        "chat.prices.*",
        "chat.turns.*",
        "chat.visitors.*",
        "ingest.sources.*",
        "retrieval.index.*",
        "webhooks.deliveries.*",
        "webhooks.endpoints.*",
    ),
    "ingest": (
        "chat.bots.get",
        "retrieval.chunks.stage",
        "retrieval.sources.hide",
        "retrieval.versions.activate",
    ),
    "retrieval": (),
    "chat": ("retrieval.search",),
    "webhooks": (),
    "analytics": (),
}
"""Service → the requests (``<owner>.<verb>``, ``*`` for one token) that it may send. ``events.read`` follows from the
consumers: a service may read the store of each owner whose events it consumes."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Subjects that carry neither events nor requests. ``readers`` read what the ``stream`` has kept, by direct get."""

    subjects: tuple[str, ...]
    writers: tuple[str, ...]
    hearers: tuple[str, ...] = ()
    stream: str | None = None
    readers: tuple[str, ...] = ()
    purgers: tuple[str, ...] = ()


CHANNELS = (
    Channel(("frames.*.*",), ("chat",), hearers=("gateway",), stream="FRAMES", readers=("chat", "gateway")),
    Channel(("limits.>",), ("gateway",)),
    Channel(("signal.>",), (), hearers=("gateway",)),
    Channel(("signal.chat.>",), (), hearers=("chat",)),
    Channel(
        (f"$O.{TRANSFER_BUCKET}.C.*", f"$O.{TRANSFER_BUCKET}.M.*"),
        ("gateway", "ingest"),
        stream=f"OBJ_{TRANSFER_BUCKET}",
        readers=("gateway", "ingest"),
        purgers=("gateway", "ingest"),
    ),
)
"""Beside these, each service writes ``signal.<itself>.>`` and ``dlq.<itself>.>``."""

HEARS_EVENTS = ("gateway",)
"""Services that listen to every event at its publication, beside or without a consumer."""


@dataclass(frozen=True, slots=True)
class Grants:
    """Subjects that a user may publish to and subscribe."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]

    def permissions(self) -> dict[str, Any]:
        """In the form of the server's configuration, where an empty list would allow everything."""
        return {
            way: {"allow": list(subjects)} if subjects else {"deny": [">"]}
            for way, subjects in (("publish", self.publish), ("subscribe", self.subscribe))
        }


def inbox_prefix(service: str) -> str:
    """Where a service's replies and pulled events arrive; nobody else may listen there."""
    return f"_INBOX.{service}"


def service_grants(service: str) -> Grants:
    """All that one service may do."""
    return Grants(
        publish=(
            *_requests_of(service),
            *_events_of(service),
            *(f"{own}.{service}.>" for own in ("signal", "dlq")),
            *(subject for channel in CHANNELS if service in channel.writers for subject in channel.subjects),
            *_stores_of(service),
            *(subject for spec in consumers_of(service) for subject in _consuming(spec.stream, spec.durable)),
            *(f"$JS.API.CONSUMER.INFO.{spec.stream}.{spec.durable}" for spec in consumers_of(service)),
            "_INBOX.>",
        ),
        subscribe=(
            f"rpc.{service}.>",
            f"{inbox_prefix(service)}.>",
            *(f"$SRV.*{rest}" for rest in ("", f".{service}", f".{service}.*")),
            *(subject for channel in CHANNELS if service in channel.hearers for subject in channel.subjects),
            *(subject for stream in _heard_by(service) for subject in stream.subjects),
        ),
    )


def tenant_grants(tenant_id: UUID, inbox: str) -> Grants:
    """All that an outside subscriber of one tenant may do: hear its events, and say nothing.

    ``inbox`` is the prefix of its private inbox (without ``.>``); it may lie under no service's.
    """
    if inbox.split(".", 1)[0] == "_INBOX" or any(token in inbox for token in ("*", ">", " ")):
        raise ValueError(f"{inbox!r} is no private inbox")
    return Grants(
        publish=(),
        subscribe=(*event_subjects_of(tenant_id), f"{inbox}.>"),
    )


def event_subjects_of(tenant_id: UUID) -> tuple[str, ...]:
    """Every subject on which a tenant may hear its own events, noun by noun: a type has two or three tokens.

    The bus carries events whole. A noun with a type that has internal fields is granted type by type, without that type.
    """
    nouns = [subject.removesuffix(".>") for stream in STREAMS if stream.owner for subject in stream.subjects]
    return tuple(f"{types}.{tenant_id}" for noun in nouns for types in _types_shown(noun))


def _types_shown(noun: str) -> tuple[str, ...]:
    models = {name: model for name, model in sorted(REGISTRY.items()) if name.split(".", 1)[0] == noun}
    if any(model.internal for model in models.values()):
        return tuple(name for name, model in models.items() if not model.internal)
    return (f"{noun}.*", f"{noun}.*.*")


def authorization(
    passwords: Mapping[str, str], others: Mapping[str, tuple[str, Grants]] | None = None
) -> dict[str, Any]:
    """The server's ``authorization`` block. ``passwords`` has one for the system and for each service; ``others`` maps a
    further user to password and grants. Who connects without a user is refused.
    """
    known = {service: (passwords[service], service_grants(service)) for service in SERVICES}
    limited = [
        {"user": user, "password": password, "permissions": grants.permissions()}
        for user, (password, grants) in {**(others or {}), **known}.items()
    ]
    return {"users": [{"user": SYSTEM_USER, "password": passwords[SYSTEM_USER]}, *limited]}


def _requests_of(service: str) -> tuple[str, ...]:
    stores = dict.fromkeys(f"rpc.{spec.owner}.events.read" for spec in consumers_of(service))
    return (*(f"rpc.{asked}" for asked in ASKS[service]), *stores)


def _events_of(service: str) -> tuple[str, ...]:
    return STREAM_OF[service].subjects if service in STREAM_OF else ()


def _heard_by(service: str) -> tuple[StreamSpec, ...]:
    return tuple(stream for stream in STREAMS if stream.owner and service in HEARS_EVENTS)


def _stores_of(service: str) -> tuple[str, ...]:
    """Requests to JetStream about streams: where one's own ends, that it be emptied, and what is kept of a channel."""
    own = STREAM_OF.get(service)
    named = [f"{verb}.{own.name}" for verb in ("STREAM.INFO", "DIRECT.GET", "STREAM.PURGE")] if own else []
    named += [f"DIRECT.GET.{channel.stream}" for channel in CHANNELS if service in channel.readers]
    named += [f"STREAM.PURGE.{channel.stream}" for channel in CHANNELS if service in channel.purgers]
    return tuple(f"$JS.API.{name}" for name in named)


def _consuming(stream: str, durable: str) -> tuple[str, ...]:
    return (f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}", f"$JS.ACK.{stream}.{durable}.>")
