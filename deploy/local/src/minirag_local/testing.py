"""For tests: a real ``minirag up`` in a process of its own, and a handle on it."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minirag_local.errors import NotRunning
from minirag_local.folder import DataFolder
from minirag_local.state import RunState

READY = "MiniRAG is ready: "
UP = (sys.executable, "-m", "minirag_local", "up")


LIMITS_OFF = dict.fromkeys(
    (
        "MINIRAG_LIMIT_TOKEN_REQUESTS",
        "MINIRAG_LIMIT_TENANT_REQUESTS",
        "MINIRAG_LIMIT_STREAMS",
        "MINIRAG_LIMIT_UPLOAD_BYTES",
        "MINIRAG_LIMIT_PASSWORDS",
        "MINIRAG_LIMIT_CRAWL_PREVIEWS",
        "MINIRAG_LIMIT_KEY_REQUESTS",
        "MINIRAG_LIMIT_LOGINS",
        "MINIRAG_LIMIT_ACCOUNT_LOGINS",
        "MINIRAG_LIMIT_SIGNUPS",
        "MINIRAG_LIMIT_PUBLIC_POSTS",
        "MINIRAG_LIMIT_PUBLIC_GETS",
        "MINIRAG_LIMIT_FAILED_AUTHENTICATIONS",
    ),
    "0",
)
"""A suite is hundreds of tenants at one address. Tests of limits set the ones that they are about."""


class StackFailed(RuntimeError):
    """The stack did not become what the test waited for; the message carries its output."""


@dataclass
class Stack:
    """A stack on ``data_dir``. ``url`` is known as soon as it is ready."""

    data_dir: Path
    environment: Mapping[str, str]
    command: Sequence[str] = UP
    url: str = ""
    startup_seconds: float = 0.0
    output: list[str] = field(default_factory=list)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def folder(self) -> DataFolder:
        """Its data folder."""
        return DataFolder(self.data_dir)

    def start(self, timeout: float = 300.0) -> None:
        """Start it and wait for the line that says it is ready. After the first time it keeps its port."""
        port = self.url.rpartition(":")[2] or "0"
        environment = {"MINIRAG_PORT": port, **self.environment, "MINIRAG_DATA_DIR": str(self.data_dir)}
        began = time.monotonic()
        self._process = subprocess.Popen(
            self.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for line in self._lines(began + timeout):
            if line.startswith(READY):
                self.url = line.removeprefix(READY).strip()
                self.startup_seconds = time.monotonic() - began
                return
        self.kill_everything()
        raise StackFailed("the stack did not become ready:\n" + "\n".join(self.output[-60:]))

    def stop(self, timeout: float = 60.0) -> int:
        """As Ctrl-C does; answers the exit status."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill_everything()
            raise StackFailed("the stack did not stop") from None
        finally:
            self._forget()

    def kill_everything(self) -> None:
        """SIGKILL to the supervisor, which takes the others along."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to one process by its name; answers the pid that it had."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def pid(self, name: str) -> int:
        """The pid of one process; waits for one that is about to be started again."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            state = RunState.read(self.folder)
            pid = state.pid if name == "supervisor" else state.processes[name]
            if pid is not None:
                return pid
            time.sleep(0.02)
        raise StackFailed(f"{name} was not started again")

    def status(self) -> list[dict[str, Any]]:
        """What ``minirag status --json`` prints."""
        command = [*self.command[:-1], "status", "--json"]
        environment = {**self.environment, "MINIRAG_DATA_DIR": str(self.data_dir)}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=30, check=False)
        return list(json.loads(done.stdout))

    def wait_healthy(self, timeout: float = 60.0) -> None:
        """Until every process says that it is well."""
        deadline = time.monotonic() + timeout
        while True:
            ill = {entry["name"]: entry["health"] for entry in self.status() if entry["health"] != "ok"}
            if not ill:
                return
            if time.monotonic() > deadline:
                raise StackFailed(f"not healthy: {ill}")
            time.sleep(0.2)

    def logs(self) -> str:
        """Everything that its processes have logged."""
        file = self.folder.logs / "minirag.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def bus_violations(self) -> list[str]:
        """What the bus refused to the services because their grants lack it: always nothing."""
        return [line for line in self.logs().splitlines() if "permissions violation" in line.lower()]

    def _lines(self, deadline: float) -> Iterator[str]:
        """Lines of output until the deadline or its end. Nobody reads on after that: the stack must not mind."""
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor, rest = self._process.stdout.fileno(), b""
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([descriptor], [], [], left)[0]:
                return
            chunk = os.read(descriptor, 65536)
            if not chunk:
                return
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                self.output.append(line.decode(errors="replace"))
                yield self.output[-1]

    def _forget(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


@contextlib.contextmanager
def running_stack(
    folder: Path, env: Mapping[str, str] | None = None, command: Sequence[str] = UP
) -> Iterator[Stack]:
    """A stack with its data in ``folder/data``, on a free port, without limits, started and in the end stopped."""
    stack = Stack(folder / "data", {**os.environ, **LIMITS_OFF, **(env or {})}, command)
    try:
        stack.start()
        yield stack
        if refused := stack.bus_violations():
            raise StackFailed("the bus refused what a service does:\n" + "\n".join(refused[:20]))
    finally:
        stack.stop()


def is_running(data_dir: Path) -> bool:
    """Does a stack run on this data folder?"""
    try:
        RunState.read(DataFolder(data_dir))
    except NotRunning:
        return False
    return True
