"""One worker process as the service sees it: start, give a job, kill."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minirag_ingest.adapters.extract.errors import LENGTH, OUT_OF_MEMORY

CHILD = "minirag_ingest.adapters.extract.child"
AT_WORK = 0.01
"""Of ``Limits.seconds``, as processor time; who has not had that is not merely waiting for its turn."""


class WorkerDied(Exception):
    """The process ended during a job. ``signal`` is what killed it, None for an ordinary exit."""

    def __init__(self, returncode: int | None) -> None:
        self.signal = signal.Signals(-returncode) if returncode is not None and returncode < 0 else None
        self.out_of_memory = returncode == OUT_OF_MEMORY
        super().__init__(f"the extraction worker died ({self.signal.name if self.signal else returncode})")


class Stalled(Exception):
    """The process has done next to nothing for so long that it will not."""


class ReplyTooLarge(Exception):
    """The process answers with more than it may."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost: bytes of address space, processor time, bytes given and bytes of the result."""

    memory: int = 512 * 1024 * 1024
    cpu_seconds: int = 5
    chunk_cpu_seconds: int = 60
    """For cutting it into chunks: our own code, whose time grows with the text and with nothing else."""
    seconds: float = 90.0
    """By the clock, after which a process that has hardly worked is given up; one that works has its processor time, which a
    busy machine does not use up."""
    given: int = 32 * 1024 * 1024
    reply: int = 160 * 1024 * 1024
    jobs: int = 200
    """Documents before the process is replaced, so that leaks of foreign code do not add up."""


class Worker:
    """Does one job at a time. After an exception out of ``run`` it must be killed: its pipes are out of step."""

    def __init__(self, process: asyncio.subprocess.Process, limits: Limits) -> None:
        self._process = process
        self._limits = limits
        self.jobs = 0
        self._spent = False

    @classmethod
    async def start(cls, limits: Limits, module: str = CHILD) -> "Worker":
        """A new process. It inherits nothing of our environment, where the secrets are."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", module, str(limits.memory), str(limits.cpu_seconds), str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=1024 * 1024,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"},
        )  # fmt: skip
        return cls(process, limits)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it lives and has not done its share."""
        return self._process.returncode is None and self.jobs < self._limits.jobs and not self._spent

    async def run(self, job: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """The answer's header and body; WorkerDied, ReplyTooLarge, or Stalled."""
        return await self.run_streamed(job, len(data), _at_once(data))

    async def run_streamed(
        self, job: dict[str, Any], size: int, chunks: AsyncIterator[bytes]
    ) -> tuple[dict[str, Any], bytes]:
        """The same with data of so many bytes that come in chunks."""
        self.jobs += 1
        exchange = asyncio.ensure_future(self._exchange(job, size, chunks))
        try:
            await self._patiently(exchange)
            return await exchange
        except (asyncio.IncompleteReadError, ConnectionError, BrokenPipeError) as error:
            await (
                self.kill()
            )  # what failed may have been ``chunks``, and then it is alive; who is dead keeps its exit code
            raise WorkerDied(self._process.returncode) from error
        finally:
            exchange.cancel()
            await asyncio.gather(exchange, return_exceptions=True)

    async def _exchange(
        self, job: dict[str, Any], size: int, chunks: AsyncIterator[bytes]
    ) -> tuple[dict[str, Any], bytes]:
        await self._send(json.dumps(job).encode(), size, chunks)
        header = json.loads(await self._receive())
        self._spent = header.get("spent", False)
        return header, await self._receive()

    async def _patiently(self, exchange: asyncio.Future[Any]) -> None:
        """Waits for as long as the process works."""
        spent = self._processor_time()
        while not (await asyncio.wait([exchange], timeout=self._limits.seconds))[0]:
            before, spent = spent, self._processor_time()
            if spent - before < AT_WORK * self._limits.seconds:
                raise Stalled

    def _processor_time(self) -> float:
        """Seconds that the process has used, all its threads together; 0 once it has ended."""
        try:
            status = Path(f"/proc/{self.pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):  # before it is opened, or while it is read
            return 0.0
        ticks = status.rpartition(")")[2].split()[11:13]  # utime and stime: fields 14 and 15 of proc(5)
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    async def kill(self) -> None:
        """Ends the process, whatever it is doing, and waits for its end."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # it may be faster
                os.kill(
                    self.pid, signal.SIGKILL
                )  # Process.kill polls first, and so may take the exit code from asyncio
        await self._process.wait()

    async def _send(self, header: bytes, size: int, chunks: AsyncIterator[bytes]) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # it was started with a pipe
        stdin.write(LENGTH.pack(len(header)) + header + LENGTH.pack(size))
        async for chunk in chunks:
            stdin.write(chunk)
            await stdin.drain()
        await stdin.drain()

    async def _receive(self) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None  # it was started with a pipe
        (length,) = LENGTH.unpack(await stdout.readexactly(LENGTH.size))
        if length > self._limits.reply:
            raise ReplyTooLarge
        return await stdout.readexactly(length)


async def _at_once(data: bytes) -> AsyncIterator[bytes]:
    yield data
