"""uvicorn on a socket of ours, under the service's own life and signals."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI
from minirag_contracts.errors import Unavailable
from minirag_service.listening import listen

from minirag_gateway.entrypoints.http.protocol import BoundedConfig, BoundedProtocol
from minirag_gateway.settings import Settings

logger = logging.getLogger(__name__)

BACKLOG = 2048

LOOK_EVERY = 0.05
"""Seconds between two looks at the connections of a server that stops."""

LINGER = 6.0
"""Seconds that a load balancer gets to hear that this process goes: idle connections are open to what it sends meanwhile."""


def config_of(app: FastAPI, drain: int, connections: int = 0, idle: int = 5) -> BoundedConfig:
    """How HTTP is spoken; ``drain`` are the seconds that running responses get when it stops, ``idle`` those that a
    connection is kept without a request.

    Beyond so many ``connections`` at a time the answer is 503; 0 is unlimited.
    """
    return BoundedConfig(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=connections or None,
        timeout_graceful_shutdown=drain,
        timeout_keep_alive=idle,
    )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process (``minirag_service.run``), which calls ``stop``."""
        yield


class HttpServer:
    """``run`` serves until ``leave`` and ``stop``.

    ``hurry`` says that running responses get ``drain`` to finish and no more. Behind a load balancer, which may send on
    a connection that it keeps, idle ones are even then left open for a moment; that counts, too.
    """

    def __init__(self, app: FastAPI, settings: Settings, hurry: asyncio.Event) -> None:
        self._socket = listening_socket(settings)
        self._linger = 0.0 if settings.mode == "embedded" else LINGER
        drain = max(1, round(settings.drain.total_seconds() - self._linger))
        self._config = config_of(app, drain, settings.limit_connections, settings.idle_seconds)
        self._server = _Server(self._config)
        self._hurry = hurry
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()

    @property
    def address(self) -> str:
        """Where it listens, as a URL."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def run(self) -> None:
        """Serves; returns early only when the server ended by itself, which is a fault."""
        logger.info("listening", extra={"address": self.address})
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._stopped.set()
        if self._stopping.is_set():
            await asyncio.Event().wait()  # until the service has drained the rest and cancels us

    async def check(self) -> None:
        """Health: raises while connections are not accepted."""
        if not self._server.started or self._stopping.is_set():
            raise Unavailable("Connections are not accepted.")

    async def leave(self) -> None:
        """Accepts no connection more: an inherited socket stays open at the supervisor, for the other processes at it.
        Whoever is connected is told with the next answer to connect anew.
        """
        self._stopping.set()
        if not self._server.started:
            return
        for server in self._server.servers:
            server.close()
        self._config.leaving = True
        for connection in list(self._server.server_state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.leave()

    async def stop(self) -> None:
        """Waits for responses to end, in a hurry no longer than they may take, and a moment for idle connections; then ends
        them.
        """
        if not self._stopping.is_set():
            await self.leave()
        began = time.monotonic()
        while self._server.server_state.connections:
            waited = time.monotonic() - began
            if (self._hurry.is_set() and waited >= self._linger) or (
                waited >= LINGER and not self._answers()
            ):
                break
            await asyncio.sleep(LOOK_EVERY)
        self._server.should_exit = True
        await self._stopped.wait()

    def _answers(self) -> bool:
        connections = self._server.server_state.connections
        return any(
            connection.answering for connection in connections if isinstance(connection, BoundedProtocol)
        )


def listening_socket(settings: Settings) -> socket.socket:
    """The inherited socket, or one of our own; raises OSError when the address is taken."""
    if settings.http_fd is not None:
        inherited = socket.socket(fileno=settings.http_fd)
        inherited.setblocking(False)
        return inherited
    return listen(settings.host, settings.port, BACKLOG)
