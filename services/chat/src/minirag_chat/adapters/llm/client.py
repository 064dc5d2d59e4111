"""Every model but our own: asked through the LLM worker, many answers at once over one socket."""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any, ClassVar

from minirag_chat.adapters.llm.process import WorkerProcess
from minirag_chat.adapters.llm.wire import Message
from minirag_chat.domain.prompt import Prompt
from minirag_chat.errors import LLM_FAILURES, LlmFailure, LlmInterrupted, LlmTimedOut, LlmUnavailable
from minirag_chat.ports import Delta, Params, TokenCount

log = logging.getLogger(__name__)

LOST: Message = ["lost"]
"""Put into every open stream when the worker is gone."""

LOADING = 60.0
"""Seconds that a worker may take to import its library (2 on an idle core, 8 without compiled modules)."""

RESTARTS = 2
"""How often a request that has not been answered yet is put to a new worker."""


class WorkerLost(Exception):
    """The worker died while it worked on this."""


class LlmClient:
    """The port's adapter. Starts the worker on first need and again whenever it has died."""

    highlights: ClassVar[int] = 0

    def __init__(self, *, silence: timedelta) -> None:
        """``silence`` is how long a provider may say nothing, before the first piece and between two."""
        self._silence = silence.total_seconds()
        self._numbers = itertools.count(1)
        self._streams: dict[int, asyncio.Queue[Message]] = {}
        self._worker: WorkerProcess | None = None
        self._ready = asyncio.Event()
        self._starting = asyncio.Lock()
        self._closed = False
        self._background: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The worker's process id; None while there is none."""
        return self._worker.pid if self._worker else None

    def warm(self) -> None:
        """Starts the worker in the background, so that the first question need not wait for its import."""
        if self._worker is None and not self._closed:
            self._spawn(self._warm())

    async def wait_ready(self) -> None:
        """Until a worker has loaded; a worker that dies over it is replaced."""
        while not self._ready.is_set():
            await self._running()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), 0.5)

    async def stream(self, prompt: Prompt, params: Params) -> AsyncGenerator[Delta | TokenCount, None]:
        """Pieces as they come (those that are there at the same moment as one), then the count; raises LlmFailure.

        A request of which nothing has come back is put to a new worker when its worker dies.
        """
        begun = False
        for attempt in range(RESTARTS + 1):
            try:
                async with aclosing(self._once(prompt, params)) as parts:
                    async for part in parts:
                        begun = True
                        yield part
                return
            except WorkerLost:
                if begun:
                    raise LlmInterrupted from None
                log.warning("llm worker lost before an answer began", extra={"attempt": attempt})
        raise LlmUnavailable

    async def close(self) -> None:
        """Ends the worker."""
        self._closed = True
        async with self._starting:  # what is being started at this moment is ended too
            worker, self._worker = self._worker, None
        if worker is not None:
            await worker.reap()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _once(self, prompt: Prompt, params: Params) -> AsyncGenerator[Delta | TokenCount, None]:
        worker = await self._running()
        number = next(self._numbers)
        queue: asyncio.Queue[Message] = asyncio.Queue()
        self._streams[number] = queue
        ended = False
        try:
            worker.send(["stream", number, _request(prompt, params, self._silence)])
            await self._loaded(queue)
            while True:
                for message in await self._arrived(queue):
                    if message[0] == "delta":
                        yield Delta(message[2])
                    elif message[0] == "count":
                        yield TokenCount(*message[2:])
                    else:
                        ended = True
                        _end(message)
                        return
        finally:
            del self._streams[number]
            if not ended:
                worker.send(["cancel", number])

    async def _arrived(self, queue: asyncio.Queue[Message]) -> list[Message]:
        """Waits for a message and takes along all that are there already, their text joined."""
        try:
            async with asyncio.timeout(self._silence):
                messages = [await queue.get()]
        except TimeoutError:
            raise LlmTimedOut from None
        while not queue.empty():
            message = queue.get_nowait()
            if message[0] == "delta" and messages[-1][0] == "delta":
                messages[-1] = ["delta", message[1], messages[-1][2] + message[2]]
            else:
                messages.append(message)
        return messages

    async def _loaded(self, queue: asyncio.Queue[Message]) -> None:
        """Until the worker has imported its library: that is no silence of the provider's."""
        if self._ready.is_set():
            return
        try:
            async with asyncio.timeout(LOADING):
                if await queue.get() == LOST:
                    raise WorkerLost
        except TimeoutError:
            raise LlmUnavailable from None

    async def _running(self) -> WorkerProcess:
        async with self._starting:
            if self._closed:
                raise LlmUnavailable
            if self._worker is None:
                self._ready.clear()
                try:
                    self._worker = await WorkerProcess.start(self._message, self._lost)
                except OSError as error:
                    log.exception("llm worker cannot be started")
                    raise LlmUnavailable from error
            if not self._worker.alive:
                self._lost()
                raise WorkerLost
            return self._worker

    def _message(self, message: Message) -> None:
        if message[0] == "ready":
            self._ready.set()
            for waiting in self._streams.values():
                waiting.put_nowait(message)
        elif (queue := self._streams.get(message[1])) is not None:
            queue.put_nowait(message)

    def _lost(self) -> None:
        worker, self._worker = self._worker, None
        for queue in self._streams.values():
            queue.put_nowait(LOST)
        if worker is not None:
            log.warning("llm worker lost", extra={"pid": worker.pid, "streams": len(self._streams)})
            self._spawn(worker.reap())

    async def _warm(self) -> None:
        try:
            await self._running()
        except (LlmFailure, WorkerLost) as failure:
            log.warning("llm worker not warmed", extra={"reason": type(failure).__name__})

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _request(prompt: Prompt, params: Params, silence: float) -> dict[str, object]:
    return {
        "model": params.model,
        "messages": prompt.messages(),
        "temperature": params.temperature,
        "max_tokens": params.max_tokens,
        "api_key": params.api_key,
        "timeout": silence,
    }


def _end(message: Message) -> None:
    """Raises what an ending message means; returns for a good end."""
    if message[0] == "lost":
        raise WorkerLost
    if message[0] == "error":
        raise LLM_FAILURES.get(message[2], LlmFailure)
