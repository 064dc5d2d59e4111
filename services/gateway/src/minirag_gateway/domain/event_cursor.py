"""Where a subscriber stands: one place in each owner's store, as a signed text that any gateway understands.

It needs nothing that is kept anywhere, so it outlives gateways and the bus. The signature binds it to its tenant: positions
count the events of all tenants, and nobody shall try them out.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from minirag_gateway.errors import InvalidLastEventId

Place = int | datetime
"""The position after which to go on; or, where it is not known yet, the moment from which on events are wanted."""

MAC_BYTES = 16
"""Of HMAC-SHA256: a guess succeeds once in 2^128."""

LONGEST = 1024
"""Characters of a cursor at most; one of five owners has about 150."""


class EventCursors:
    """Signs with the first key and accepts every one, so that keys can be rotated while subscribers are connected."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """``keys``: for nothing else."""
        self._keys = keys

    def write(self, tenant_id: UUID, places: Mapping[str, Place]) -> str:
        """The cursor of these places."""
        plain = {
            owner: place if isinstance(place, int) else place.isoformat() for owner, place in places.items()
        }
        body = json.dumps(plain, separators=(",", ":"), sort_keys=True).encode()
        return base64.urlsafe_b64encode(_mac(self._keys[0], tenant_id, body) + body).decode().rstrip("=")

    def read(self, tenant_id: UUID, cursor: str) -> dict[str, Place]:
        """The inverse; InvalidLastEventId for anything that we did not write for this tenant."""
        body = self._verified(tenant_id, cursor)
        if body is None:
            raise InvalidLastEventId("Last-Event-ID must be the id of an event of this stream.")
        return {
            owner: place if isinstance(place, int) else datetime.fromisoformat(place)
            for owner, place in json.loads(body).items()
        }

    def _verified(self, tenant_id: UUID, cursor: str) -> bytes | None:
        if len(cursor) > LONGEST or not cursor.isascii():
            return None
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        mac, body = raw[:MAC_BYTES], raw[MAC_BYTES:]
        ours = any(hmac.compare_digest(mac, _mac(key, tenant_id, body)) for key in self._keys)
        return body if ours else None


def _mac(key: bytes, tenant_id: UUID, body: bytes) -> bytes:
    return hmac.new(key, tenant_id.bytes + body, hashlib.sha256).digest()[:MAC_BYTES]
