"""Starts programs in the order of their needs, keeps them running, and stops them in the reverse order."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from minirag_local.child import Child
from minirag_local.errors import StackError, UnhealthyError
from minirag_local.process import Job, ProcessSpec, Program

PROBE_SECONDS, LONGEST_PROBE_PAUSE = 0.03, 0.3
"""Between the first two looks at a process that is starting, and between two later ones."""

PROBE_TIMEOUT = 5.0
"""Seconds after which a probe that says nothing counts as a bad one."""

TRIES_AT_START = 4
"""A process that ends so often before it was ever ready will not be ready: the start has failed."""

_SHOWN_LINES = 20


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before a restart: ``first``, doubled up to ``longest``, and ``first`` again after ``calm`` seconds."""

    first: float = 0.2
    longest: float = 5.0
    calm: float = 30.0

    def following(self, previous: float, lived: float) -> float:
        """The delay after ``previous`` (0: none yet) of a process that lived for ``lived`` seconds."""
        return self.first if previous == 0 or lived >= self.calm else min(self.longest, previous * 2)


class Observer:
    """Hears what happens; a subclass shows it."""

    def ready(self, name: str) -> None:
        """A process is healthy for the first time, or a job is done."""

    def changed(self) -> None:
        """A process has another pid now."""

    def output(self, name: str, line: bytes, kept_only: bool = False) -> None:
        """A line that a child printed; ``kept_only``: for the records, not for the terminal."""

    def notice(self, text: str) -> None:
        """Something that a person should know."""


