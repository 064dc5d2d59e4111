"""Secrets at rest: authenticated encryption with rotation, and hashes that mean nothing without their salt."""

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Sealer:
    """Encrypts with the first key, opens with any of them (MultiFernet)."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._newest = Fernet(keys[0])
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self.newest_id = key_id(keys[0])
        """Names the key that seals; see ``key_id``."""
        self.ids = [key_id(key) for key in keys]
        """Of all that open."""

    def seal(self, plain: bytes) -> bytes:
        """Encrypted and authenticated; differs at every call."""
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """The inverse; raises cryptography.fernet.InvalidToken for anything that was not sealed with our keys."""
        return self._fernet.decrypt(sealed)

    def is_newest(self, sealed: bytes) -> bool:
        """Was it sealed with the newest key?"""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def reseal(self, sealed: bytes) -> bytes:
        """The same under the newest key, the time of its first sealing kept; raises InvalidToken as ``open`` does."""
        return self._fernet.rotate(sealed)


def key_id(key: str) -> str:
    """A name for a key that tells nothing of it: the first 8 hex digits of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def new_salt() -> bytes:
    """16 random bytes, to lie beside the content that they protect."""
    return os.urandom(16)


def salted_hash(content: str | bytes, salt: bytes) -> str:
    """HMAC-SHA256 as hex: proves what a content was as long as its salt exists, and nothing after that is erased."""
    data = content.encode() if isinstance(content, str) else content
    return hmac.new(salt, data, hashlib.sha256).hexdigest()
