"""Identifiers: time-ordered for what is new, derived for what must come out the same when a command is repeated."""

from uuid import UUID, uuid5

from uuid_utils.compat import uuid7

MINIRAG_NAMESPACE = UUID("6f0d2f4e-5f0a-5c1e-9d3b-2a7b4c8e1f60")
"""Root of all derived identifiers (RFC 9562 §5.5); a change of it would orphan every derived id."""


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562 §5.7): unique everywhere, ordered by time within a millisecond."""
    return uuid7()


def derived_id(*parts: object) -> UUID:
    """A UUIDv5 of the parts, so that the same parts always give the same identifier."""
    return uuid5(MINIRAG_NAMESPACE, "\x1f".join(str(part) for part in parts))
