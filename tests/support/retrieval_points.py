"""Points and vectors with good defaults."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import numpy as np
from minirag_contracts.context import TenantScope
from minirag_retrieval.adapters.bm25 import Bm25Encoder
from minirag_retrieval.ports import NEVER, IndexPoint, Vector

ENCODER = Bm25Encoder()


def a_scope() -> TenantScope:
    return TenantScope(uuid4())


def a_vector(direction: int = 0, lean: float = 0.0) -> Vector:
    """The unit vector of one axis, leaning to the next one."""
    vector = np.zeros(384, np.float32)
    vector[direction], vector[direction + 1] = 1.0, lean
    unit: Vector = vector / np.float32(np.linalg.norm(vector))
    return unit


def a_point(
    text: str = "the river flows to the sea",
    *,
    bot_id: UUID,
    point_id: UUID | None = None,
    source_id: UUID | None = None,
    dense: Vector | None = None,
    from_gen: int = 1,
    to_gen: int = NEVER,
) -> IndexPoint:
    return IndexPoint(
        point_id=point_id or uuid4(),
        bot_id=bot_id,
        source_id=source_id or uuid4(),
        dense=a_vector() if dense is None else dense,
        sparse=ENCODER.document(text),
        from_gen=from_gen,
        to_gen=to_gen,
    )


def ids_of(points: Sequence[IndexPoint]) -> list[UUID]:
    return [point.point_id for point in points]
