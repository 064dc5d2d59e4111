"""The neighbours of ingest, and its disk, as twins that remember what they were told."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.requests.retrieval import Activated, Chunk
from minirag_contracts.signals import Progress
from minirag_ingest.errors import UploadGone
from minirag_ingest.ports import LastingFailure, Target


@dataclass
class RememberingIndex:
    """Retrieval's part: staged chunks by ordinal, activated versions; ``before`` may raise or wait."""

    staged: dict[Target, dict[int, Chunk]] = field(default_factory=dict)
    active: dict[UUID, int] = field(default_factory=dict)
    hidden: dict[UUID, int] = field(default_factory=dict)
    activations: list[Target] = field(default_factory=list)
    before: Callable[[str, Target], Awaitable[None]] | None = None

    async def stage(self, context: Context, target: Target, chunks: Sequence[Chunk]) -> int:
        if self.before:
            await self.before("stage", target)
        self.staged.setdefault(target, {}).update({chunk.ordinal: chunk for chunk in chunks})
        return len(chunks)

    async def activate(self, context: Context, target: Target, chunk_count: int) -> Activated:
        if self.before:
            await self.before("activate", target)
        if target.version <= self.hidden.get(target.source_id, 0):
            raise LastingFailure("index_refused", "This source was hidden up to this version.")
        assert sorted(self.staged[target]) == list(range(chunk_count))
        self.active[target.source_id] = target.version
        self.activations.append(target)
        return Activated(generation=len(self.activations), chunk_count=chunk_count)

    async def hide(self, context: Context, bot_id: UUID, versions: Mapping[UUID, int]) -> None:
        if self.before:
            for source_id, version in versions.items():
                await self.before("hide", Target(bot_id, source_id, version))
        for source_id, version in versions.items():
            self.hidden[source_id] = max(version, self.hidden.get(source_id, 0))
            if self.active.get(source_id, version + 1) <= version:
                del self.active[source_id]

    def text(self, source_id: UUID) -> str:
        """What the active version of a source says."""
        [chunks] = [
            chunks
            for target, chunks in self.staged.items()
            if target.source_id == source_id and self.active.get(source_id) == target.version
        ]
        return "\n".join(chunk.text for _, chunk in sorted(chunks.items()))


@dataclass
class RememberingBots:
    """Chat's part: a tenant and a bot of it."""

    known: set[tuple[UUID, UUID]] = field(default_factory=set)

    async def is_active(self, context: Context, bot_id: UUID) -> bool:
        return (context.scope.tenant_id, bot_id) in self.known


@dataclass
class RememberingProgress:
    """Whoever listens to the signals."""

    told: list[Progress] = field(default_factory=list)

    async def tell(self, scope: TenantScope, progress: Progress) -> None:
        self.told.append(progress)


@dataclass
class RememberingTransfer:
    """The bus' object store."""

    objects: dict[str, bytes] = field(default_factory=dict)

    async def read(self, object_name: str, limit: int) -> bytes:
        try:
            return self.objects[object_name][: limit + 1]
        except KeyError:
            raise UploadGone from None

    async def stream(self, object_name: str) -> AsyncIterator[bytes]:
        data = await self.read(object_name, 1024**3)
        for start in range(0, len(data), 131072):
            yield data[start : start + 131072]

    async def discard(self, object_name: str) -> None:
        self.objects.pop(object_name, None)


@dataclass
class SizedDisk:
    """A disk that has as much room as a test says."""

    room: int = 100 * 1024**3

    def free(self) -> int:
        return self.room
