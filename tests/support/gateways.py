"""More than one gateway over one stack: a second process on the same bus and database, with a port of its own."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from minirag_local import kernel
from minirag_local.credentials import Credentials
from minirag_local.environment import python, service_environment
from minirag_local.state import RunState
from minirag_local.testing import Stack


@dataclass
class Gateway:
    """A gateway beside the stack's own. Its socket is ours, so it keeps its address when it is killed and started."""

    stack: Stack
    socket: socket.socket
    log: Path
    fields: Mapping[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def start(self, timeout: float = 30.0) -> None:
        """Starts it and waits until it answers; the addresses are those of the stack at this moment."""
        parent = os.getpid()
        descriptor = self.socket.fileno()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                python("-m", "minirag_gateway"),
                env={**self._environment(), "MINIRAG_HTTP_FD": str(descriptor)},
                pass_fds=(descriptor,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: kernel.die_with_parent(signal.SIGKILL, parent),  # noqa: PLW1509  # the child only sets a flag
            )
        self._wait(time.monotonic() + timeout)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends the process and waits for that; connections to it break."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def _environment(self) -> dict[str, str]:
        folder = self.stack.folder
        state = RunState.read(folder)
        outer = {**self.stack.environment, **self.fields}
        return service_environment("gateway", folder, Credentials.of(folder), state.addresses, outer)

    def _wait(self, deadline: float) -> None:
        assert self._process is not None
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the second gateway ended:\n{self.log.read_text()}")
            try:
                if httpx.get(f"{self.url}/health", timeout=1).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError(f"the second gateway does not answer:\n{self.log.read_text()}")


@contextmanager
def second_gateway(stack: Stack, env: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """A second gateway process over a running stack, ready; ``env`` has settings (``MINIRAG_…``) of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        port = listening.getsockname()[1]
        gateway = Gateway(stack, listening, stack.folder.logs / f"gateway-{port}.log", env or {})
        try:
            gateway.start()
            yield gateway
        finally:
            gateway.kill(signal.SIGTERM)
