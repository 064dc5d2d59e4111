"""The bus as the services see it: requests, chat frames, transfer of large bodies, announcements."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from uuid import UUID

import nats.errors
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.envelope import Envelope
from minirag_contracts.frames import Frame, frame_subject
from minirag_contracts.requests import Request
from minirag_contracts.requests.common import COMMON, common_subject
from minirag_contracts.signals import Signal
from pydantic import BaseModel
from pydantic_core import to_json

from minirag_messaging import counters, frames, hearing, objects, rpc_client
from minirag_messaging.connection import Connection

log = logging.getLogger(__name__)

R = TypeVar("R", bound=BaseModel)
S = TypeVar("S", bound=Signal)


class Bus(Connection):
    """One per process. Connection has its life: ``connect``, ``on_reconnect``, ``closed``, ``drain``,
    ``close``.
    """

    async def request(self, request: Request, returns: type[R], context: Context, timeout: float = 10.0) -> R:
        """Asks the owner of the request and waits at most ``timeout`` seconds.

        Raises RemoteRefusal(code, status, detail) for what the owner refused, RpcTimeout (an Unavailable)
        when nobody answered. The request may be sent more than once: see ``rpc_client`` for why that is safe.
        """
        if not issubclass(type(request).Returns, returns):
            raise TypeError(f"{type(request).__name__} is answered with {type(request).Returns.__name__}")
        return await rpc_client.call(self, type(request).subject(), request, returns, context, timeout)

    async def ask(
        self,
        service: str,
        verb: str,
        request: Request,
        returns: type[R],
        context: Context,
        timeout: float = 10.0,
    ) -> R:
        """The same for what every service answers (``contracts.requests.common``)."""
        if (type(request), returns) != COMMON[verb]:
            raise TypeError(f"{verb} is {COMMON[verb][0].__name__} → {COMMON[verb][1].__name__}")
        return await rpc_client.call(self, common_subject(service, verb), request, returns, context, timeout)

    async def publish_frame(self, tenant_id: UUID, message_id: UUID, frame: Frame) -> None:
        """Sends one frame of a running answer; fire and forget (a failure is logged, the turn goes on)."""
        await self._send(frame_subject(tenant_id, message_id), frame.model_dump_json().encode())

    def frames(self, scope: TenantScope, message_id: UUID) -> AbstractAsyncContextManager[frames.FrameStream]:
        """The live frames of one turn, from the moment of entering on."""
        return frames.live(self, frame_subject(scope.tenant_id, message_id))

    async def stored_frames(self, scope: TenantScope, message_id: UUID, after: int = -1) -> list[Frame]:
        """The frames of the last minutes with ``n`` > ``after``, in the order of their arrival.

        A frame that was sent a moment ago may not be stored yet: subscribe first, then read, and read again
        when ``n`` shows a gap. Empty when they are gone or never were; raises Unavailable if the stream does
        not answer.
        """
        return await frames.stored(self, frame_subject(scope.tenant_id, message_id), after)

    async def put_object(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Stores a large body for an hour, for its owner to fetch. Raises Unavailable if it cannot."""
        await objects.put(self, name, chunks)

    def get_object(self, name: str) -> AsyncIterator[bytes]:
        """The body in pieces; raises ObjectMissing, and OSError if what was read is not what was written."""
        return objects.get(self, name)

    async def delete_object(self, name: str) -> None:
        """Drops a body; nothing happens if it is not there."""
        await objects.delete(self, name)

    async def signal(self, subject: str, signal: Signal) -> None:
        """Tells whoever listens now (``contracts.signals``); best effort."""
        await self._send(subject, signal.model_dump_json().encode())

    def signals(
        self, subject: str, model: type[S], take: Callable[[str, S], None]
    ) -> AbstractAsyncContextManager[None]:
        """Calls ``take(subject, signal)`` for each signal while it is entered; ``subject`` may have wildcards."""
        return hearing.subscribed(self, [subject], hearing.signals(model, take))

    def live_events(
        self, subjects: Sequence[str], take: Callable[[Envelope], None]
    ) -> AbstractAsyncContextManager[None]:
        """Calls ``take`` for each event at its publication while it is entered; what is missed is not repeated.

        The positions of an owner have no gaps, so whoever hears all of its subjects can tell.
        """
        return hearing.subscribed(self, subjects, hearing.events(take))

    async def count(self, subject: str, amount: int, timeout: float = 1.0) -> int:
        """Adds to a shared counter (``counter_subject``) and answers its new total.

        Raises Unavailable when that is not known: the amount may then have been added or not.
        """
        return await counters.add(self, subject, amount, timeout)

    async def announce(self, subject: str, data: Mapping[str, Any]) -> None:
        """Tells whom it may concern (``dead_letter_subject``); best effort."""
        await self._send(subject, to_json(dict(data)))

    async def _send(self, subject: str, payload: bytes) -> None:
        try:
            await self.client.publish(subject, payload)
        except nats.errors.Error as error:
            log.warning("a message was dropped", extra={"subject": subject, "reason": repr(error)})
