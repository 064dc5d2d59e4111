"""The worker's process: started on first need, watched, and replaced when it is gone."""

import asyncio
import logging
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress

from minirag_chat.adapters.llm.wire import Message, Wire

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that a worker has to end by itself."""


class WorkerProcess:
    """One worker and the wire to it. ``on_lost`` is called once, when either is gone."""

    def __init__(self, process: Process, wire: Wire) -> None:
        self._process = process
        self._wire = wire
        self.send = wire.send

    @classmethod
    async def start(
        cls, on_message: Callable[[Message], None], on_lost: Callable[[], None]
    ) -> "WorkerProcess":
        """Starts it and returns at once: it may be written to while it still loads. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "minirag_chat.adapters.llm.worker",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=worker_environment(),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        wire = Wire(on_message, on_lost)
        await asyncio.get_running_loop().create_connection(lambda: wire, sock=ours)
        log.info("llm worker started", extra={"pid": process.pid})
        return cls(process, wire)

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can still be written to."""
        return self._wire.connected

    async def reap(self) -> None:
        """Hangs up and waits until it is gone, by force if need be."""
        self._wire.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        log.info("llm worker ended", extra={"pid": self.pid, "status": self._process.returncode})


def worker_environment() -> dict[str, str]:
    """Ours without our own secrets: the worker needs the providers' variables and no access to bus or database."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MINIRAG_")}
