"""Events of the index."""

from typing import ClassVar
from uuid import UUID

from minirag_contracts.events.base import EventPayload


class VersionActivated(EventPayload):
    """A source's version became visible, and the one before invisible, in one step."""

    type: ClassVar[str] = "index.version.activated"
    owner: ClassVar[str] = "retrieval"

    bot_id: UUID
    source_id: UUID
    version: int
    generation: int
    chunk_count: int
    added: int
    removed: int
