"""The points: one dense and one sparse vector each, and the payload by which searches see them or not."""

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import qdrant_edge as edge

from minirag_retrieval.engine.folder import DataFolder, Identity

DIMENSIONS = 384
DENSE = "dense"
SPARSE = "bm25"
INDEXED: dict[str, Any] = {
    "tenant_id": edge.KeywordIndexParams(is_tenant=True),
    "bot_id": edge.PayloadSchemaType.Keyword,
    "source_id": edge.PayloadSchemaType.Keyword,
    "from_gen": edge.PayloadSchemaType.Integer,
    "to_gen": edge.PayloadSchemaType.Integer,
}
NEVER_INDEX = 10**9
"""Kilobytes before a graph is built: never. Building one for 20,000 points would stop all answers for half a
minute.
"""

Hits = list[tuple[bytes, float]]


def _config() -> edge.EdgeConfig:
    return edge.EdgeConfig(
        vectors={DENSE: edge.EdgeVectorParams(size=DIMENSIONS, distance=edge.Distance.Cosine)},
        sparse_vectors={SPARSE: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        optimizers=edge.EdgeOptimizersConfig(indexing_threshold=NEVER_INDEX, default_segment_number=1),
        max_search_threads=1,
        wal_enabled=True,
    )


def _create(path: str) -> edge.EdgeShard:
    shard = edge.EdgeShard.create(path, _config())
    for field, schema in INDEXED.items():
        shard.update(edge.UpdateOperation.create_field_index(field, schema))
    shard.flush()
    return shard


def _load(path: str) -> edge.EdgeShard:
    shard = edge.EdgeShard.load(path, _config())
    shard.optimize()  # gives back the room of deleted points where they are more than a fifth
    return shard


def in_tenant(tenant: str, *conditions: Any) -> edge.Filter:
    """The one place where a filter is made: none goes without its tenant."""
    return edge.Filter(must=[_equals("tenant_id", tenant), *conditions])


def visible(tenant: str, bot: str, generation: int) -> edge.Filter:
    """What the bot knows at a generation: ``from_gen ≤ generation < to_gen``."""
    return in_tenant(
        tenant,
        _equals("bot_id", bot),
        edge.FieldCondition("from_gen", range=edge.RangeFloat(lte=generation)),
        edge.FieldCondition("to_gen", range=edge.RangeFloat(gt=generation)),
    )


def _equals(field: str, value: str) -> edge.FieldCondition:
    return edge.FieldCondition(field, match=edge.MatchValue(value))


def _among(ids: Iterable[bytes]) -> edge.HasIdCondition:
    return edge.HasIdCondition({UUID(bytes=point) for point in ids})


class PointShard:
    """The shard and its operations; each call is quick if its slice is small, and outlives this process when it returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = DataFolder(folder)
        self._shard: edge.EdgeShard
        self._shard, self.identity = self._folder.open(_load, _create)

    @property
    def store_id(self) -> str:
        """See ``Identity``."""
        identity: Identity = self.identity
        return identity.store_id

    def insert(self, tenant: str, points: Sequence[Sequence[Any]]) -> None:
        """Points ``[id, dense, indices, values, payload]`` that are not there yet; others stay as they are."""
        self._folder.note_unflushed()
        made = [
            edge.Point(
                UUID(bytes=point),
                {DENSE: array("f", dense).tolist(), SPARSE: edge.SparseVector(indices, values)},
                {**payload, "tenant_id": tenant},
            )
            for point, dense, indices, values, payload in points
        ]
        self._shard.update(edge.UpdateOperation.upsert_points(made, None, edge.UpdateMode.InsertOnly))

    def mark(self, tenant: str, ids: Sequence[bytes], claim: int, marks: dict[str, int]) -> None:
        """Sets ``from_gen``/``to_gen`` of the points that nobody with a higher claim has marked."""
        self._folder.note_unflushed()
        unclaimed = edge.FieldCondition("claim", range=edge.RangeFloat(lte=claim))
        chosen = in_tenant(tenant, _among(ids), unclaimed)
        self._shard.update(edge.UpdateOperation.set_payload_by_filter(chosen, {**marks, "claim": claim}))

    def delete(self, tenant: str, ids: Sequence[bytes]) -> None:
        """Points that are gone already count as deleted."""
        self._folder.note_unflushed()
        self._shard.update(edge.UpdateOperation.delete_points_by_filter(in_tenant(tenant, _among(ids))))

    def search(
        self,
        tenant: str,
        bot: str,
        generation: int,
        dense: bytes,
        indices: list[int],
        values: list[float],
        limit: int,
    ) -> tuple[Hits, Hits]:
        """The best by cosine and the best by BM25 (IDF over what the bot knows); both exact."""
        seen = visible(tenant, bot, generation)
        requests = [
            edge.QueryRequest(
                limit,
                query=edge.Query.Nearest(array("f", dense).tolist(), using=DENSE),
                filter=seen,
                params=edge.SearchParams(exact=True),
            )
        ]
        if indices:
            requests.append(
                edge.QueryRequest(
                    limit,
                    query=edge.Query.Nearest(edge.SparseVector(indices, values), using=SPARSE),
                    filter=seen,
                    params=edge.SearchParams(idf=edge.IdfParams(corpus=seen)),
                )
            )
        found = [_hits(points) for points in self._shard.query_batch(edge.QueryBatchRequest(requests))]
        return found[0], found[1] if indices else []

    def records(
        self, tenant: str, ids: Sequence[bytes], vectors: bool
    ) -> list[tuple[bytes, int, int, bytes]]:
        """``(id, from_gen, to_gen, dense)`` of those that exist; dense is empty unless asked for."""
        wanted: list[Any] = [UUID(bytes=point) for point in ids]
        found = []
        for record in self._shard.retrieve(wanted, True, [DENSE] if vectors else False):
            payload = record.payload or {}
            if payload.get("tenant_id") == tenant:
                dense = _dense(record.vector) if vectors else b""
                found.append((_bytes(record.id), int(payload["from_gen"]), int(payload["to_gen"]), dense))
        return found

    def count(self, tenant: str, bot: str) -> int:
        """Points of a bot, visible or not."""
        return self._shard.count(edge.CountRequest(True, in_tenant(tenant, _equals("bot_id", bot))))

    def some_of(self, tenant: str, limit: int) -> list[bytes]:
        """Points of a tenant, whatever bot they are of."""
        request = edge.ScrollRequest(
            limit=limit, filter=in_tenant(tenant), with_payload=False, with_vector=False
        )
        found, _ = self._shard.scroll(request)
        return [_bytes(record.id) for record in found]

    def total(self) -> int:
        """Points of everybody."""
        return self._shard.info().points_count

    @property
    def unflushed(self) -> bool:
        """Whether there is something to settle."""
        return self._folder.unflushed

    def flush(self) -> None:
        """When it returns, everything acknowledged so far survives a failure of the machine, or its loss will be noticed."""
        if not self._folder.notices_failures:
            self.settle()  # with its note, which without a boot id would condemn the folder at the next start

    def settle(self) -> None:
        """Brings everything to the disk: 10 ms of computing and some waiting for the disk, during which nothing is answered."""
        self._shard.flush()
        self._folder.note_flushed()

    def close(self) -> None:
        """Flushes and releases the files."""
        self.settle()
        self._shard.close()


def _hits(points: Iterable[edge.ScoredPoint]) -> Hits:
    return [(_bytes(point.id), point.score) for point in points]


def _dense(vector: Any) -> bytes:
    return array("f", vector[DENSE]).tobytes()


def _bytes(point: int | UUID | str) -> bytes:
    return point.bytes if isinstance(point, UUID) else UUID(str(point)).bytes
