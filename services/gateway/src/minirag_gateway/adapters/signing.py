"""JWTs (PyJWT, HS256 and nothing else), refresh tokens and CSRF tokens, under keys derived from the service's secret keys.

One operator's secret is enough: HKDF (RFC 5869) makes of each key one for each purpose, so rotating the secret keys
rotates these, and what an older key has signed is accepted for as long as that key is listed.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from minirag_gateway.errors import InvalidJwt, InvalidRefreshToken

ALGORITHM = "HS256"

REQUIRED = ("exp", "iat", "aud")

MAX_TOKEN = 4096
"""Characters of a JWT that are looked at."""

MAC_BYTES = 20

GENERATION_BYTES = 4


def derived_key(secret_key: str, purpose: str) -> bytes:
    """32 bytes for one purpose from a Fernet key."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"minirag/gateway/{purpose}".encode())
    return hkdf.derive(base64.urlsafe_b64decode(secret_key))


class KeyedSigner:
    """``Signer`` under a list of secret keys: signs with the first, reads with any."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        jwt_keys = [derived_key(key, "jwt") for key in secret_keys]
        self._jwt_keys = {_key_id(key): key for key in jwt_keys}
        self._first = _key_id(jwt_keys[0])
        self._refresh_keys = [derived_key(key, "refresh") for key in secret_keys]
        self._csrf_keys = [derived_key(key, "csrf") for key in secret_keys]

    def sign(self, audience: str, claims: dict[str, Any], expires_at: datetime) -> str:
        """See the port."""
        payload = {**claims, "aud": audience, "iat": datetime.now(UTC), "exp": expires_at}
        key = self._jwt_keys[self._first]
        return jwt.encode(payload, key, algorithm=ALGORITHM, headers={"kid": self._first})

    def read(self, token: str, audiences: Sequence[str]) -> dict[str, Any]:
        """See the port."""
        if len(token) > MAX_TOKEN:
            raise InvalidJwt
        try:
            key = self._jwt_keys[jwt.get_unverified_header(token)["kid"]]
            options: Any = {"require": list(REQUIRED), "strict_aud": False}
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[ALGORITHM], audience=list(audiences), options=options
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise InvalidJwt from error
        if not isinstance(claims["aud"], str):
            raise InvalidJwt
        return claims

    def refresh_token(self, session_id: UUID, generation: int) -> str:
        """See the port."""
        body = session_id.bytes + generation.to_bytes(GENERATION_BYTES, "big")
        mac = _mac(self._refresh_keys[0], body)
        return base64.urlsafe_b64encode(body + mac).decode().rstrip("=")

    def read_refresh_token(self, token: str) -> tuple[UUID, int]:
        """See the port."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError) as error:
            raise InvalidRefreshToken from error
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if len(raw) != 16 + GENERATION_BYTES + MAC_BYTES:
            raise InvalidRefreshToken
        if not any(hmac.compare_digest(mac, _mac(key, body)) for key in self._refresh_keys):
            raise InvalidRefreshToken
        return UUID(bytes=body[:16]), int.from_bytes(body[16:], "big")

    def csrf_token(self, session_id: UUID) -> str:
        """See the port."""
        return _csrf_token(self._csrf_keys[0], session_id)

    def is_csrf_token(self, session_id: UUID, token: str) -> bool:
        """See the port."""
        shown = token.encode()
        return any(
            hmac.compare_digest(shown, _csrf_token(key, session_id).encode()) for key in self._csrf_keys
        )


def _key_id(key: bytes) -> str:
    """A name that says nothing of the key."""
    return hashlib.sha256(b"kid" + key).hexdigest()[:12]


def _csrf_token(key: bytes, session_id: UUID) -> str:
    mac = hmac.digest(key, session_id.bytes, "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()[:MAC_BYTES]
