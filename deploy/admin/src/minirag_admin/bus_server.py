"""The configuration of a NATS server with one user and its permissions for each service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minirag_contracts.grants import Grants, authorization

MAX_PAYLOAD = 8 * 1024 * 1024
"""Bytes of one message."""

MAX_MEMORY = 256 * 1024 * 1024
MAX_FILE = 16 * 1024 * 1024 * 1024
"""Limits of JetStream; the server's defaults would take three quarters of the machine. What bounds the disk is each
stream's own limit (2.9 GB together, see the topology): the server counts those as used from the start, and counts a
stream twice while it is declared again."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Several servers that are one. Each is told its own name when it starts (``nats-server --name``)."""

    name: str
    routes: Sequence[str]
    port: int = 6222


@dataclass(frozen=True, slots=True)
class BusServer:
    """Where a server listens, and where it keeps the streams."""

    store_dir: str
    host: str = "0.0.0.0"  # noqa: S104 -- in a container, whose ports are closed until somebody publishes them
    port: int = 4222
    monitoring_port: int | None = None
    cluster: Cluster | None = None

    def configuration(
        self, passwords: Mapping[str, str], others: Mapping[str, tuple[str, Grants]] | None = None
    ) -> dict[str, Any]:
        """As the server reads it, which takes JSON as it stands. ``others`` are users beside the services."""
        return {
            **({} if self.cluster else {"server_name": "minirag"}),
            "host": self.host,
            "port": self.port,
            **({"http_port": self.monitoring_port} if self.monitoring_port else {}),
            "max_payload": MAX_PAYLOAD,
            "max_pending": 8 * MAX_PAYLOAD,
            "write_deadline": "10s",
            "jetstream": {
                "store_dir": self.store_dir,
                "max_mem": MAX_MEMORY,
                "max_file": MAX_FILE,
                # Postgres is the truth, and the relay refills what a power cut took: fsync each second is enough.
                "sync_interval": "1s",
            },
            **({"cluster": self._cluster()} if self.cluster else {}),
            "authorization": authorization(passwords, others),
            "logtime": False,
        }

    def _cluster(self) -> dict[str, Any]:
        assert self.cluster is not None
        return {
            "name": self.cluster.name,
            "host": self.host,
            "port": self.cluster.port,
            "routes": list(self.cluster.routes),
        }
