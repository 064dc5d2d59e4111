"""The vector engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import numpy as np
import numpy.typing as npt
from minirag_contracts.context import TenantScope

Vector = npt.NDArray[np.float32]
"""Shape (384,), length 1."""

NEVER = 2**52
"""The generation that is never reached: ``from_gen`` of what is staged, ``to_gen`` of what is current. Exact
as a float, because engines compare ranges as floats.
"""


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Term → weight; the terms are hashes of stems."""

    indices: list[int]
    values: list[float]


@dataclass(frozen=True, slots=True)
class IndexPoint:
    """A chunk's vectors. It is seen by searches at generations ``from_gen ≤ G < to_gen`` of its bot."""

    point_id: UUID
    bot_id: UUID
    source_id: UUID
    dense: Vector
    sparse: SparseVector
    from_gen: int = NEVER
    to_gen: int = NEVER


@dataclass(frozen=True, slots=True)
class Span:
    """The generations in which a stored point is visible."""

    from_gen: int
    to_gen: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A found point; cosine for the dense arm, BM25 for the sparse one."""

    point_id: UUID
    score: float


@dataclass(frozen=True, slots=True)
class Hits:
    """Both arms of one search, each best first."""

    dense: list[Hit] = field(default_factory=list)
    sparse: list[Hit] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """``store_id`` changes when the points were lost and must be filled in again."""

    store_id: str
    points: int


class VectorIndex(Protocol):
    """The vector engine. Every operation may be repeated with the same effect and raises Unavailable without
    engine.

    A point is inserted once, opened once (``from_gen``), closed once (``to_gen``), deleted. ``claim`` fences
    off those who lost their right: a mark is ignored for points that bear a higher claim.
    """

    @property
    def store_id(self) -> str | None:
        """Of the store that answered last; None before the first answer."""
        ...

    async def status(self) -> StoreStatus:
        """Is the engine there, and which points does it hold?"""
        ...

    async def insert(self, scope: TenantScope, points: Sequence[IndexPoint]) -> None:
        """Stores those points that are not there yet and leaves the others as they are."""
        ...

    async def mark(
        self,
        scope: TenantScope,
        point_ids: Sequence[UUID],
        claim: int,
        *,
        from_gen: int | None = None,
        to_gen: int | None = None,
    ) -> None:
        """Sets the given ends of the points' spans."""
        ...

    async def spans(self, scope: TenantScope, point_ids: Sequence[UUID]) -> dict[UUID, Span]:
        """The spans of those points that exist."""
        ...

    async def vectors(self, scope: TenantScope, point_ids: Sequence[UUID]) -> dict[UUID, Vector]:
        """The dense vectors of those points that exist."""
        ...

    async def search(
        self,
        scope: TenantScope,
        bot_id: UUID,
        generation: int,
        dense: Vector,
        sparse: SparseVector,
        limit: int = 50,
    ) -> Hits:
        """The best of both arms among what the bot knows at this generation."""
        ...

    async def delete(self, scope: TenantScope, point_ids: Sequence[UUID]) -> None:
        """Removes points for good."""
        ...

    async def delete_all(self, scope: TenantScope) -> None:
        """Removes every point of the tenant, also those that no row names."""
        ...

    async def count(self, scope: TenantScope, bot_id: UUID) -> int:
        """How many points a bot has, visible or not."""
        ...

    async def flush(self) -> None:
        """When it returns, everything acknowledged before survives a failure of the machine, or another ``store_id`` tells of
        the loss.
        """
        ...

    async def close(self) -> None:
        """Releases the connection."""
        ...
