"""One run of a turn: what it has produced so far, and what bounds it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from minirag_contracts.context import Context
from minirag_contracts.requests.chat import CitationRead

from minirag_chat.commands.frame_writer import FrameWriter
from minirag_chat.commands.job import TurnJob
from minirag_chat.domain.prompt import Prompt
from minirag_chat.errors import TurnTooLong
from minirag_chat.ports import TokenCount


class AnswerStopped(Exception):
    """No more of the answer is wanted."""


@dataclass(slots=True)
class Run:
    """What one run has produced so far."""

    job: TurnJob
    context: Context
    writer: FrameWriter
    attempt: int
    began: float = field(default_factory=time.monotonic)
    model: str = ""
    stream: bool = False
    prompt: Prompt | None = None
    asked: bool = False
    pieces: list[str] = field(default_factory=list)
    count: TokenCount | None = None
    first_token_ms: int | None = None
    citations: list[CitationRead] = field(default_factory=list)
    unwanted: bool = False
    """Whether ``stop`` was called, perhaps too late."""
    stopped: bool = False
    """Whether it ended because of that."""
    _scope: asyncio.Timeout | None = None

    def elapsed_ms(self) -> int:
        """Milliseconds since this process took the turn up."""
        return int((time.monotonic() - self.began) * 1000)

    def stop(self) -> None:
        """Ends what runs under ``bounded`` at its next await; nothing happens to a run that is past it."""
        self.unwanted = True
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def bounded(self, seconds: float) -> AsyncIterator[None]:
        """Raises TurnTooLong when its body takes longer, and AnswerStopped when it is stopped."""
        try:
            async with asyncio.timeout(seconds) as self._scope:
                yield
        except TimeoutError:
            raise AnswerStopped if self.unwanted else TurnTooLong from None
        finally:
            self._scope = None
