"""What the running stack tells the other commands: its pids and addresses, in a file of the data folder."""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from minirag_local import kernel
from minirag_local.errors import NotRunning
from minirag_local.folder import DataFolder, read_json, write_private


def service_of(name: str) -> str:
    """What a process is one of: ``chat`` for ``chat`` and for ``chat-2``."""
    head, dash, number = name.rpartition("-")
    return head if dash and number.isdecimal() else name


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the processes of one run listen. ``vectors`` is None when a Qdrant server is used instead."""

    url: str
    nats_port: int
    postgres_sockets: str
    vectors: str | None
    control: str | None = None
    """The private socket on which the supervisor takes commands."""

    def of(self, name: str) -> str:
        """The address of one process, as the status shows it."""
        nats = f"nats://127.0.0.1:{self.nats_port}"
        match service_of(name):
            case "gateway":
                return self.url
            case "nats":
                return nats
            case "postgres":
                return f"postgresql:///minirag?host={self.postgres_sockets}&port=5432"
            case "vectors":
                return f"unix:{self.vectors}"
            case "supervisor":
                return ""
            case service:
                return f"{nats}/rpc.{service}"


@dataclass(frozen=True, slots=True)
class RunState:
    """``started`` tells the supervisor from a later process with its pid."""

    pid: int
    started: int
    ready: bool
    addresses: Addresses
    processes: dict[str, int | None] = field(default_factory=dict)

    def write(self, folder: DataFolder) -> None:
        """Replace the file in one step."""
        write_private(folder.state, json.dumps(asdict(self), indent=2))

    @classmethod
    def ours(cls, addresses: Addresses, processes: dict[str, int | None], ready: bool) -> Self:
        """The state of a stack that this process supervises."""
        return cls(os.getpid(), kernel.start_time(os.getpid()) or 0, ready, addresses, processes)

    @classmethod
    def read(cls, folder: DataFolder) -> Self:
        """The state of the stack that runs now; raises NotRunning when none does."""
        if not folder.state.exists():
            raise NotRunning(f"No MiniRAG runs on {folder.root}.")
        stored: dict[str, Any] = read_json(folder.state)
        state = cls(**stored | {"addresses": Addresses(**stored["addresses"])})
        if not state.alive():
            raise NotRunning(f"No MiniRAG runs on {folder.root}.")
        return state

    def alive(self) -> bool:
        """Does the supervisor that wrote this still run?"""
        return kernel.start_time(self.pid) == self.started
