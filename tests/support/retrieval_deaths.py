"""A retrieval process that dies at a given call of the vector index."""

from typing import Any

from minirag_retrieval.ports import VectorIndex
from retrieval_rooms import Rooms


class Death(BaseException):
    """The process ends here: no handler runs."""


class DyingIndex:
    """The real index, until a given call, before or after which the process dies."""

    def __init__(self, index: VectorIndex, operation: str, at: int, after: bool) -> None:
        self._index, self._operation, self._left, self._after = index, operation, at, after

    def __getattr__(self, name: str) -> Any:
        target = getattr(self._index, name)
        if name != self._operation:
            return target

        async def call(*arguments: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Death
            result = await target(*arguments, **named)
            if self._left == 0:
                raise Death
            return result

        return call


def dying(rooms: Rooms, operation: str, at: int = 1, *, after: bool = True) -> Rooms:
    """Another process over the same stores, which dies at that call."""
    index: Any = DyingIndex(rooms.index, operation, at, after)
    return Rooms(rooms.database, index, rooms.embedder)
