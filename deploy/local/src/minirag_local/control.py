"""How a command reaches the running supervisor: a private unix socket, one JSON line there, lines of JSON back.

The request is ``{"restart": [service, …]}``. The answer is ``{"line": …}`` for each step and in the end ``{"done": true}`` or
``{"error": sentence}``. The folder of the socket lets only the stack's own user in. A restart goes on when its caller goes away.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from minirag_local.errors import NotRunning, StackError
from minirag_local.folder import DataFolder
from minirag_local.state import RunState

SOCKET = "control.sock"

Tell = Callable[[str], None]
Restart = Callable[[Sequence[str], Tell], Coroutine[Any, Any, None]]


class Control:
    """Takes commands, one at a time. ``restart(services, tell)`` does it, and raises StackError where it cannot."""

    def __init__(self, restart: Restart) -> None:
        self._restart = restart
        self._running: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Takes commands while it is entered; what runs at its end is cancelled, and has cleaned up when it is left."""
        path.unlink(missing_ok=True)  # noqa: ASYNC240  # one call, at start and end
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._serve, path)
        finally:
            os.umask(before)
        try:
            yield
        finally:
            server.close()
            if self._running:
                self._running.cancel()
                await asyncio.gather(self._running, return_exceptions=True)
            path.unlink(missing_ok=True)  # noqa: ASYNC240

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(**message: Any) -> None:
            writer.write(json.dumps(message).encode() + b"\n")

        try:
            services = _services_of(await reader.readline())
            if self._running and not self._running.done():
                raise StackError("A restart is under way already.")
            self._running = asyncio.create_task(self._restart(services, lambda line: say(line=line)))
            await asyncio.shield(self._running)
            say(done=True)
        except StackError as error:
            say(error=str(error))
        except asyncio.CancelledError:
            say(error="The stack is stopping.")
        finally:
            with contextlib.suppress(OSError):
                await writer.drain()
            writer.close()


def _services_of(line: bytes) -> list[str]:
    try:
        services = json.loads(line)["restart"]
    except (ValueError, KeyError, TypeError) as error:
        raise StackError("That is no command.") from error
    if not isinstance(services, list) or not all(isinstance(name, str) for name in services):
        raise StackError("That is no command.")
    return services


async def restart(folder: DataFolder, services: Sequence[str], tell: Tell) -> None:
    """Ask the stack of a data folder for a rolling restart and wait for its end; raises StackError where it ended badly."""
    state = RunState.read(folder)
    if not state.ready or not state.addresses.control:
        raise StackError("The stack is still starting: a moment later it can be restarted.")
    try:
        reader, writer = await asyncio.open_unix_connection(state.addresses.control)
    except PermissionError as error:
        raise StackError(f"Process {state.pid} belongs to another user: restart it as that user.") from error
    except OSError as error:
        raise NotRunning(f"No MiniRAG takes commands on {folder.root}.") from error
    try:
        writer.write(json.dumps({"restart": list(services)}).encode() + b"\n")
        await _follow(reader, tell)
    finally:
        writer.close()


async def _follow(reader: asyncio.StreamReader, tell: Tell) -> None:
    while line := await reader.readline():
        message = json.loads(line)
        if "line" in message:
            tell(message["line"])
        elif "error" in message:
            raise StackError(message["error"])
        else:
            return
    raise StackError("The supervisor ended before the restart did: `minirag logs supervisor` says more.")
