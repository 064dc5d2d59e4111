"""Every event of the product, by owner. Types are past tense, two or three tokens."""

from minirag_contracts.events.base import (
    REGISTRY,
    UPCASTERS,
    EventPayload,
    UnknownEventError,
    parse_payload,
    upcast,
    upcaster,
)

from minirag_contracts.events import chat, gateway, ingest, retrieval, webhooks  # isort: skip  # noqa: F401  # fills the registry

__all__ = [
    "REGISTRY",
    "UPCASTERS",
    "EventPayload",
    "UnknownEventError",
    "parse_payload",
    "upcast",
    "upcaster",
]
