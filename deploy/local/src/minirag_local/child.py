"""One started program: its output, its end, and how it is stopped."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable

from minirag_local import kernel
from minirag_local.process import Program

_POLL_SECONDS = 0.05
"""How often a child is looked at where the kernel has no pidfd."""

_CHUNK = 65536
_LONGEST_LINE = 1024 * 1024


class Child:
    """A running program. Its output goes line by line to ``sink``; its group is its own, so Ctrl-C reaches only us."""

    def __init__(self, program: Program, sink: Callable[[bytes], None], gated: bool = False) -> None:
        self.process = _spawn(program, gated)
        self._sink = sink
        self._gate = self.process.stdin
        self._rest = b""
        self._exited = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._output = _descriptor(self.process)
        os.set_blocking(self._output, False)
        self._loop.add_reader(self._output, self._read)
        self._notice_exit()

    @property
    def pid(self) -> int:
        """Process id, and id of its group."""
        return self.process.pid

    def open_gate(self) -> None:
        """Let a gated process go on."""
        if self._gate is not None:
            self._gate.close()
            self._gate = None

    async def wait(self) -> int:
        """Its exit status: negative for a signal, as ``subprocess`` has it."""
        await self._exited.wait()
        return self.process.wait()

    async def stop(self, stop_signal: signal.Signals, grace: float) -> bool:
        """Ask it to end, kill it after ``grace`` seconds; False when it had to be killed."""
        try:
            if await self.ask(stop_signal, grace):
                return True
            self.process.kill()
            await self.wait()
            return False
        finally:
            self.close()

    async def ask(self, stop_signal: signal.Signals, seconds: float) -> bool:
        """Ask it to end; True when it has within so many seconds."""
        self.process.send_signal(stop_signal)
        self.open_gate()
        try:
            async with asyncio.timeout(seconds):
                await self.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Kill whatever is left of its process group, hand over its last lines, let go of its descriptors."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.open_gate()
        if self.process.stdout is not None and not self.process.stdout.closed:
            while self._read():
                pass
            self._loop.remove_reader(self._output)
            self.process.stdout.close()
            if self._rest:
                self._sink(self._rest)

    def _read(self) -> bool:
        """One chunk, so that who floods us leaves time for others; False when there is nothing more for now."""
        try:
            chunk = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self._loop.remove_reader(self._output)
            return False
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._sink(line)
        return True

    def _notice_exit(self) -> None:
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # no Linux, or an old one
            self._poll()
            return

        def gone() -> None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            self._exited.set()

        self._loop.add_reader(descriptor, gone)

    def _poll(self) -> None:
        if self.process.poll() is None:
            self._loop.call_later(_POLL_SECONDS, self._poll)
        else:
            self._exited.set()


def _descriptor(process: "subprocess.Popen[bytes]") -> int:
    if process.stdout is None:
        raise ValueError("the child was started without a pipe")
    return process.stdout.fileno()


def _spawn(program: Program, gated: bool) -> "subprocess.Popen[bytes]":
    """Has to be called in the main thread: it is that thread's death which the kernel watches for the child."""
    parent = os.getpid()

    def before_exec() -> None:
        program.assume()
        kernel.die_with_parent(program.death_signal, parent)

    return subprocess.Popen(
        program.argv,
        env=dict(program.environment),
        stdin=subprocess.PIPE if gated else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=program.pass_fds,
        process_group=0,
        preexec_fn=before_exec,
        bufsize=0,
        cwd="/",
    )
