"""One thread, one loop: searches are answered as they arrive, writes wait in line and are applied slice by
slice.

Between two slices the loop looks at the sockets again, so a search never waits behind more than one slice
(about 3 ms).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from minirag_retrieval.engine.shard import DIMENSIONS, PointShard
from minirag_retrieval.engine.wire import PROTOCOL, Frame, UnpackException, pack, unpacker

INSERT_SLICE = 32
MARK_SLICE = 512
QUIET, LATEST = 5.0, 60.0
"""Seconds without a write after which everything is brought to the disk; and the longest without that, writes or not."""
WRITES = frozenset({"insert", "mark", "delete", "delete_all", "flush"})

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Write:
    """A write in line; ``steps`` are done one at a time."""

    steps: Iterable[Callable[[], None]]
    answer: Callable[[Frame], None]
    number: int
    operation: str = field(default="")


class Engine:
    """Joins connections and shard. ``broken`` is set when the shard panicked: the process must then end."""

    def __init__(self, shard: PointShard) -> None:
        self._shard = shard
        self._writes: asyncio.Queue[Write] = asyncio.Queue()
        self._written = self._settled = time.monotonic()
        self._closed = False
        self.broken = asyncio.Event()

    def receive(self, frame: Frame, answer: Callable[[Frame], None]) -> None:
        """Answers a read at once, puts a write in line."""
        number, operation, arguments = frame
        if self._closed:  # its client finds the connection broken, and asks the next engine
            return
        try:
            if operation in WRITES:
                steps = self._steps(operation, arguments)
                self._writes.put_nowait(Write(steps, answer, number, operation))
            else:
                answer([number, "ok", self._read(operation, arguments)])
        except Exception as error:  # noqa: BLE001  # told to the client and logged
            self._refuse(number, operation, answer, error)
        except BaseException as error:
            self._panicked(number, operation, answer, error)
            raise

    async def write_forever(self) -> None:
        """Applies the writes in the order in which they came."""
        while True:
            write = await self._writes.get()
            await self._apply(write)
            self._written = time.monotonic()
            self._writes.task_done()

    async def settle_forever(self, quiet: float = QUIET, latest: float = LATEST) -> None:
        """Brings writes to the disk when nobody is waiting for any, and not too seldom."""
        while True:
            await asyncio.sleep(quiet / 5)
            now = time.monotonic()
            if not self._shard.unflushed:
                self._settled = now
            elif now - self._written >= quiet or now - self._settled >= latest:
                self._shard.settle()
                self._settled = now

    async def drain(self) -> None:
        """Returns when all writes that were in line are done; nothing is taken from then on."""
        await self._writes.join()
        self._closed = True

    async def _apply(self, write: Write) -> None:
        try:
            for step in write.steps:
                step()
                await asyncio.sleep(0)  # searches that arrived meanwhile are answered here
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # told to the client and logged
            self._refuse(write.number, write.operation, write.answer, error)
        except BaseException as error:  # noqa: BLE001  # a panic of the engine is no Exception
            self._panicked(write.number, write.operation, write.answer, error)
        else:
            write.answer([write.number, "ok", None])

    def _steps(self, operation: str, arguments: dict[str, Any]) -> Iterable[Callable[[], None]]:
        shard, tenant = self._shard, arguments.get("tenant", "")
        if operation == "flush":
            return [shard.flush]
        if operation == "insert":
            return [
                partial(shard.insert, tenant, part) for part in _slices(arguments["points"], INSERT_SLICE)
            ]
        if operation == "delete_all":
            return self._emptying(tenant)
        parts = _slices(arguments["ids"], MARK_SLICE)
        if operation == "delete":
            return [partial(shard.delete, tenant, part) for part in parts]
        claim, marks = arguments["claim"], arguments["marks"]
        return [partial(shard.mark, tenant, part, claim, marks) for part in parts]

    def _emptying(self, tenant: str) -> Iterator[Callable[[], None]]:
        """As many slices as the tenant turns out to have."""
        while part := self._shard.some_of(tenant, MARK_SLICE):
            yield partial(self._shard.delete, tenant, part)

    def _read(self, operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "search":
            return self._shard.search(**arguments)
        if operation == "records":
            return self._shard.records(**arguments)
        if operation == "count":
            return self._shard.count(**arguments)
        if operation == "hello":
            return {
                "protocol": PROTOCOL,
                "store_id": self._shard.store_id,
                "dimensions": DIMENSIONS,
                "points": self._shard.total(),
                "waiting": self._writes.qsize(),
            }
        raise ValueError(f"there is no operation {operation!r}")

    @staticmethod
    def _refuse(number: int, operation: str, answer: Callable[[Frame], None], error: Exception) -> None:
        log.warning("an operation failed", extra={"operation": operation, "reason": repr(error)})
        answer([number, "error", f"{type(error).__name__}: {error}"])

    def _panicked(
        self, number: int, operation: str, answer: Callable[[Frame], None], error: BaseException
    ) -> None:
        log.critical("the engine panicked", extra={"operation": operation, "reason": repr(error)})
        answer([number, "error", "the engine panicked and starts again"])
        self.broken.set()


def _slices(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._unpacker = unpacker()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Decodes as many frames as are whole; a client that sends anything else is cut off."""
        try:
            self._unpacker.feed(data)
            for frame in self._unpacker:
                self._engine.receive(frame, self._answer)
        except (ValueError, TypeError, UnpackException) as error:
            log.warning("a client sent what is no frame", extra={"reason": repr(error)})
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Writes of this client that wait in line are still done; they are idempotent, and it may ask again."""
        self._transport = None

    def _answer(self, frame: Frame) -> None:
        if self._transport is not None:
            self._transport.write(pack(frame))

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
