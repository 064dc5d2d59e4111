"""How far a version has come, told as it is made, and not too often."""

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from minirag_contracts.context import TenantScope
from minirag_contracts.signals import Progress

from minirag_ingest.ports import ProgressSignal, Target

Stage = Literal["reading", "chunking", "indexing"]

PER_SECOND = 4
"""Signals of one version in any second, at most."""


class Meter:
    """Of one version. A change of stage is told as soon as the limit allows, a count at even distances."""

    def __init__(
        self,
        signal: ProgressSignal,
        scope: TenantScope,
        target: Target,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._signal = signal
        self._scope = scope
        self._target = target
        self._clock = clock
        self._told: deque[float] = deque(maxlen=PER_SECOND)
        self._stage: Stage | None = None

    async def tell(self, stage: Stage, done: int = 0, total: int = 0) -> None:
        """Chunks that are done, of so many; what comes too soon is left out."""
        now = self._clock()
        if len(self._told) == PER_SECOND and now - self._told[0] < 1:
            return
        if stage == self._stage and now - self._told[-1] < 1 / PER_SECOND:
            return
        self._told.append(now)
        self._stage = stage
        target = self._target
        progress = Progress(
            source_id=target.source_id,
            bot_id=target.bot_id,
            version=target.version,
            stage=stage,
            done=done,
            total=total,
        )
        await self._signal.tell(self._scope, progress)