class Supervisor:
    """Owns the children of one stack."""

    def __init__(
        self,
        programs: Sequence[Program],
        observer: Observer,
        backoff: Backoff | None = None,
        start_timeout: float = 90.0,
    ) -> None:
        self._programs = {program.name: program for program in programs}
        self._ready = {name: asyncio.Event() for name in self._programs}
        self._observer = observer
        self._backoff = backoff or Backoff()
        self._start_timeout = start_timeout
        self._children: dict[str, Child] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._endings: dict[str, int] = {}

    @property
    def programs(self) -> dict[str, Program]:
        """By name, in the order of their start."""
        return self._programs

    def pids(self) -> dict[str, int | None]:
        """Name → pid of each long-running process; None while it waits for its restart."""
        names = (name for name, program in self._programs.items() if isinstance(program, ProcessSpec))
        return {name: child.pid if (child := self._children.get(name)) else None for name in names}

    async def start(self) -> None:
        """Start everything; raises StackError when a job fails or something is not ready in time."""
        try:
            async with asyncio.timeout(self._start_timeout):
                await self._start_all()
        except TimeoutError:
            missing = ", ".join(name for name, ready in self._ready.items() if not ready.is_set())
            raise StackError(f"Not ready after {self._start_timeout:.0f} s: {missing}.") from None

    async def _start_all(self) -> None:
        tasks = [asyncio.create_task(self._bring_up(program)) for program in self._programs.values()]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Stop everything: first what needs the others, last what everybody needs."""
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        gone = {name: asyncio.Event() for name in self._programs}
        await asyncio.gather(*(self._take_down(program, gone) for program in self._programs.values()))

    async def _bring_up(self, program: Program) -> None:
        if isinstance(program, ProcessSpec):
            if not program.gated:
                await self._needs(program)
            self._keepers[program.name] = asyncio.create_task(self._keep(program), name=program.name)
            await self._needs(program)
            await self.until_healthy(program)
        else:
            if not program.gated:
                await self._needs(program)
            await self.run_job(program)
        self._observer.ready(program.name)
        self._ready[program.name].set()

    async def _needs(self, program: Program) -> None:
        for name in program.after:
            await self._ready[name].wait()
        if child := self._children.get(program.name):
            child.open_gate()

    def begin(self, spec: ProcessSpec, gated: bool = False) -> Child:
        """Start one process; raises OSError or SubprocessError."""
        return Child(spec, lambda line: self._observer.output(spec.name, line), gated)

    def release(self, name: str) -> Child | None:
        """Keep a process no longer; answers it, still running, or None where none runs at this moment.

        Nothing is waited for, so that nobody can be cancelled between this and ``adopt`` and leave a process that nobody keeps.
        """
        self._keepers.pop(name).cancel()
        return self._children.pop(name, None)

    def adopt(self, spec: ProcessSpec, child: Child | None) -> None:
        """Keep this process under the spec's name from now on; None: start one."""
        if child:
            self._children[spec.name] = child
        self._keepers[spec.name] = asyncio.create_task(self._keep(spec, child), name=spec.name)
        self._observer.changed()

    async def until_healthy(self, spec: ProcessSpec) -> None:
        """Until the process that has the spec's name at the moment works."""
        began = time.monotonic()
        while True:
            try:
                if (child := self._children.get(spec.name)) is None:
                    raise UnhealthyError("waits for its restart")
                async with asyncio.timeout(PROBE_TIMEOUT):
                    return await spec.probe(child.pid)
            except (UnhealthyError, TimeoutError):
                if self._endings.get(spec.name, 0) >= TRIES_AT_START and not self._ready[spec.name].is_set():
                    raise StackError(f"{spec.name} cannot be started; the lines above say why.") from None
                await asyncio.sleep(pause_after(time.monotonic() - began))

    async def run_job(self, job: Program) -> None:
        """Run a job to its end; raises StackError, with what it said, when it does not succeed."""
        lines: list[str] = []

        def collect(line: bytes) -> None:
            lines.append(line.decode(errors="replace"))
            self._observer.output(job.name, line, kept_only=True)

        try:
            child = Child(job, collect, job.gated)
        except (OSError, subprocess.SubprocessError) as error:
            raise StackError(f"{job.name} cannot be started: {error}.") from error
        try:
            if job.gated:
                await self._needs(job)
                child.open_gate()
            status = await child.wait()
        finally:
            child.close()
        if status != 0:
            raise StackError(f"{job.name} {ending(status)}:\n" + "\n".join(lines[-_SHOWN_LINES:]))
        if isinstance(job, Job):
            job.on_success()

    async def _keep(self, spec: ProcessSpec, child: Child | None = None) -> None:
        """Run a process for as long as the stack lives; ``child`` is one that runs already."""
        delay = 0.0
        while True:
            began = time.monotonic()
            ending = await (self._wait_for(spec, child) if child else self._run_once(spec, first=delay == 0))
            child = None
            self._endings[spec.name] = self._endings.get(spec.name, 0) + 1
            delay = self._backoff.following(delay, time.monotonic() - began)
            self._observer.notice(f"{spec.name} {ending}; it starts again in {delay:.1f} s")
            self._observer.changed()
            await asyncio.sleep(delay)

    async def _run_once(self, spec: ProcessSpec, first: bool) -> str:
        """Start it and wait for its end; when this task is cancelled the child stays, to be stopped in its turn."""
        gated = spec.gated and not all(self._ready[name].is_set() for name in spec.after)
        try:
            child = self.begin(spec, gated)
        except (OSError, subprocess.SubprocessError) as error:
            return f"cannot be started ({error})"
        self._children[spec.name] = child
        self._observer.changed()
        returning = None if first else asyncio.create_task(self._welcome_back(spec))
        try:
            return await self._wait_for(spec, child)
        finally:
            if returning:
                returning.cancel()

    async def _wait_for(self, spec: ProcessSpec, child: Child) -> str:
        status = await child.wait()
        del self._children[spec.name]
        child.close()
        return ending(status)

    async def _welcome_back(self, spec: ProcessSpec) -> None:
        """After a crash: wait until it works, then run the job that its return asks for till that succeeds."""
        while True:
            await self.until_healthy(spec)
            try:
                if spec.on_return:
                    await self.run_job(spec.on_return)
                return self._observer.notice(f"{spec.name} is back")
            except StackError as error:
                self._observer.notice(str(error))
                await asyncio.sleep(self._backoff.longest)

    async def _take_down(self, program: Program, gone: dict[str, asyncio.Event]) -> None:
        for other in self._programs.values():
            if program.name in other.after:
                await gone[other.name].wait()
        child = self._children.pop(program.name, None)
        if child and isinstance(program, ProcessSpec):
            drained = await child.stop(program.stop_signal, program.grace)
            if not drained:
                self._observer.notice(
                    f"{program.name} did not stop within {program.grace:.0f} s and was killed"
                )
        gone[program.name].set()


def pause_after(seconds: float) -> float:
    """Until the next look at a process that has been starting for so long: many that start at once have enough to do."""
    return min(PROBE_SECONDS + seconds / 20, LONGEST_PROBE_PAUSE)


def ending(status: int) -> str:
    """An exit status in words."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
