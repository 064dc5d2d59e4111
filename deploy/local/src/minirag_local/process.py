"""What the supervisor runs, as data: long-running processes and one-shot jobs."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Probe = Callable[[int], Awaitable[None]]
"""Given its pid, returns when the process works; raises UnhealthyError with a sentence when it does not."""


def _no_change() -> None:
    """Nothing is to be done."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is executed: a long-running process or a one-shot job, started when all of ``after`` are ready.

    ``gated``: it is started at once, and reads its standard input to the end before it works; the end comes when all
    of ``after`` are ready. So what it imports is loaded meanwhile.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    after: tuple[str, ...] = ()
    gated: bool = False
    pass_fds: tuple[int, ...] = ()
    assume: Callable[[], None] = _no_change
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when the supervisor itself is killed."""


@dataclass(frozen=True, kw_only=True)
class Job(Program):
    """Runs once, in its turn, and has to succeed; ``on_success`` is called then."""

    on_success: Callable[[], None] = _no_change


@dataclass(frozen=True, kw_only=True)
class ProcessSpec(Program):
    """A process that is kept running; ``on_return`` is run whenever it is back after a crash.

    ``replaced`` says how a rolling restart puts a new process in its place: ``beside`` the old one, which goes when the new one
    works; ``after`` it, where there can be but one; or ``never``.
    """

    probe: Probe
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    on_return: Job | None = None
    replaced: Literal["beside", "after", "never"] = "never"
