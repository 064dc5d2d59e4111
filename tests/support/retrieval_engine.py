"""A real engine process for tests: started on a fresh folder, killed as hard as one likes."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


class EngineProcess:
    """``python -m minirag_retrieval.engine`` on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "vectors"
        self.socket = folder / "v.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it listens."""
        command = [sys.executable, "-m", "minirag_retrieval.engine"]
        command += ["--socket", str(self.socket), "--data", str(self.data)]
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the engine did not start: exit code {self._process.poll()}")
            time.sleep(0.01)

    def _listens(self) -> bool:
        """Its socket's file is there a moment before."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def kill(self) -> None:
        """SIGKILL: nothing is flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGTERM)
        return self._process.wait(timeout=20)
