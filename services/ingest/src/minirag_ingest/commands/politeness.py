"""One request at a time to each host, and a pause between two: whatever fetches pages of sites in this process waits at the
same gates.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from minirag_ingest.domain.web_address import host_of
from minirag_ingest.ports import Busy, Fetcher, NotModified, Page, TemporaryFailure, Validators

MAX_GATES = 10_000
"""Hosts that are remembered; those that nobody waits for go first."""
MAX_PENALTY = 30.0
"""Seconds by which a host that is asked too often is asked less often."""
SOON = 1.0
"""Seconds for which it is not worth going away."""
IN_LINE = 2
"""Who asks a host or stands in line for it; more had better go away."""
REQUEST = 0.1
"""Seconds that a request takes, reckoned for those who go away."""


@dataclass(slots=True)
class _Gate:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    opens: float = 0.0
    penalty: float = 0.0
    held: float = 0.0
    booked: float = 0.0
    in_line: int = 0


class Gates:
    """``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._gates: dict[str, _Gate] = {}

    @asynccontextmanager
    async def turn(self, host: str, pause: float) -> AsyncIterator[None]:
        """While it is entered nobody else asks this host, and for ``pause`` seconds afterwards."""
        gate = self._gate(host)
        gate.in_line += 1
        try:
            async with gate.lock:
                while (wait := gate.opens - self._clock()) > 0:  # noqa: ASYNC110  # it may be held longer meanwhile
                    await asyncio.sleep(wait)
                try:
                    yield
                finally:
                    gate.opens = max(gate.opens, self._clock() + pause + gate.penalty)
        finally:
            gate.in_line -= 1

    def book(self, host: str, pause: float) -> float:
        """For who does not want to stand in line for long: 0 if that is not needed, else after how many seconds to come back.
        Everybody who is sent away is told a later time than the one before, so that not all come back at once.
        """
        gate = self._gate(host)
        now = self._clock()
        if gate.in_line < IN_LINE and gate.opens - now <= SOON:
            return 0.0
        gate.booked = max(gate.booked, gate.opens, now) + pause + gate.penalty + REQUEST
        return gate.booked - now

    def is_held(self, host: str) -> bool:
        """Whether the host has asked to be left alone until later than now."""
        return self._gate(host).held > self._clock()

    def hold(self, host: str, seconds: float) -> None:
        """The host asks to be left alone for so long, and is asked less often from then on."""
        gate = self._gate(host)
        gate.held = max(gate.held, self._clock() + seconds)
        gate.opens = max(gate.opens, gate.held)
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


class PoliteFetcher:
    """Fetches from each host when it is our turn; ``gates`` are shared by whoever does in this process."""

    def __init__(self, fetcher: Fetcher, gates: Gates) -> None:
        self._fetcher = fetcher
        self._gates = gates

    async def fetch(
        self, url: str, pause: float | None, known: Validators | None = None
    ) -> Page | NotModified:
        """As ``Fetcher.fetch``, once it is our turn; nobody's turn is waited for, and nobody waits, if ``pause`` is None."""
        if pause is None:
            return await self._fetcher.fetch(url, known)
        host = host_of(url)
        async with self._gates.turn(host, pause):
            try:
                page = await self._fetcher.fetch(url, known)
            except TemporaryFailure as failure:
                if failure.retry_after is not None:
                    self._gates.hold(host, failure.retry_after.total_seconds())
                raise
            self._gates.ease(host)
            return page

    def check_turn(self, url: str, pause: float | None) -> None:
        """Raises Busy where it would be our turn much later only, and TemporaryFailure where that is what the host asked for."""
        if pause is None:
            return
        host = host_of(url)
        wait = timedelta(seconds=self._gates.book(host, pause))
        if wait and self._gates.is_held(host):
            raise TemporaryFailure("The site asks us to come back later.", wait)
        if wait:
            raise Busy(wait, "Other pages of the site have their turn first.")
