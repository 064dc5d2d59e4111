"""The Qdrant server's side of ``VectorIndex``, through qdrant-client; also its in-process local mode, for
tests.

Differences to the embedded engine: the server builds a graph, so the dense arm is asked to be exact only
where that is cheap (it decides by itself below 10,000 points of a filter); ``flush`` has nothing to do,
because the server acknowledges a write (``wait=True``) after it is in its log, and flushes by itself.
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import Unavailable
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from minirag_retrieval.ports import Hit, Hits, IndexPoint, Span, SparseVector, StoreStatus, Vector

DIMENSIONS = 384
DENSE = "dense"
SPARSE = "bm25"
BATCH = 256
STORE_ID = "store_id"
OLDEST = (1, 19)
"""The server's version that counts words among what a filter chooses; 1.17 inserts only what is absent."""
INDEXES: dict[str, Any] = {
    "tenant_id": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "bot_id": models.PayloadSchemaType.KEYWORD,
    "source_id": models.PayloadSchemaType.KEYWORD,
    "from_gen": models.PayloadSchemaType.INTEGER,
    "to_gen": models.PayloadSchemaType.INTEGER,
    "claim": models.PayloadSchemaType.INTEGER,
}


def in_tenant(scope: TenantScope, *conditions: models.Condition) -> models.Filter:
    """The one place where a filter is made: none goes without its tenant."""
    return models.Filter(must=[_equals("tenant_id", scope.tenant_id), *conditions])


def visible(scope: TenantScope, bot_id: UUID, generation: int) -> models.Filter:
    """What the bot knows at a generation: ``from_gen ≤ generation < to_gen``."""
    return in_tenant(
        scope,
        _equals("bot_id", bot_id),
        models.FieldCondition(key="from_gen", range=models.Range(lte=generation)),
        models.FieldCondition(key="to_gen", range=models.Range(gt=generation)),
    )


