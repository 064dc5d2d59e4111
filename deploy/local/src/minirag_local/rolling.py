"""A rolling restart: one process after the other is replaced by one that runs the code that lies on the disk now.

The new process is started beside the old one; when it works, the old one takes nothing more, finishes what it has and goes.
So there is always somebody who serves. What does not become ready is taken away again, and the old process stays.
"""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from minirag_local.child import Child
from minirag_local.errors import StackError, UnhealthyError
from minirag_local.process import ProcessSpec
from minirag_local.state import service_of
from minirag_local.supervisor import PROBE_SECONDS, PROBE_TIMEOUT, Supervisor, ending

READY_WITHIN = 60.0
"""Seconds in which a new process has to work."""

PATIENCE = 60.0
"""Seconds that an old process gets to finish what it runs; then it is asked to give it back, as at any other stop."""

SETUP = "setup"
"""The job that migrates: what the old code can live with before the first new process, the rest after the last old one."""

LAST = ("gateway",)
"""Restarted behind all others: they know a new request before anybody sends one."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rolling:
    """Restarts processes of one running supervisor; ``tell`` hears of each step."""

    supervisor: Supervisor
    tell: Tell
    ready_within: float = READY_WITHIN
    patience: float = PATIENCE

    def chosen(self, services: Sequence[str]) -> list[ProcessSpec]:
        """The processes of the services, of all where none is named; StackError for what cannot be restarted alone."""
        specs = [
            spec
            for spec in self.supervisor.programs.values()
            if isinstance(spec, ProcessSpec) and spec.replaced != "never"
        ]
        known = list(dict.fromkeys(service_of(spec.name) for spec in specs))
        if strange := [name for name in services if name not in known]:
            raise StackError(f"{strange[0]!r} cannot be restarted by itself; {', '.join(known)} can.")
        wanted = [spec for spec in specs if service_of(spec.name) in (services or known)]
        return sorted(wanted, key=lambda spec: service_of(spec.name) in LAST)

    async def run(self, services: Sequence[str]) -> None:
        """Everything in turn; StackError at the first that does not become ready, and what was not reached stays as it is."""
        chosen = self.chosen(services)
        await self._migrate("pre")
        for spec in chosen:
            began = time.monotonic()
            await (self._beside(spec) if spec.replaced == "beside" else self._after(spec))
            self.tell(f"{spec.name} is restarted ({time.monotonic() - began:.1f} s)")
        if not services:
            await self._migrate("post")

    async def _migrate(self, phase: str) -> None:
        job = self.supervisor.programs.get(SETUP)
        if job is None:
            return
        await self.supervisor.run_job(replace(job, argv=(*job.argv, "--phase", phase), gated=False))
        self.tell(f"{SETUP} is done ({phase})")

    async def _beside(self, spec: ProcessSpec) -> None:
        try:
            new = self.supervisor.begin(spec)
        except (OSError, subprocess.SubprocessError) as error:
            raise StackError(f"{spec.name} cannot be started: {error}. The old process goes on.") from error
        try:
            await self._works(spec, new)
        except BaseException as error:
            await _to_the_end(new.stop(spec.stop_signal, spec.grace))
            if isinstance(error, UnhealthyError):
                raise StackError(
                    f"{spec.name} does not become ready: {error}. The old process goes on; `minirag logs {spec.name}` says more."
                ) from error
            raise
        old = self.supervisor.release(spec.name)
        self.supervisor.adopt(spec, new)
        if old:
            await self._retire(spec, old)

    async def _works(self, spec: ProcessSpec, child: Child) -> None:
        """Until the probe is content; UnhealthyError with its last finding when that takes too long or the process ends."""
        gone = asyncio.create_task(child.wait())
        finding: Exception = UnhealthyError("it says nothing")
        try:
            async with asyncio.timeout(self.ready_within):
                while not gone.done():
                    try:
                        async with asyncio.timeout(PROBE_TIMEOUT):
                            return await spec.probe(child.pid)
                    except (UnhealthyError, TimeoutError) as error:
                        finding = error if str(error) else finding
                        await asyncio.wait({gone}, timeout=PROBE_SECONDS)
            raise UnhealthyError(f"it {ending(gone.result())}")
        except TimeoutError:
            raise UnhealthyError(f"{finding}, after {self.ready_within:.0f} s") from None
        finally:
            gone.cancel()

    async def _retire(self, spec: ProcessSpec, old: Child) -> None:
        """SIGUSR1: finish what you have. Who takes too long is stopped as at the end of the stack."""
        drained = False
        try:
            drained = await old.ask(signal.SIGUSR1, self.patience)
        finally:
            if drained:
                old.close()
            else:
                self.tell(f"the old {spec.name} gives back what it has not finished")
                if not await _to_the_end(old.stop(spec.stop_signal, spec.grace)):
                    self.tell(
                        f"the old {spec.name} did not stop within {spec.grace:.0f} s more and was killed"
                    )

    async def _after(self, spec: ProcessSpec) -> None:
        """Where there can be but one: those who need it wait until its successor is there."""
        old = self.supervisor.release(spec.name)
        if old:
            await _to_the_end(old.stop(spec.stop_signal, spec.grace))
        self.supervisor.adopt(spec, None)
        try:
            async with asyncio.timeout(self.ready_within):
                await self.supervisor.until_healthy(spec)
        except TimeoutError:
            raise StackError(
                f"{spec.name} does not become ready after {self.ready_within:.0f} s; it is started again and again, and "
                f"`minirag logs {spec.name}` says more."
            ) from None


async def _to_the_end(stopping: Coroutine[Any, Any, bool]) -> bool:
    """What it answers, also where we are cancelled meanwhile: a process that was asked to go is waited for."""
    task = asyncio.create_task(stopping)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
