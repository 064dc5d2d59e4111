"""One request at a time to each host, and a pause between two: whatever crawls in this process waits at the same gates."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

MAX_GATES = 10_000
"""Hosts that are remembered; those that nobody waits for go first."""
MAX_PENALTY = 30.0
"""Seconds by which a host that is asked too often is asked less often."""


@dataclass(slots=True)
class _Gate:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    opens: float = 0.0
    penalty: float = 0.0


class Gates:
    """``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._gates: dict[str, _Gate] = {}

    @asynccontextmanager
    async def turn(self, host: str, pause: float) -> AsyncIterator[None]:
        """While it is entered nobody else asks this host, and for ``pause`` seconds afterwards."""
        gate = self._gate(host)
        async with gate.lock:
            while (wait := gate.opens - self._clock()) > 0:  # noqa: ASYNC110  # it may be held longer meanwhile
                await asyncio.sleep(wait)
            try:
                yield
            finally:
                gate.opens = max(gate.opens, self._clock() + pause + gate.penalty)

    def hold(self, host: str, seconds: float) -> None:
        """The host asks to be left alone for so long, and is asked less often from then on."""
        gate = self._gate(host)
        gate.opens = max(gate.opens, self._clock() + seconds)
        gate.penalty = min(MAX_PENALTY, max(1.0, gate.penalty * 2))

    def ease(self, host: str) -> None:
        """The host answers again."""
        gate = self._gate(host)
        gate.penalty = gate.penalty * 0.9 if gate.penalty > 0.1 else 0.0  # a tenth of a second is no pause

    def _gate(self, host: str) -> _Gate:
        if len(self._gates) >= MAX_GATES and host not in self._gates:
            now = self._clock()
            left = {
                name: gate for name, gate in self._gates.items() if gate.lock.locked() or gate.opens > now
            }
            self._gates = left
        return self._gates.setdefault(host, _Gate())
