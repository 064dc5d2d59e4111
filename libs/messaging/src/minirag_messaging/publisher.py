"""Publishing events into a stream that only one writer at a time may extend."""

import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID

import nats.errors
from minirag_contracts import tracing
from minirag_contracts.envelope import Envelope
from minirag_contracts.errors import Unavailable

from minirag_messaging import metrics
from minirag_messaging.connection import Connection
from minirag_messaging.headers import EVENT_ID, POSITION, TRACEPARENT, event_data, event_headers
from minirag_messaging.jetstream_api import ACK_TIMEOUT, JetStreamRefusal, ask, read_answer
from minirag_messaging.replies import Disconnected, NoResponders, PendingReply

WRONG_LAST_SEQUENCE = {10070, 10071, 10164}
"""JetStream's error codes for a failed expectation of the last message (id, sequence, constant sequence)."""


class TailMoved(RuntimeError):
    """The stream does not end where the writer thinks: another writer, a wiped disk, a lost acknowledgement.

    What was published before the failure stays. Ask for the ``tail`` and go on from there.
    """


@dataclass(frozen=True, slots=True)
class StreamTail:
    """Where a stream ends.

    ``incarnation`` changes when the stream is made anew; ``sequence`` is the last one ever given (0: none);
    ``position`` and ``event_id`` are those of the last event, None when the last message is gone or there never was one.
    """

    incarnation: str
    sequence: int
    position: int | None
    event_id: UUID | None


class EventPublisher:
    """The relay's way into one stream: a wrong idea of the tail fails the first event and all after it."""

    def __init__(self, bus: Connection, stream_name: str) -> None:
        self._bus = bus
        self._stream = stream_name
        self._filling = ""

    async def tail(self) -> StreamTail:
        """The end of the stream as the server has it; Unavailable, also when there is no such stream."""
        try:
            info = await ask(self._bus, f"$JS.API.STREAM.INFO.{self._stream}")
        except JetStreamRefusal as refusal:
            raise Unavailable(f"the stream {self._stream} cannot be read: {refusal}") from refusal
        sequence = int(info["state"]["last_seq"])
        empty = int(info["state"]["messages"]) == 0
        position, event_id = (None, None) if empty else await self._event_at(sequence)
        return StreamTail(str(info["created"]), sequence, position, event_id)

    async def purge(self) -> None:
        """Takes every message from the stream, so that the same events may be published anew; its last sequence stays.
        Unavailable when the server does not do it.
        """
        # The server knows the ids of what it has purged for two minutes more.
        self._filling = f".{secrets.token_hex(4)}"
        try:
            await ask(self._bus, f"$JS.API.STREAM.PURGE.{self._stream}")
        except JetStreamRefusal as refusal:
            raise Unavailable(f"the stream {self._stream} cannot be emptied: {refusal}") from refusal

    async def _event_at(self, sequence: int) -> tuple[int, UUID] | tuple[None, None]:
        try:
            msg = await self._bus.replies.request(
                f"$JS.API.DIRECT.GET.{self._stream}", b'{"seq":%d}' % sequence, seconds=ACK_TIMEOUT
            )
        except (TimeoutError, Disconnected, NoResponders, nats.errors.Error) as error:
            raise Unavailable(f"the stream {self._stream} cannot be read") from error
        headers = msg.headers or {}
        position, event_id = headers.get(POSITION), headers.get(EVENT_ID)
        return (int(position), UUID(event_id)) if position and event_id else (None, None)

    async def publish(self, events: Sequence[Envelope], expected_last_sequence: int) -> int:
        """Appends the events, all in flight at once, and returns the stream's last sequence.

        Each one is stored only directly behind the one before it, so that there is never a gap. Raises
        TailMoved when the stream does not end at ``expected_last_sequence`` (also when it knows an event
        already), Unavailable when acknowledgements are missing; after either, some of the first may be
        stored.
        """
        if not self._bus.connected.is_set():
            raise Unavailable(f"no connection to publish to {self._stream}")
        with ExitStack() as stack:
            replies = [stack.enter_context(self._bus.replies.expect()) for _ in events]
            try:
                before: Envelope | None = None
                for number, (event, reply) in enumerate(zip(events, replies, strict=True)):
                    with self._span(event) as span:
                        await self._send(event, expected_last_sequence + number, before, reply, span)
                    before = event
                for number, reply in enumerate(replies, start=1):
                    await self._confirm(reply, expected_last_sequence + number)
            except (TimeoutError, Disconnected, NoResponders, nats.errors.Error) as error:
                raise Unavailable(
                    f"the stream {self._stream} did not acknowledge: {type(error).__name__}"
                ) from error
        metrics.PUBLISHED.labels(self._stream).inc(len(events))
        return expected_last_sequence + len(events)

    def _message_id(self, event: Envelope) -> str:
        return f"{event.event_id}{self._filling}"

    def _span(self, event: Envelope) -> tracing.span:
        """Of one event's way to the bus; what consumes the event goes on from there."""
        attributes: dict[str, tracing.Value] = {
            "messaging.system": "nats",
            "messaging.operation.type": "send",
            "messaging.destination.name": self._stream,
            "messaging.message.id": str(event.event_id),
        }
        name = f"publish {event.type}"
        return tracing.span(name, attributes, parent=event.metadata.traceparent, kind="producer")

    async def _send(
        self,
        event: Envelope,
        last_sequence: int,
        before: Envelope | None,
        reply: PendingReply,
        span: tracing.span,
    ) -> None:
        headers = event_headers(event)
        if span.traceparent:
            headers[TRACEPARENT] = span.traceparent
        headers["Nats-Msg-Id"] = self._message_id(event)
        headers["Nats-Expected-Stream"] = self._stream
        headers["Nats-Expected-Last-Sequence"] = str(last_sequence)
        if before is not None:
            # The sequence alone would not do: in a stream that is longer than we think, the first event is
            # refused and the second meets just the sequence that it expects.
            headers["Nats-Expected-Last-Msg-Id"] = self._message_id(before)
        await self._bus.client.publish(event.subject, event_data(event), reply=reply.subject, headers=headers)

    async def _confirm(self, reply: PendingReply, sequence: int) -> None:
        try:
            acknowledgement = read_answer(await reply.wait(ACK_TIMEOUT))
        except JetStreamRefusal as refusal:
            if refusal.err_code in WRONG_LAST_SEQUENCE:
                raise TailMoved(str(refusal)) from refusal
            raise Unavailable(f"the stream {self._stream} refused: {refusal}") from refusal
        # A known Nats-Msg-Id is acknowledged with the sequence of its first copy and is not stored again.
        if acknowledgement.get("duplicate") or int(acknowledgement["seq"]) != sequence:
            raise TailMoved(f"{self._stream} has this event at {acknowledgement['seq']}, not at {sequence}")
