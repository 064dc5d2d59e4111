"""How figures are put together and printed."""

import statistics
import time
from collections.abc import Sequence

from bench.processes import Memory


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._began


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which so many percent of the values lie, interpolated."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def line(label: str, value: str) -> None:
    """One figure."""
    print(f"{label:<44} {value}", flush=True)


def heading(text: str) -> None:
    """A part of the report."""
    print(f"\n{text}", flush=True)


def print_memory(label: str, memory: Memory) -> None:
    """Total, then every process, the largest first."""
    line(label, f"{memory.total:.0f} MiB PSS")
    for name, mib in sorted(memory.by_name.items(), key=lambda item: -item[1]):
        line(f"  {name}", f"{mib:.1f} MiB")


def print_cpu(by_name: dict[str, float], per: int, unit: str) -> None:
    """CPU milliseconds per unit of work, in total and by process."""
    line(f"CPU-ms per {unit}, all processes", f"{sum(by_name.values()) / per:.2f}")
    for name, milliseconds in sorted(by_name.items(), key=lambda item: -item[1]):
        line(f"  {name}", f"{milliseconds / per:.2f}")
