"""Signatures: the product's own (spec §13), and beside it those of Standard Webhooks 1.0.0.

The own signature is the hex HMAC-SHA256 of the raw body; it knows neither time nor id, so a recorded call can be
replayed to the receiver. The standard one covers both (https://www.standardwebhooks.com, "Signature scheme").
"""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from minirag_webhooks.errors import InvalidSecret

STANDARD_PREFIX = "whsec_"
"""Marks a secret whose rest is the base64 of the signing key."""

MIN_STANDARD_KEY, MAX_STANDARD_KEY = 24, 64
"""Bytes of a standard signing key."""

MAX_SECRET = 256


def check_secret(secret: str) -> None:
    """Raises InvalidSecret for one that could not sign; its text is never repeated."""
    if not 0 < len(secret) <= MAX_SECRET:
        raise InvalidSecret(f"The secret must have 1 to {MAX_SECRET} characters.")
    if secret.startswith(STANDARD_PREFIX) and _decoded_key(secret) is None:
        raise InvalidSecret(
            f"A secret that begins with {STANDARD_PREFIX} must go on with the base64 of "
            f"{MIN_STANDARD_KEY} to {MAX_STANDARD_KEY} bytes."
        )


def own_signature(secret: str, body: bytes) -> str:
    """Lowercase hex HMAC-SHA256 over the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """``v1,<base64>`` over ``<id>.<timestamp>.<body>``; ``timestamp`` in seconds since the epoch."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(standard_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def standard_key(secret: str) -> bytes:
    """The bytes behind a ``whsec_`` secret; any other secret is its own key."""
    return _decoded_key(secret) or secret.encode()


def headers_for(secret: str, event: str, message_id: UUID, timestamp: int, body: bytes) -> dict[str, str]:
    """All headers of one call."""
    return {
        "Content-Type": "application/json",
        "X-MiniRAG-Event": event,
        "X-MiniRAG-Signature": own_signature(secret, body),
        "webhook-id": str(message_id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": standard_signature(secret, str(message_id), timestamp, body),
    }


def _decoded_key(secret: str) -> bytes | None:
    if not secret.startswith(STANDARD_PREFIX):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(STANDARD_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if MIN_STANDARD_KEY <= len(key) <= MAX_STANDARD_KEY else None
