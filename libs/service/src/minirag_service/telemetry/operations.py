"""The operations port: plain HTTP for probes and for Prometheus, beside whatever the service is for.

``GET /live`` answers 200 while the event loop turns, ``GET /ready`` 200 while the service serves and its checks are well
and else 503, ``GET /metrics`` Prometheus' text. It is nobody's business outside: it has no authentication, listens on the
loopback address unless told otherwise, and is off where no port is given.
"""

import asyncio
import contextlib
import errno
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    REGISTRY,
    CollectorRegistry,
    disable_created_metrics,
    generate_latest,
)

from minirag_service.listening import listen
from minirag_service.settings import ServiceSettings
from minirag_service.telemetry.figures import Figures, measure_loop

if TYPE_CHECKING:  # loaded where there is a port: 3 MB, 50 ms
    import uvicorn

    from minirag_service.runtime import Runtime

logger = logging.getLogger(__name__)

JSON, TEXT = "application/json", "text/plain; charset=utf-8"

Answer = tuple[int, str, bytes]
Message = MutableMapping[str, Any]

NOT_FOUND: Answer = (404, TEXT, b"Here are /live, /ready and /metrics.\n")
NOT_ALLOWED: Answer = (405, TEXT, b"Only GET and HEAD.\n")


class Operations:
    """What the port tells. ``runtime`` is None until the store and the bus are connected."""

    def __init__(self) -> None:
        # When each series began: a third of the text, and nobody asks.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.figures = Figures()
        self._registry = CollectorRegistry()
        self._registry.register(self.figures)
        self._answers: dict[str, Callable[[], Awaitable[Answer]]] = {
            "/live": self._live,
            "/ready": self._ready,
            "/metrics": self._metrics,
        }

    @property
    def runtime(self) -> "Runtime | None":
        """Of whom it tells."""
        return self.figures.runtime

    @runtime.setter
    def runtime(self, runtime: "Runtime") -> None:
        self.figures.runtime = runtime

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """One request (ASGI)."""
        answer = self._answers.get(scope["path"])
        if answer is None:
            status, kind, body = NOT_FOUND
        elif scope["method"] not in ("GET", "HEAD"):
            status, kind, body = NOT_ALLOWED
        else:
            status, kind, body = await answer()
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self) -> Answer:
        return 200, JSON, b'{"status":"live"}'

    async def _ready(self) -> Answer:
        if self.runtime is None:
            return 503, JSON, b'{"status":"starting","checks":{}}'
        bus = "ok" if self.runtime.bus.connected.is_set() else "not connected"
        checks = {"bus": bus, **await self.runtime.checked()}
        status: str = self.runtime.state
        if status == "serving" and any(result != "ok" for result in checks.values()):
            status = "degraded"
        body = json.dumps({"status": status, "checks": checks}).encode()
        return (200 if status == "serving" else 503), JSON, body

    async def _metrics(self) -> Answer:
        return 200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(REGISTRY) + generate_latest(self._registry)


@asynccontextmanager
async def operations_port(settings: ServiceSettings) -> AsyncIterator[Operations]:
    """Serves while it is entered, where a port is given; raises OSError when the address is taken.

    In the embedded stack the address is waited for: a rolling restart starts this process beside the one that has it.
    """
    operations = Operations()
    if settings.operations_port is None:
        yield operations
        return
    address = (settings.operations_host, settings.operations_port)
    server = _server(operations)
    listening = None if settings.mode == "embedded" else listen(*address)

    async def serve() -> None:
        await server.serve(sockets=[listening or await _free(address)])

    def ended(task: asyncio.Task[None]) -> None:
        """The service works without it, but probes and Prometheus find nobody."""
        error = None if task.cancelled() else task.exception()
        if error is not None or not (task.cancelled() or server.should_exit):
            logger.error("the operations port is gone", exc_info=error, extra={"address": listened})

    listened = "{}:{}".format(*address)
    task = asyncio.create_task(serve(), name="operations")
    task.add_done_callback(ended)
    watching = [asyncio.create_task(work) for work in (operations.figures.watch(), measure_loop())]
    logger.info("operations", extra={"address": listened})
    try:
        yield operations
    finally:
        for watch in watching:
            watch.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        server.should_exit = True
        if server.started:
            await task
        else:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _free(address: tuple[str, int]) -> socket.socket:
    """The address, as soon as nobody else listens there."""
    while True:
        try:
            return listen(*address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        await asyncio.sleep(0.2)


def _server(operations: Operations) -> "uvicorn.Server":
    import uvicorn  # see above

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Signals belong to the process."""
            yield

    config = uvicorn.Config(
        operations,
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    return Server(config)
