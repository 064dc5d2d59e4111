"""Listening without a consumer: signals, and events at the moment of their publication. What is missed is not repeated."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.signals import Signal
from nats.aio.msg import Msg
from pydantic import ValidationError

from minirag_messaging.connection import Connection
from minirag_messaging.headers import MalformedMessage, read_event

log = logging.getLogger(__name__)

S = TypeVar("S", bound=Signal)

Take = Callable[[Msg], None]


@asynccontextmanager
async def subscribed(connection: Connection, subjects: Sequence[str], take: Take) -> AsyncIterator[None]:
    """Calls ``take`` for each message, from entering to leaving; nats-py renews the subscriptions on a reconnect."""

    async def on_message(msg: Msg) -> None:
        take(msg)

    async with AsyncExitStack() as stack:
        for subject in subjects:
            subscription = await connection.client.subscribe(subject, cb=on_message)
            stack.push_async_callback(_unsubscribe, connection, subscription)
        yield


def signals(model: type[S], take: Callable[[str, S], None]) -> Take:
    """A taker of messages that hands on subject and signal, and drops what is none."""

    def taken(msg: Msg) -> None:
        try:
            signal = model.model_validate_json(msg.data)
        except ValidationError:
            log.warning("a message that is no signal was dropped", extra={"subject": msg.subject})
            return
        take(msg.subject, signal)

    return taken


def events(take: Callable[[Envelope], None]) -> Take:
    """A taker of messages that hands on events, and drops what is none."""

    def taken(msg: Msg) -> None:
        try:
            event = read_event(msg)
        except MalformedMessage:
            log.warning("a message that is no event was dropped", extra={"subject": msg.subject})
            return
        take(event)

    return taken


async def _unsubscribe(connection: Connection, subscription: object) -> None:
    if not (connection.client.is_closed or connection.client.is_draining):
        await subscription.unsubscribe()  # type: ignore[attr-defined]  # nats-py's Subscription
