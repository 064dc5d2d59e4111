"""The AsyncAPI 3.0 document of every event: as a tenant's stream over HTTP, and as messages on the bus.

Made from the models alone, so that it cannot say anything else than the code. Schemas lie in ``components`` once and are
referred to; a component of an event is named like its type.
"""

from typing import Any

from pydantic import BaseModel

from minirag_contracts.cloud_events import SOURCE_PREFIX, CloudEvent
from minirag_contracts.events import EventPayload
from minirag_contracts.examples import EXAMPLES, NOON, TENANT_ID
from minirag_contracts.requests.common import RecordedEvent
from minirag_contracts.schemas import public_example, public_schema, published_models
from minirag_contracts.signals import Progress
from minirag_contracts.topology import STREAM_OF

Document = dict[str, Any]

REFS = "#/components/schemas/{model}"

_DESCRIPTION = """What happens in MiniRAG, as messages. A tenant hears its own events at `GET /v1/events` as server-sent events: \
`event` is the type, `data` a CloudEvent 1.0 in JSON, `id` a signed cursor for `Last-Event-ID`; `types` chooses by patterns like \
`bot.>`. On the bus an event is published on `<type>.<tenant>` in CloudEvents' binary mode: attributes as headers, `data` as \
body. Types are past tense; a changed shape has a new schema version, and older events are read in today's shape."""


def document() -> Document:
    """The whole document."""
    models = published_models()
    schemas: Document = {
        "CloudEvent": _schema(CloudEvent, {}),
        "Progress": _schema(Progress, {}),
        "BusHeaders": _headers(),
    }
    messages: Document = {"progress": _progress()}
    channels: Document = {"events": _stream([*models, "progress"])}
    operations: Document = {"sendEvents": _operation("events", [*models, "progress"])}
    for event_type, model in models.items():
        _add_schemas(model, schemas)
        messages[event_type] = _message(model)
        messages[f"bus.{event_type}"] = _bus_message(model)
        channels[f"bus.{event_type}"] = _subject(model)
        operations[f"publish.{event_type}"] = _operation(f"bus.{event_type}", [f"bus.{event_type}"])
    bearer = {"type": "http", "scheme": "bearer", "description": "An API token."}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "MiniRAG", "version": "1.0.0", "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "api": {
                "host": "127.0.0.1:8000",
                "protocol": "http",
                "security": [{"$ref": "#/components/securitySchemes/bearer"}],
            },
            "bus": {"host": "127.0.0.1:4222", "protocol": "nats"},
        },
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas, "messages": messages, "securitySchemes": {"bearer": bearer}},
    }


def _schema(model: type[BaseModel], schemas: Document) -> Document:
    return _hoisted(model.model_json_schema(ref_template=REFS), schemas)


def _hoisted(schema: Document, schemas: Document) -> Document:
    """The schema without definitions of its own, which become components."""
    schemas.update(schema.pop("$defs", {}))
    return schema


def _add_schemas(model: type[EventPayload], schemas: Document) -> None:
    """``<type>`` for what a tenant sees, and ``<type>.recorded`` where the bus carries more."""
    schemas[model.type] = _hoisted(public_schema(model, REFS), schemas)
    if model.internal:
        schemas[f"{model.type}.recorded"] = _schema(model, schemas)


def _ref(kind: str, name: str) -> Document:
    return {"$ref": f"#/components/{kind}/{name}"}


def _message(model: type[EventPayload]) -> Document:
    """An event as it comes out of a tenant's stream."""
    specific = {
        "type": "object",
        "properties": {
            "type": {"const": model.type},
            "source": {"const": SOURCE_PREFIX + model.owner},
            "schemaversion": {"const": model.schema_version},
            "data": _ref("schemas", model.type),
        },
    }
    return {
        "name": model.type,
        "title": model.__name__,
        "summary": _summary(model),
        "contentType": "application/json",
        "payload": {"allOf": [_ref("schemas", "CloudEvent"), specific]},
        "examples": [{"name": "example", "payload": _example(model)}],
    }


def _example(model: type[EventPayload]) -> Document:
    recorded = RecordedEvent(
        event_id=TENANT_ID,
        tenant_id=TENANT_ID,
        stream=f"{model.type.partition('.')[0]}-{TENANT_ID}",
        version=1,
        type=model.type,
        schema_version=model.schema_version,
        data=public_example(model),
        metadata={"actor": f"user:{TENANT_ID}", "correlation_id": str(TENANT_ID)},
        recorded_at=NOON,
        position=1,
    )
    return CloudEvent.of(model.owner, recorded).attributes()


def _bus_message(model: type[EventPayload]) -> Document:
    """The same event as its owner's relay publishes it."""
    return {
        "name": model.type,
        "title": model.__name__,
        "summary": _summary(model),
        "contentType": "application/json",
        "headers": _ref("schemas", "BusHeaders"),
        "payload": _ref("schemas", f"{model.type}.recorded" if model.internal else model.type),
        "examples": [{"name": "example", "payload": EXAMPLES[model.type].model_dump(mode="json")}],
    }


def _progress() -> Document:
    example = {"source_id": str(TENANT_ID), "bot_id": str(TENANT_ID), "version": 1, "stage": "embedding"}
    return {
        "name": "progress",
        "title": "Progress",
        "summary": "How a running ingestion comes along. No event: it has no id and is not repeated.",
        "contentType": "application/json",
        "payload": _ref("schemas", "Progress"),
        "examples": [{"name": "example", "payload": {**example, "done": 12, "total": 42}}],
    }


def _headers() -> Document:
    names = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype")
    extensions = ("tenantid", "streamversion", "schemaversion", "actor", "correlationid")
    optional = ("causationid", "via", "traceparent", "position")
    return {
        "type": "object",
        "description": "The attributes of CloudEvents 1.0 and our extensions.",
        "properties": {f"ce-{name}": {"type": "string"} for name in (*names, *extensions, *optional)},
        "required": [f"ce-{name}" for name in (*names, *extensions)],
    }


def _stream(messages: list[str]) -> Document:
    return {
        "address": "/v1/events",
        "title": "A tenant's events",
        "description": "Server-sent events, each once, in order for each `subject`; `types` chooses, `Last-Event-ID` resumes.",
        "servers": [{"$ref": "#/servers/api"}],
        "messages": {name: _ref("messages", name) for name in messages},
    }


def _subject(model: type[EventPayload]) -> Document:
    return {
        "address": f"{model.type}.{{tenant_id}}",
        "title": f"{model.type} in {STREAM_OF[model.owner].name}",
        "servers": [{"$ref": "#/servers/bus"}],
        "parameters": {"tenant_id": {"description": "The tenant's id, a UUID."}},
        "messages": {f"bus.{model.type}": _ref("messages", f"bus.{model.type}")},
    }


def _operation(channel: str, messages: list[str]) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _summary(model: type[EventPayload]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
