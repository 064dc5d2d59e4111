"""NATS: its configuration file, with one user and its permissions for each service, and how its server is run."""

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minirag_admin.bus_server import BusServer

from minirag_local import binaries
from minirag_local.credentials import Credentials
from minirag_local.folder import DataFolder, write_private
from minirag_local.postgres_server import plain_environment
from minirag_local.process import Job, Probe, ProcessSpec
from minirag_local.subscribers import Subscribers


@dataclass(frozen=True, slots=True)
class NatsServer:
    """A configured server. The port stays the same for as long as the stack runs, so clients find it again."""

    config: Path
    port: int

    @property
    def url(self) -> str:
        """Address without credentials."""
        return f"nats://127.0.0.1:{self.port}"

    def spec(self, probe: Probe, on_return: Job) -> ProcessSpec:
        """How the supervisor runs it; ``on_return`` restores the streams after a crash that lost the disk."""
        return ProcessSpec(
            name="nats",
            argv=(str(binaries.nats_server()), "--config", str(self.config)),
            environment=plain_environment(),
            probe=probe,
            on_return=on_return,
        )


def prepare(folder: DataFolder, credentials: Credentials, port: int = 0) -> NatsServer:
    """Write the configuration; port 0 chooses a free one."""
    server = NatsServer(folder.run / "nats.conf", port or free_port())
    configure(folder, credentials, server.port)
    return server


def configure(folder: DataFolder, credentials: Credentials, port: int) -> None:
    """Write the configuration as it is now. The running server reads it again on SIGHUP."""
    write_private(folder.run / "nats.conf", json.dumps(configuration(folder, credentials, port), indent=2))


def free_port() -> int:
    """A TCP port of the loopback that nobody uses now."""
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


def configuration(folder: DataFolder, credentials: Credentials, port: int) -> dict[str, Any]:
    """The server's configuration, with the users from outside."""
    server = BusServer(str(folder.nats), "127.0.0.1", port)
    rules = server.configuration(credentials.nats, Subscribers.of(folder).users())
    return rules | {"pid_file": os.fspath(folder.run / "nats.pid")}
