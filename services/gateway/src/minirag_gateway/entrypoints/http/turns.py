"""Turns over HTTP: started or resumed, as a stream or as one answer."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import Response
from minirag_contracts.frames import Frame
from minirag_contracts.ids import derived_id
from minirag_contracts.requests.chat import CancelTurn, MessageRead, TurnRead, TurnStarted, UsageRead

from minirag_gateway.entrypoints.http import sse
from minirag_gateway.entrypoints.http.answers import one
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.examples import ID
from minirag_gateway.entrypoints.http.schemas.chat import ChatAnswer, ChatCreate
from minirag_gateway.errors import InvalidLastEventId, StopTakesLong, TurnFailed, TurnStillRunning
from minirag_gateway.ports import FrameFeed
from minirag_gateway.queries.delivery import ENDS, NO_NUMBER
from minirag_gateway.queries.turns import STILL_RUNNING, TurnFollower

STREAM_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer: one JSON object, or with `stream` its server-sent events `sources`, `delta`… "
        "and in the end `done` or `error`, each with an id to resume after.",
        "content": sse.described(
            ["sources", "delta", "done", "error"],
            {"id": f"{ID}.1", "event": "delta", "data": '{"content":"The museum opens at nine."}'},
        ),
        "headers": {
            name: {
                "description": f"{what}; only with an event stream.",
                "required": False,
                "schema": {"type": "string", "format": "uuid"},
            }
            for name, what in (
                ("X-MiniRAG-Chat-Id", "The chat"),
                ("X-MiniRAG-Message-Id", "The answer's message"),
            )
        },
    }
}

STOP_WAIT = 8.0
"""Seconds that a client waits at most for an answer to stop."""

STOP_REPEAT = 1.0
"""Seconds of silence after which whoever writes it is told again: a signal may be lost."""

FAILURES: dict[str, int] = {
    "not_authenticated": HTTPStatus.UNAUTHORIZED,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "llm_timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "turn_timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "llm_context_exceeded": HTTPStatus.UNPROCESSABLE_ENTITY,
    "llm_request_refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "bot_inactive": HTTPStatus.NOT_FOUND,
    "model_not_configured": HTTPStatus.UNPROCESSABLE_ENTITY,
    "model_unknown": HTTPStatus.UNPROCESSABLE_ENTITY,
    "retrieval_unavailable": HTTPStatus.BAD_GATEWAY,  # a 503 would ask clients to repeat a turn that has ended
    "internal_error": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Code of a failed turn → status of a plain answer; anything else is the provider's trouble (502)."""

_EVENT_ID = re.compile(r"([0-9a-fA-F-]{36})\.(\d{1,7})\Z")


def parse_event_id(value: str | None, message_id: UUID) -> int:
    """The number of the last frame that the client has, -1 for none; InvalidLastEventId for an id of anything else."""
    if not value:
        return -1
    match = _EVENT_ID.match(value)
    if match is None or match[1].lower() != str(message_id):
        raise InvalidLastEventId
    return int(match[2])


async def start(call: Call, body: ChatCreate) -> Response:
    """Starts the turn (or finds the one that the same Idempotency-Key started) and answers in the asked form.

    The frames are subscribed before the turn is asked for, so none can be missed; refusals come before any byte.
    """
    message_id = derived_id("message", call.command_id)
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(call.open_stream())
        feed = await stack.enter_async_context(call.services.turns.live(call.context.scope, message_id))
        turn = await call.ask(body.request(message_id), TurnStarted)
        follower = TurnFollower(call.services.turns, call.context, turn, call.services.patience)
        if not body.stream:
            frames = sse.until(call.ended(), follower.follow(feed, replay=call.key))
            return one(await _gather(call, turn, frames))
        return _stream(call, turn, follower, feed, stack.pop_all(), replay=call.key, began=began)


async def resume(call: Call, chat_id: UUID, message_id: UUID, after: int) -> Response:
    """The rest of a turn as a stream; refuses an unknown or foreign turn before any byte."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(call.open_stream())
        feed = await stack.enter_async_context(call.services.turns.live(call.context.scope, message_id))
        state = await call.services.turns.state(call.context, chat_id, message_id)
        turn = TurnStarted(chat_id=state.chat_id, message_id=message_id, user_message_id=message_id)
        follower = TurnFollower(call.services.turns, call.context, turn, call.services.patience)
        return _stream(call, turn, follower, feed, stack.pop_all(), after=after, replay=True)


async def cancel(call: Call, chat_id: UUID, message_id: UUID) -> MessageRead:
    """Stops a running answer and gives what is kept of it; an ended one as it is. StopTakesLong where it did not end."""
    context = replace(call.context, command_id=None)  # each repetition shall be heard
    request = CancelTurn(chat_id=chat_id, message_id=message_id)
    deadline = time.monotonic() + STOP_WAIT
    async with call.services.turns.live(context.scope, message_id) as feed:
        while True:
            turn = await replace(call, context=context).ask(request, TurnRead)
            if turn.message is not None:
                return turn.message
            if time.monotonic() >= deadline:
                raise StopTakesLong
            await _an_end(feed, STOP_REPEAT)


async def _an_end(feed: FrameFeed, seconds: float) -> None:
    """Until the turn's last frame is heard, but no longer than this."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        frame = await feed.next(left)
        if frame is not None and frame.event in ENDS:
            return


def _stream(
    call: Call,
    turn: TurnStarted,
    follower: TurnFollower,
    feed: FrameFeed,
    resources: AsyncExitStack,
    *,
    after: int = -1,
    replay: bool,
    began: float | None = None,
) -> Response:
    frames = follower.follow(feed, after=after, replay=replay)
    heartbeat = call.services.settings.heartbeat.total_seconds()
    content = sse.events(turn.message_id, sse.until(call.ended(), frames), heartbeat, began)
    headers = {"X-MiniRAG-Chat-Id": str(turn.chat_id), "X-MiniRAG-Message-Id": str(turn.message_id)}
    return sse.EventStreamResponse(content, headers, resources)


async def _gather(call: Call, turn: TurnStarted, frames: AsyncIterator[Frame | None]) -> ChatAnswer:
    """The whole answer; TurnFailed with the failure's own code, TurnStillRunning after the longest wait."""
    last: Frame | None = None
    async for frame in frames:
        last = frame or last
    if last is None or (last.n == NO_NUMBER and last.data.get("code") == STILL_RUNNING):
        raise TurnStillRunning(turn.chat_id, turn.message_id)
    if last.event == "error":
        code = str(last.data.get("code", "turn_failed"))
        status = FAILURES.get(code, HTTPStatus.BAD_GATEWAY)
        raise TurnFailed(status, code, str(last.data.get("detail", "")), turn.chat_id, turn.message_id)
    if last.data.get("message") and last.data.get("usage"):
        return ChatAnswer.of(
            MessageRead.model_validate(last.data["message"]), UsageRead.model_validate(last.data["usage"])
        )
    return _of_state(turn, await call.services.turns.state(call.context, turn.chat_id, turn.message_id))


def _of_state(turn: TurnStarted, state: TurnRead) -> ChatAnswer:
    if state.message is None or state.usage is None:
        raise TurnStillRunning(turn.chat_id, turn.message_id)
    return ChatAnswer.of(state.message, state.usage)
