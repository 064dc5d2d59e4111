"""Events of the index."""

from typing import ClassVar
from uuid import UUID

from minirag_contracts.events.base import EventPayload, Value


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


class HiddenSource(Value):
    """A source of which nothing up to ``version`` answers any more, and ``removed`` chunks did until now."""

    source_id: UUID
    version: int
    removed: int


class SourcesHidden(EventPayload):
    """Sources of a bot became invisible, all in one step; their versions up to the given ones never become visible again."""

    type: ClassVar[str] = "index.source.hidden"
    owner: ClassVar[str] = "retrieval"

    bot_id: UUID
    generation: int
    sources: list[HiddenSource]