class QdrantIndex:
    """``VectorIndex`` over an ``AsyncQdrantClient``; makes its collection, of so many copies, on first use."""

    def __init__(
        self, client: AsyncQdrantClient, collection: str = "minirag_chunks", replication: int = 1
    ) -> None:
        self._client = client
        self._collection = collection
        self._replication = replication
        self._store_id: str | None = None
        self._new_enough = False

    @property
    def store_id(self) -> str | None:
        """As of the last status."""
        return self._store_id

    async def status(self) -> StoreStatus:
        """Is the engine there, new enough, and which points does it hold?"""
        with _unavailable():
            await self._see_that_it_is_new_enough()
            self._store_id = await self._identity()
            points = (await self._client.count(self._collection, exact=False)).count
        return StoreStatus(self._store_id, points)

    async def insert(self, scope: TenantScope, points: Sequence[IndexPoint]) -> None:
        """Stores those points that are not there yet and leaves the others as they are."""
        for start in range(0, len(points), BATCH):
            part = [_point(scope, point) for point in points[start : start + BATCH]]
            with _unavailable():
                await self._client.upsert(
                    self._collection, part, wait=True, update_mode=models.UpdateMode.INSERT_ONLY
                )

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
        ends = {"from_gen": from_gen, "to_gen": to_gen, "claim": claim}
        payload = {name: value for name, value in ends.items() if value is not None}
        unclaimed = models.FieldCondition(key="claim", range=models.Range(lte=claim))
        for start in range(0, len(point_ids), BATCH):
            chosen = in_tenant(scope, _among(point_ids[start : start + BATCH]), unclaimed)
            with _unavailable():
                await self._client.set_payload(self._collection, payload, points=chosen, wait=True)

    async def spans(self, scope: TenantScope, point_ids: Sequence[UUID]) -> dict[UUID, Span]:
        """The spans of those points that exist."""
        records = await self._records(scope, point_ids, vectors=False)
        return {
            UUID(str(record.id)): Span(int(record.payload["from_gen"]), int(record.payload["to_gen"]))
            for record in records
            if record.payload
        }

    async def vectors(self, scope: TenantScope, point_ids: Sequence[UUID]) -> dict[UUID, Vector]:
        """The dense vectors of those points that exist."""
        records = await self._records(scope, point_ids, vectors=True)
        return {
            UUID(str(record.id)): np.asarray(record.vector[DENSE], np.float32)
            for record in records
            if isinstance(record.vector, dict)
        }

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
        seen = visible(scope, bot_id, generation)
        requests = [models.QueryRequest(query=dense.tolist(), using=DENSE, filter=seen, limit=limit)]
        if sparse.indices:
            words = models.SparseVector(indices=sparse.indices, values=sparse.values)
            idf = models.SearchParams(idf=models.IdfCorpusParams(corpus=seen))
            requests.append(
                models.QueryRequest(query=words, using=SPARSE, filter=seen, limit=limit, params=idf)
            )
        with _unavailable():
            found = await self._client.query_batch_points(self._collection, requests)
        arms = [[Hit(UUID(str(point.id)), point.score) for point in response.points] for response in found]
        return Hits(arms[0], arms[1] if sparse.indices else [])

    async def delete(self, scope: TenantScope, point_ids: Sequence[UUID]) -> None:
        """Removes points for good."""
        for start in range(0, len(point_ids), BATCH):
            chosen = models.FilterSelector(filter=in_tenant(scope, _among(point_ids[start : start + BATCH])))
            with _unavailable():
                await self._client.delete(self._collection, chosen, wait=True)

    async def delete_all(self, scope: TenantScope) -> None:
        """Removes every point of the tenant, also those that no row names."""
        with _unavailable():
            chosen = models.FilterSelector(filter=in_tenant(scope))
            await self._client.delete(self._collection, chosen, wait=True)

    async def count(self, scope: TenantScope, bot_id: UUID) -> int:
        """How many points a bot has, visible or not."""
        chosen = in_tenant(scope, _equals("bot_id", bot_id))
        with _unavailable():
            return (await self._client.count(self._collection, count_filter=chosen, exact=True)).count

    async def flush(self) -> None:
        """The server's own business, see above."""

    async def close(self) -> None:
        """Releases the connection."""
        await self._client.close()

    async def _records(
        self, scope: TenantScope, point_ids: Sequence[UUID], vectors: bool
    ) -> list[models.Record]:
        found: list[models.Record] = []
        for start in range(0, len(point_ids), BATCH):
            ids: list[models.ExtendedPointId] = [str(point) for point in point_ids[start : start + BATCH]]
            wanted = [DENSE] if vectors else False
            with _unavailable():
                found += await self._client.retrieve(
                    self._collection, ids, with_payload=True, with_vectors=wanted
                )
        return [record for record in found if (record.payload or {}).get("tenant_id") == str(scope.tenant_id)]

    async def _identity(self) -> str:
        """The store's id is written with the collection: who makes the one names the other, and everybody else reads it."""
        if not await self._client.collection_exists(self._collection):
            await self._create()
        found = await self._client.get_collection(self._collection)
        store_id = str((found.config.metadata or {}).get(STORE_ID, "unnamed"))
        if store_id != self._store_id:  # whoever made it may have died before it had all of them
            for field in INDEXES.keys() - (found.payload_schema or {}).keys():
                await self._client.create_payload_index(self._collection, field, INDEXES[field], wait=True)
        return store_id

    async def _create(self) -> None:
        """Another process may be first; then its collection is as good as ours."""
        try:
            await self._client.create_collection(
                self._collection,
                vectors_config={DENSE: models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)},
                sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                replication_factor=self._replication,
                # What was acknowledged survives the loss of a node, since most copies have it.
                write_consistency_factor=self._replication // 2 + 1,
                metadata={STORE_ID: uuid4().hex},
            )
        except UnexpectedResponse:
            if not await self._client.collection_exists(self._collection):
                raise

    async def _see_that_it_is_new_enough(self) -> None:
        if self._new_enough:
            return
        version = (await self._client.info()).version
        numbers = re.match(r"(\d+)\.(\d+)", version)
        if numbers is None or tuple(map(int, numbers.groups())) < OLDEST:
            needed = ".".join(map(str, OLDEST))
            raise Unavailable(
                f"The Qdrant server is of version {version}, which is too old: it has to be {needed} or newer."
            )
        self._new_enough = True


class _unavailable:  # noqa: N801  # reads as a word in ``with``
    """Turns the driver's ways of saying «not there» into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        gone = isinstance(error, ResponseHandlingException | httpx.TransportError | ConnectionError)
        status = error.status_code or 0 if isinstance(error, UnexpectedResponse) else 0
        busy = status >= 500 or status in (
            404,
            409,
        )  # a collection that somebody makes or has dropped just now
        if gone or busy:
            raise Unavailable("The vector index does not answer at the moment. Please try again.") from error


def _equals(field: str, value: object) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchValue(value=str(value)))


def _among(point_ids: Sequence[UUID]) -> models.HasIdCondition:
    return models.HasIdCondition(has_id=[str(point) for point in point_ids])


def _point(scope: TenantScope, point: IndexPoint) -> models.PointStruct:
    payload = {
        "tenant_id": str(scope.tenant_id),
        "bot_id": str(point.bot_id),
        "source_id": str(point.source_id),
        "from_gen": point.from_gen,
        "to_gen": point.to_gen,
        "claim": 0,
    }
    words = models.SparseVector(indices=point.sparse.indices, values=point.sparse.values)
    return models.PointStruct(
        id=str(point.point_id), vector={DENSE: point.dense.tolist(), SPARSE: words}, payload=payload
    )
