"""Replies to our requests, over one inbox: cheaper than nats-py's own, and it notices when a connection
breaks.
"""

import asyncio
import itertools
from collections.abc import Callable
from types import TracebackType
from typing import Self

from nats.aio.client import Client
from nats.aio.msg import Msg


class Disconnected(ConnectionError):
    """The connection broke while a reply was awaited: the request may or may not have arrived."""


class NoResponders(ConnectionError):
    """Nobody listens on the subject at this moment."""


def status_of(msg: Msg) -> str | None:
    """The status of a message that the server itself made (``503``: nobody there), None for any other."""
    return msg.headers.get("Status") if msg.headers and not msg.data else None


SIGN = "working"
"""The last token of a sign of life's subject, behind that of the reply. Who does not know signs listens for one token less, and
so never takes one for the reply.
"""


def sign_subject(reply: str) -> str:
    """Where whoever works on a request says so, to who waits for this reply."""
    return f"{reply}.{SIGN}"


class PendingReply:
    """One expected reply; ``subject`` is where it shall be sent. Requests may be repeated under the same
    subject.
    """

    __slots__ = ("_future", "_inbox", "_outcome", "_silence", "_token", "subject")

    def __init__(self, inbox: "ReplyInbox", token: str, subject: str) -> None:
        self._inbox = inbox
        self._token = token
        self._future: asyncio.Future[Msg] | None = None
        self._outcome: Msg | Exception | None = None
        self._silence: Callable[[], None] | None = None
        self.subject = subject

    def __enter__(self) -> Self:
        self._inbox.pending[self._token] = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inbox.pending.pop(self._token, None)

    def settle(self, outcome: Msg | Exception) -> None:
        """Hands the reply, or the reason why there is none, to who waits or will wait."""
        future = self._future
        if future is None or future.done():
            self._outcome = outcome
        elif isinstance(outcome, Msg):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)

    def sign(self) -> None:
        """Somebody works on it: the silence begins anew."""
        if self._silence is not None:
            self._silence()

    async def wait(self, seconds: float, silence: float | None = None) -> Msg:
        """The reply; TimeoutError after so many seconds, or after a ``silence`` without a sign; Disconnected, or NoResponders
        where the server says so.
        """
        outcome, self._outcome = self._outcome, None
        if outcome is None:
            loop = asyncio.get_running_loop()
            self._future, end = loop.create_future(), loop.time() + seconds

            def patience() -> float:
                return end if silence is None else min(end, loop.time() + silence)

            async with asyncio.timeout_at(patience()) as limit:
                self._silence = lambda: limit.reschedule(patience())
                try:
                    outcome = await self._future
                finally:
                    self._silence = None
        if isinstance(outcome, Exception):
            raise outcome
        if status_of(outcome) == "503":
            raise NoResponders(self.subject)
        return outcome


class ReplyInbox:
    """All replies that this process waits for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix = ""
        self._numbers = itertools.count()
        self.pending: dict[str, PendingReply] = {}

    async def open(self) -> None:
        """Subscribes; nats-py renews the subscription on every reconnect."""
        self._prefix = self._client.new_inbox() + "."
        await self._client.subscribe(self._prefix + ">", cb=self._on_reply)

    def expect(self) -> PendingReply:
        """To be entered (``with``) before the request is sent."""
        token = f"{next(self._numbers):x}"
        return PendingReply(self, token, self._prefix + token)

    async def request(
        self, subject: str, payload: bytes = b"", headers: dict[str, str] | None = None, seconds: float = 5.0
    ) -> Msg:
        """One request, one reply; TimeoutError, Disconnected, NoResponders."""
        with self.expect() as reply:
            await self._client.publish(subject, payload, reply=reply.subject, headers=headers)
            return await reply.wait(seconds)

    def fail(self, reason: str) -> None:
        """Everybody who waits learns now, not after a timeout, that the connection is gone."""
        for reply in list(self.pending.values()):
            reply.settle(Disconnected(reason))

    async def _on_reply(self, msg: Msg) -> None:
        token, _, sign = msg.subject[len(self._prefix) :].partition(".")
        reply = self.pending.get(token)
        if reply is None:
            return
        if not sign:
            reply.settle(msg)
        elif sign == SIGN:
            reply.sign()
