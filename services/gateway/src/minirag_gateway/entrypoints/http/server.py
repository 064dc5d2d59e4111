"""uvicorn on a socket of ours, under the service's own life and signals."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from minirag_gateway.entrypoints.http.protocol import BoundedProtocol
from minirag_gateway.settings import Settings

logger = logging.getLogger(__name__)

BACKLOG = 2048


def config_of(app: FastAPI, drain: int, connections: int = 0) -> uvicorn.Config:
    """How HTTP is spoken; ``drain`` are the seconds that running responses get when it stops.

    Beyond so many ``connections`` at a time the answer is 503; 0 is unlimited.
    """
    return uvicorn.Config(
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
    )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process (``minirag_service.run``), which calls ``stop``."""
        yield


class HttpServer:
    """``run`` serves until ``stop``; running responses get ``drain`` to finish."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._socket = listening_socket(settings)
        drain = max(1, round(settings.drain.total_seconds()))
        config = config_of(app, drain, settings.limit_connections)
        self._server = _Server(config)
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

    async def stop(self) -> None:
        """Accepts nothing more and waits for what runs. An inherited socket stays open at the supervisor."""
        self._stopping.set()
        self._server.should_exit = True
        await self._stopped.wait()


def listening_socket(settings: Settings) -> socket.socket:
    """The inherited socket, or one of our own; raises OSError when the address is taken."""
    if settings.http_fd is not None:
        inherited = socket.socket(fileno=settings.http_fd)
        inherited.setblocking(False)
        return inherited
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
