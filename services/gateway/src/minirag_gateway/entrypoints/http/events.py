"""``/v1/events``: what happens in a tenant, as it happens."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import Query, Request, Response
from minirag_contracts.cloud_events import CloudEvent
from minirag_contracts.schemas import public_schema, published_models
from minirag_contracts.signals import Progress

from minirag_gateway.domain import event_types
from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http import sse
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.errors import UnknownEventType
from minirag_gateway.queries.event_stream import EventStream, Item, Sent

resource = Resource("Events")

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events, without end. `data` of each is a CloudEvent; `/asyncapi.json` describes them all.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

OPENING = b": connected\n"
"""The first bytes, before the first id."""

Types = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=event_types.LONGEST,
        description="Only these event types: `bot.>`, `chat.message.*`, `source.created`, separated by commas.",
    ),
]


@resource.route("GET", "/v1/events", Permission.READ_EVENTS, responses=STREAM)
async def stream_events(request: Request, types: Types = None) -> Response:
    """The tenant's events as server-sent events, each exactly once, in order for each `subject`.

    Without `Last-Event-ID` from now on, with it from there on, on any gateway. `event` is the type and `data` a CloudEvent 1.0
    as one line of JSON. `event: progress`, without id, tells how running ingestions come along.
    """
    call = call_of(request)
    patterns = event_types.chosen(types)
    cursor = request.headers.get("last-event-id") or None
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(call.open_stream())
        stream = await call.services.streams.enter(stack, call.context, call.ended, cursor, patterns)
        content = written(stream, call.services.settings.heartbeat.total_seconds())
        return sse.EventStreamResponse(content, {}, stack.pop_all())


@resource.route("GET", "/v1/schemas/{event_type}", Permission.PUBLIC, returns=dict[str, Any], refuses=(404,))
async def read_event_schema(event_type: str) -> Response:
    """The JSON Schema of an event's `data` in today's version."""
    model = published_models().get(event_type)
    if model is None:
        raise UnknownEventType
    return Response(json.dumps(public_schema(model), ensure_ascii=False), media_type="application/json")


async def written(stream: EventStream, heartbeat: float) -> AsyncIterator[bytes]:
    """The stream's bytes. A block that has an id and no data moves a client's `Last-Event-ID` and dispatches nothing."""
    yield OPENING
    async for item in stream.items(heartbeat):
        yield _block(item)


def _block(item: Item) -> bytes:
    if isinstance(item, Sent):
        return _event(item.event, item.cursor)
    if isinstance(item, Progress):
        return f"event: progress\ndata: {item.model_dump_json()}\n\n".encode()
    return sse.HEARTBEAT if item.cursor is None else f": heartbeat\nid: {item.cursor}\n\n".encode()


def _event(event: CloudEvent, cursor: str) -> bytes:
    return f"id: {cursor}\nevent: {event.type}\ndata: {event.line()}\n\n".encode()
