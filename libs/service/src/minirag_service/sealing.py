"""Secrets at rest: authenticated encryption with rotation, and hashes that mean nothing without their salt."""

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.fernet import Fernet, MultiFernet


class Sealer:
    """Encrypts with the first key, opens with any of them (MultiFernet)."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, plain: bytes) -> bytes:
        """Encrypted and authenticated; differs at every call."""
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """The inverse; raises cryptography.fernet.InvalidToken for anything that was not sealed with our keys."""
        return self._fernet.decrypt(sealed)


def new_salt() -> bytes:
    """16 random bytes, to lie beside the content that they protect."""
    return os.urandom(16)


def salted_hash(content: str | bytes, salt: bytes) -> str:
    """HMAC-SHA256 as hex: proves what a content was as long as its salt exists, and nothing after that is erased."""
    data = content.encode() if isinstance(content, str) else content
    return hmac.new(salt, data, hashlib.sha256).hexdigest()
