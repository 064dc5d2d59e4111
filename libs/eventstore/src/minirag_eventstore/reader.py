"""How a consumer reads an owner's older events: the port that the bus implements."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from minirag_contracts.envelope import Envelope


class EventReader(Protocol):
    """Reads another service's store through its ``events.read``; raises Unavailable when it is away."""

    async def after(
        self, owner: str, position: int, patterns: Sequence[str], limit: int = 500
    ) -> tuple[list[Envelope], int]:
        """Events after a position, and the position up to which there are no others that match."""
        ...

    async def stream(self, owner: str, stream: str, after_version: int) -> list[Envelope]:
        """One aggregate's events after a version; not all of them where they are many."""
        ...


async def pages(
    reader: EventReader, owner: str, position: int, patterns: Sequence[str]
) -> AsyncIterator[tuple[list[Envelope], int]]:
    """Page after page until the owner's head is reached; each comes with the position that it reaches."""
    while True:
        events, head = await reader.after(owner, position, patterns)
        yield events, head
        if not events or head <= position:
            return
        position = head
