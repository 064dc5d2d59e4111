"""The embedded engine's side of ``VectorIndex``: a client of the ``vectors`` process over its unix socket.

Requests are pipelined on one connection. When it breaks, what was under way is sent again on the next one
until the patience is used up: every operation may be repeated.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import numpy as np
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import Unavailable

from minirag_retrieval.engine.wire import POINTS_PER_FRAME, PROTOCOL, Frame, pack, unpacker
from minirag_retrieval.ports import Hit, Hits, IndexPoint, Span, SparseVector, StoreStatus, Vector

RETRY_DELAYS = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds between attempts to reach the engine; the last one repeats."""

log = logging.getLogger(__name__)


class EngineError(RuntimeError):
    """The engine refused an operation: a fault of this program, so it is not tried again."""


class _Connection(asyncio.Protocol):
    """Matches replies with the futures that wait for them."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._unpacker = unpacker()
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit asyncio's, so this cannot be asserted.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._unpacker.feed(data)
        for number, status, value in self._unpacker:
            future = self._waiting.pop(number, None)
            if future is None or future.done():
                continue
            if status == "ok":
                future.set_result(value)
            else:
                future.set_exception(EngineError(value))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(ConnectionResetError("the engine went away"))

    async def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        if self._transport is None:
            raise ConnectionResetError("the engine went away")
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        frame: Frame = [number, operation, arguments]
        self._transport.write(pack(frame))
        try:
            return await future
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class EdgeIndex:
    """``VectorIndex`` over the socket; ``patience`` is how long an operation waits for an engine that is
    away.
    """

    def __init__(self, socket: Path, patience: float = 10.0) -> None:
        self._socket = socket
        self._patience = patience
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._store_id: str | None = None

    @property
    def store_id(self) -> str | None:
        """Of the engine that answered last."""
        return self._store_id

    async def status(self) -> StoreStatus:
        """Is the engine there, and which points does it hold?"""
        hello = await self._call("hello", {})
        return StoreStatus(hello["store_id"], hello["points"])

    async def insert(self, scope: TenantScope, points: Sequence[IndexPoint]) -> None:
        """Stores those points that are not there yet and leaves the others as they are."""
        for start in range(0, len(points), POINTS_PER_FRAME):
            part = [_packed(point) for point in points[start : start + POINTS_PER_FRAME]]
            await self._call("insert", _of(scope, points=part))

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
        ends = {"from_gen": from_gen, "to_gen": to_gen}
        marks = {name: value for name, value in ends.items() if value is not None}
        if point_ids:
            await self._call("mark", _of(scope, ids=_ids(point_ids), claim=claim, marks=marks))

    async def spans(self, scope: TenantScope, point_ids: Sequence[UUID]) -> dict[UUID, Span]:
        """The spans of those points that exist."""
        return {
            UUID(bytes=point): Span(from_gen, to_gen)
            for point, from_gen, to_gen, _ in await self._records(scope, point_ids, vectors=False)
        }

    async def vectors(self, scope: TenantScope, point_ids: Sequence[UUID]) -> dict[UUID, Vector]:
        """The dense vectors of those points that exist."""
        return {
            UUID(bytes=point): np.frombuffer(dense, np.float32)
            for point, _, _, dense in await self._records(scope, point_ids, vectors=True)
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
        arguments = _of(scope, bot=str(bot_id), generation=generation, dense=dense.tobytes(), limit=limit)
        arguments |= {"indices": sparse.indices, "values": sparse.values}
        by_meaning, by_words = await self._call("search", arguments)
        return Hits(_hits(by_meaning), _hits(by_words))

    async def delete(self, scope: TenantScope, point_ids: Sequence[UUID]) -> None:
        """Removes points for good."""
        if point_ids:
            await self._call("delete", _of(scope, ids=_ids(point_ids)))

    async def delete_all(self, scope: TenantScope) -> None:
        """Removes every point of the tenant, also those that no row names."""
        await self._call("delete_all", _of(scope))

    async def count(self, scope: TenantScope, bot_id: UUID) -> int:
        """How many points a bot has, visible or not."""
        return int(await self._call("count", _of(scope, bot=str(bot_id))))

    async def flush(self) -> None:
        """When it returns, everything acknowledged before survives a failure of the machine, or its loss is noticed."""
        await self._call("flush", {})

    async def close(self) -> None:
        """Releases the connection."""
        if self._connection is not None:
            self._connection.close()

    async def _records(self, scope: TenantScope, point_ids: Sequence[UUID], vectors: bool) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(point_ids), POINTS_PER_FRAME):
            ids = _ids(point_ids[start : start + POINTS_PER_FRAME])
            found += await self._call("records", _of(scope, ids=ids, vectors=vectors))
        return found

    async def _call(self, operation: str, arguments: dict[str, Any]) -> Any:
        deadline = time.monotonic() + self._patience
        for delay in itertools.chain(RETRY_DELAYS, itertools.repeat(RETRY_DELAYS[-1])):
            try:
                async with asyncio.timeout(max(0.001, deadline - time.monotonic())):
                    return await (await self._open()).call(operation, arguments)
            except (OSError, TimeoutError) as error:
                if time.monotonic() + delay >= deadline:
                    log.warning(
                        "the vector engine did not answer",
                        extra={"operation": operation, "reason": repr(error)},
                    )
                    raise Unavailable(
                        "The vector index does not answer at the moment. Please try again."
                    ) from error
                await asyncio.sleep(delay)
        raise AssertionError("the delays never end")

    async def _open(self) -> _Connection:
        if self._connection is not None and self._connection.is_open:
            return self._connection
        async with self._connecting:
            if self._connection is None or not self._connection.is_open:
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_unix_connection(_Connection, str(self._socket))
                hello = await connection.call("hello", {})
                if hello["protocol"] != PROTOCOL:
                    connection.close()
                    raise EngineError(
                        f"the engine speaks protocol {hello['protocol']}, this service {PROTOCOL}"
                    )
                self._store_id, self._connection = str(hello["store_id"]), connection
            return self._connection


def _of(scope: TenantScope, **arguments: Any) -> dict[str, Any]:
    """Arguments with their tenant: the one door of this adapter."""
    return {"tenant": str(scope.tenant_id), **arguments}


def _ids(point_ids: Sequence[UUID]) -> list[bytes]:
    return [point.bytes for point in point_ids]


def _hits(found: Sequence[tuple[bytes, float]]) -> list[Hit]:
    return [Hit(UUID(bytes=point), score) for point, score in found]


def _packed(point: IndexPoint) -> list[Any]:
    payload = {
        "bot_id": str(point.bot_id),
        "source_id": str(point.source_id),
        "from_gen": point.from_gen,
        "to_gen": point.to_gen,
        "claim": 0,
    }
    dense = np.ascontiguousarray(point.dense, np.float32).tobytes()
    return [point.point_id.bytes, dense, point.sparse.indices, point.sparse.values, payload]
