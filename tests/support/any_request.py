"""A request of any model, so that a test can ask everything that a service answers, tomorrow's requests too."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from minirag_contracts.requests import Request


def a_request(model: type[Request], known: Mapping[str, Any]) -> Request:
    """``known`` gives values by the names of fields; what else is required gets something of its type."""
    schema = model.model_json_schema()
    return model.model_validate(_object(schema, schema.get("$defs", {}), known))


def _object(schema: dict[str, Any], definitions: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    required = set(schema.get("required", ()))
    return {
        name: known[name] if name in known else _value(part, definitions, known)
        for name, part in schema.get("properties", {}).items()
        if name in required or name in known
    }


def _value(schema: dict[str, Any], definitions: dict[str, Any], known: Mapping[str, Any]) -> Any:
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return _value(schema[choice][0], definitions, known)
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions, known)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if "properties" in schema:
        return _object(schema, definitions, known)
    if "items" in schema:
        return [_value(schema["items"], definitions, known)]
    return _plain(schema)


def _plain(schema: dict[str, Any]) -> Any:
    texts = {"uuid": str(uuid4()), "date": "2026-01-01", "date-time": "2026-01-01T00:00:00Z"}
    values = {
        "string": texts.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 1))),
        "integer": schema.get("minimum", 1),
        "number": schema.get("minimum", 1),
        "boolean": False,
        "object": {},
        "array": [],
    }
    return values.get(schema.get("type", ""))
