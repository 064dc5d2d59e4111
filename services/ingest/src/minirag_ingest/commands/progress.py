"""How far a version has come, told as it is made, and not too often."""

import time
from collections import deque
from collections.abc import Callable

from minirag_contracts.context import TenantScope
from minirag_contracts.signals import Progress, Stage

from minirag_ingest.ports import ProgressRows, ProgressSignal, Target

PER_SECOND = 4
"""Signals of one version in any second, at most."""
NOTE_EVERY = 1.0
"""Seconds between two notes, and before the first: most versions are made faster and leave none."""


class Meters:
    """Makes the meters of versions."""

    def __init__(self, signal: ProgressSignal, rows: ProgressRows) -> None:
        self._signal = signal
        self._rows = rows

    def of(self, scope: TenantScope, target: Target) -> "Meter":
        """For one attempt."""
        return Meter(self._signal, self._rows, scope, target)


class Meter:
    """Of one version. A change of stage is told as soon as the limit allows, a count at even distances.

    What takes longer than a moment is noted for whoever asks later, too.
    """

    def __init__(
        self,
        signal: ProgressSignal,
        rows: ProgressRows,
        scope: TenantScope,
        target: Target,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._signal = signal
        self._rows = rows
        self._scope = scope
        self._target = target
        self._clock = clock
        self._told: deque[float] = deque(maxlen=PER_SECOND)
        self._stage: Stage | None = None
        self._noted = clock()

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
        if now - self._noted >= NOTE_EVERY:
            self._noted = now
            await self._rows.note(self._scope, progress)
