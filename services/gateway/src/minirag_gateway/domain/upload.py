"""Uploads that go on after a break: how far they are, and what they may be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

MEGABYTE = 1024 * 1024

MAX_FILE = 10 * MEGABYTE
"""Bytes of a document (spec §8)."""

UploadStatus = Literal["open", "making", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why no source was made of it."""

    status: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way. ``actor`` and ``via`` began it, and the source is made in their name."""

    upload_id: UUID
    tenant_id: UUID
    actor: str
    via: str
    bot_id: UUID
    parent_id: UUID | None
    name: str
    description: str
    filename: str
    metadata: str
    length: int
    received: int
    source_id: UUID | None
    refusal: Refused | None
    created_at: datetime
    expires_at: datetime

    @property
    def status(self) -> UploadStatus:
        """Open until all bytes are there; then a source is made of them, or cannot be."""
        if self.received < self.length:
            return "open"
        if self.source_id is not None:
            return "ready"
        return "making" if self.refusal is None else "failed"


def limit_of(*, is_archive: bool, archive_limit: int) -> int:
    """Bytes that a file may have."""
    return archive_limit if is_archive else MAX_FILE


def too_large(limit: int) -> str:
    """Says how large a file of its kind may be."""
    return f"File too large. Maximum size is {limit // MEGABYTE} MB."
