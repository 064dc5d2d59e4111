"""One connection of one process to NATS: reconnects for ever, reports every error, never dies quietly."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import nats.errors
from nats.aio.client import Client

from minirag_messaging.replies import ReplyInbox

log = logging.getLogger(__name__)

RECONNECT_PAUSE = 0.25
"""Seconds between two attempts to reach the server."""

REPEATED_ERROR_PAUSE = 30.0
"""Seconds in which the same error is logged once: a server that is away fails four times a second."""

DRAIN_TIMEOUT = 10
"""Seconds that the subscriptions have to empty their queues when the connection is drained."""


CLOSES_WITHIN = 5.0
"""Seconds."""


class ConnectionLost(RuntimeError):
    """The connection was closed, and not by us: the process has to end, its supervisor starts it anew."""


class _Client(Client):
    """nats-py's, mended: there a ping overtakes what waits to be written, so that a subscription that is drained loses what comes
    before the server reads its end; and the pong to a flush that was given up ends the reading for good.
    """

    async def _send_ping(self, future: "asyncio.Future[Any] | None" = None) -> None:
        if self._pending and self.is_connected and self._transport is not None:
            self._transport.writelines(self._pending[:])
            self._pending, self._pending_data_size = [], 0
        await super()._send_ping(future)

    async def _process_pong(self) -> None:
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()


class Connection:
    """What all of the package stands on. ``client`` is for this package only."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.client: Client = _Client()
        self.replies = ReplyInbox(self.client)
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is closed: with ConnectionLost if that was not our ``drain`` or ``close``.
        """
        self.connected = asyncio.Event()
        self.violations: deque[str] = deque(maxlen=100)
        """What the server has refused because we may not, in its words: a grant is missing, or something is wrong."""
        self._refused: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._closing = False
        self._listeners: list[Callable[[], Awaitable[None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_error: tuple[str, float] = ("", 0.0)

    @classmethod
    async def connect(
        cls,
        url: str,
        user: str | None = None,
        password: str | None = None,
        name: str = "minirag",
        *,
        inbox_prefix: str = "_INBOX",
    ) -> Self:
        """A connection to the server at ``url``; waits for ever for a server that is not there yet.

        The URL may carry user and password, percent-encoded, where none are given. Raises nats' Error where the credentials are
        refused. Replies come to ``inbox_prefix``.
        """
        connection = cls(name)
        parts = urlsplit(url)
        if not user and parts.username:  # the client library would send them as they are encoded
            user, password = unquote(parts.username), unquote(parts.password or "")
        connecting = connection.client.connect(
            servers=url,
            user=user,
            password=password,
            name=name,
            inbox_prefix=inbox_prefix,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_PAUSE,  # type: ignore[arg-type]  # seconds, a fraction is fine
            ping_interval=20,
            drain_timeout=DRAIN_TIMEOUT,
            error_cb=connection._on_error,
            disconnected_cb=connection._on_disconnected,
            reconnected_cb=connection._on_reconnected,
            closed_cb=connection._on_closed,
        )
        await connection._unless_refused(connecting)
        await connection.replies.open()
        connection.connected.set()
        return connection

    async def _unless_refused(self, connecting: Coroutine[Any, Any, None]) -> None:
        """nats-py would try refused credentials for ever; they do not get better: an error at once."""
        attempt = asyncio.get_running_loop().create_task(connecting)
        try:
            both: set[asyncio.Future[Any]] = {attempt, self._refused}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                raise self._refused.result()
            await attempt
        finally:
            attempt.cancel()

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Calls back, in a task of its own, after every reconnect; what is returned takes it off again."""
        self._listeners.append(callback)

        def remove() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(callback)

        return remove

    async def wait_connected(self, seconds: float) -> bool:
        """Is there a connection, now or within ``seconds``?"""
        if self.connected.is_set():
            return True
        try:
            async with asyncio.timeout(seconds):
                await self.connected.wait()
        except TimeoutError:
            return False
        return True

    async def settled(self) -> None:
        """Returns once the server has taken all that was sent, and we what it sent until then; raises nats' Error."""
        await self.client.flush()

    async def drain(self) -> None:
        """Empties the queues of all subscriptions, sends what is buffered, closes. Safe to call twice."""
        self._closing = True
        try:
            await self.client.drain()
        except (nats.errors.ConnectionReconnectingError, nats.errors.ConnectionClosedError) as error:
            log.info("the connection could not be drained, closing it", extra={"reason": repr(error)})
            await self._close()
        self._finish()

    async def close(self) -> None:
        """Closes at once; what was in flight is lost."""
        self._closing = True
        await self._close()
        self._finish()

    async def _close(self) -> None:
        """nats-py writes to the line once more, which raises or waits where the line has just been lost: it is closed then."""
        closing = asyncio.get_running_loop().create_task(self.client.close())
        await asyncio.wait({closing}, timeout=CLOSES_WITHIN)
        if not closing.done():
            closing.cancel()
            log.warning("nats did not close within %s s", CLOSES_WITHIN)
        elif isinstance(error := closing.exception(), OSError):
            log.info("the connection was lost while it was closed", extra={"reason": repr(error)})
        elif error is not None:
            raise error

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is kept alive until it is done; its exception is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a callback of the bus failed", exc_info=error)

    async def _on_error(self, error: Exception) -> None:
        if "authorization violation" in str(error).lower() and not self._refused.done():
            self._refused.set_result(error)
        if "permissions violation" in str(error).lower():
            self.violations.append(str(error))
        text, now = repr(error) + str(error), time.monotonic()
        if (self._last_error[0] == text) and now - self._last_error[1] < REPEATED_ERROR_PAUSE:
            return
        self._last_error = (text, now)
        extra = {"connection": self.name}
        if isinstance(error, nats.errors.Error):
            log.error("nats reported an error: %s", str(error) or repr(error), extra=extra)
        else:  # of a callback, or the system's: its text may be anybody's
            log.error("nats reported an error", exc_info=error, extra=extra)

    async def _on_disconnected(self) -> None:
        self.connected.clear()
        self.replies.fail("disconnected")
        if not self._closing:
            log.warning("disconnected from nats", extra={"connection": self.name})

    async def _on_reconnected(self) -> None:
        self.connected.set()
        log.info("reconnected to nats", extra={"connection": self.name})
        for callback in list(self._listeners):
            self.spawn(self._call(callback))

    @staticmethod
    async def _call(callback: Callable[[], Awaitable[None]]) -> None:
        await callback()

    async def _on_closed(self) -> None:
        self._finish()

    def _finish(self) -> None:
        self.connected.clear()
        self.replies.fail("closed")
        if self.closed.done():
            return
        if self._closing:
            self.closed.set_result(None)
            return
        reason = self.client.last_error
        log.critical("the connection to nats was closed: %s", reason, extra={"connection": self.name})
        self.closed.set_exception(ConnectionLost(f"the connection to NATS was closed: {reason}"))
        self.closed.exception()  # marks it as seen: a program that does not wait for it was told by the log
