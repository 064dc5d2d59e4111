"""Memory and CPU of every process of a running stack, read from /proc (Linux)."""

import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

PROC: Final = Path("/proc")
TICK_MS: Final = 1000 / os.sysconf("SC_CLK_TCK")
PPID, UTIME, CSTIME = 1, 11, 14  # proc(5), counted from the state, which follows the command in brackets


@dataclass(frozen=True)
class Process:
    """One process at one moment. `name` is the supervised process that it is or descends from."""

    pid: int
    name: str
    cpu_ms: float  # its own and that of the children that it has waited for


@dataclass(frozen=True)
class Tree:
    """Finds the processes of a stack: those named, and all their descendants (a server's backends, a worker)."""

    roots: dict[int, str]

    def processes(self) -> list[Process]:
        """All that live now."""
        stats = {
            int(entry.name): stat
            for entry in PROC.iterdir()
            if entry.name.isdigit() and (stat := _stat(entry))
        }
        named = {pid: name for pid in stats if (name := self._name(pid, stats))}
        return [Process(pid, name, _cpu_ms(stats[pid])) for pid, name in named.items()]

    def _name(self, pid: int, stats: dict[int, list[str]]) -> str | None:
        descended = ""
        while pid not in self.roots:
            if pid not in stats:
                return None
            pid, descended = int(stats[pid][PPID]), " (children)"
        return self.roots[pid] + descended

    def cpu(self) -> "Cpu":
        """CPU spent so far."""
        return Cpu({process.pid: process for process in self.processes()})

    def memory(self) -> "Memory":
        """Proportional set size now."""
        sizes: Counter[str] = Counter()
        for process in self.processes():
            sizes[process.name] += _pss_kib(process.pid)
        return Memory({name: kib / 1024 for name, kib in sizes.items()})


@dataclass(frozen=True)
class Cpu:
    """CPU milliseconds since each process began; two of them give what was spent in between."""

    spent: dict[int, Process]

    def since(self, before: Self) -> dict[str, float]:
        """Milliseconds by name. A child that died in between counts with the parent that waited for it."""
        by_name: Counter[str] = Counter()
        for process in self.spent.values():
            by_name[process.name] += process.cpu_ms  # type: ignore[assignment]  # Counter is typed for int alone
        for process in before.spent.values():
            by_name[process.name] -= process.cpu_ms  # type: ignore[assignment]
        return {name: float(milliseconds) for name, milliseconds in by_name.items()}


@dataclass(frozen=True)
class Memory:
    """MiB of proportional set size (shared pages divided among their users) by process name."""

    by_name: dict[str, float]

    @property
    def total(self) -> float:
        """MiB of the whole stack."""
        return sum(self.by_name.values())


@dataclass
class MemorySampler:
    """Samples the memory of a stack in a thread while something else runs; keeps the sample with the highest total."""

    tree: Tree
    interval: float = 2.0  # seconds; a sample reads one file per process
    peak: Memory = field(default_factory=lambda: Memory({}))

    def __enter__(self) -> Self:
        """Take samples until the block ends."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the last sample."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self.peak = max(self.peak, self.tree.memory(), key=lambda memory: memory.total)
            if self._stop.wait(self.interval):
                return


def _stat(process: Path) -> list[str] | None:
    """Fields of /proc/<pid>/stat from the state on; None when the process has just ended."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _cpu_ms(stat: list[str]) -> float:
    return sum(map(int, stat[UTIME : CSTIME + 1])) * TICK_MS


def _pss_kib(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has just ended
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
