"""``minirag status``: every process with its pid, its health of this moment, and its address."""

import asyncio
import json
from dataclasses import asdict, dataclass

from minirag_contracts.disk import LOW_DISK

from minirag_local.credentials import Credentials
from minirag_local.errors import UnhealthyError
from minirag_local.folder import DataFolder
from minirag_local.health import probe_of
from minirag_local.state import RunState
from minirag_local.supervisor import PROBE_TIMEOUT


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """``health`` is ``ok`` or a sentence; ``pid`` is None while the process waits for its restart."""

    name: str
    pid: int | None
    health: str
    address: str


async def statuses(folder: DataFolder) -> list[ProcessStatus]:
    """Ask every process; raises NotRunning when there is no stack."""
    state = RunState.read(folder)
    credentials = Credentials.of(folder)
    findings = await asyncio.gather(
        *(_finding(name, pid, state, credentials) for name, pid in state.processes.items())
    )
    processes = [
        ProcessStatus(name, pid, finding, state.addresses.of(name))
        for (name, pid), finding in zip(state.processes.items(), findings, strict=True)
    ]
    return [
        ProcessStatus("supervisor", state.pid, _own_health(state, folder), state.addresses.url),
        *processes,
    ]


async def _finding(name: str, pid: int | None, state: RunState, credentials: Credentials) -> str:
    if pid is None:
        return "waits for its restart"
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            await probe_of(name, state.addresses, credentials)(pid)
    except UnhealthyError as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {PROBE_TIMEOUT:.0f} s"
    return "ok"


def _own_health(state: RunState, folder: DataFolder) -> str:
    if not state.ready:
        return "starting"
    free = folder.free_bytes()
    if free < LOW_DISK:
        return f"only {free // 1_000_000} MB are free on the disk of {folder.root}: new sources are refused"
    return "ok"


def as_json(processes: list[ProcessStatus]) -> str:
    """A list of objects with name, pid, health and address."""
    return json.dumps([asdict(process) for process in processes], indent=2)


def as_table(processes: list[ProcessStatus]) -> str:
    """For people."""
    rows = [("NAME", "PID", "HEALTH", "ADDRESS")]
    rows += [(p.name, str(p.pid or "-"), p.health, p.address) for p in processes]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
