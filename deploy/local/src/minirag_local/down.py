"""``minirag down``: stop the stack of a data folder from another terminal."""

import os
import signal
import time

from minirag_local.errors import StackError
from minirag_local.folder import DataFolder
from minirag_local.state import RunState

STOP_TIMEOUT = 60.0
"""Seconds until an orderly stop counts as failed."""


def down(folder: DataFolder) -> None:
    """Ask the supervisor to stop and wait until it has; raises NotRunning when there is none."""
    state = RunState.read(folder)
    try:
        os.kill(state.pid, signal.SIGTERM)
    except PermissionError as error:
        raise StackError(f"Process {state.pid} belongs to another user: stop it as that user.") from error
    deadline = time.monotonic() + STOP_TIMEOUT
    while state.alive():
        if time.monotonic() > deadline:
            raise StackError(
                f"The supervisor (process {state.pid}) did not stop within {STOP_TIMEOUT:.0f} s."
            )
        time.sleep(0.02)
