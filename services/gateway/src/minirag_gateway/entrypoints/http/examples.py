"""An example for every body and answer: what the models say of their fields, and something plausible for the rest.

The document's examples are the requests of the access matrix too, so they have to be ones that are accepted.
"""

from typing import Any

ID = "0191e7a0-0000-7000-8000-000000000000"

FORMATS: dict[str, Any] = {
    "uuid": ID,
    "date-time": "2026-11-26T09:30:00Z",
    "date": "2026-11-26",
    "email": "owner@example.com",
    "uri": "https://example.com/",
    "binary": "The museum opens at nine.",
}

DEFAULTS: dict[str, Any] = {"integer": 1, "number": 0.5, "boolean": True, "string": "text", "null": None}

Schema = dict[str, Any]


def request_example(schemas: Schema, schema: Schema) -> Any:
    """What a client has to send: required fields, and those that the model gives an example for."""
    return _Examples(schemas, everything=False).of(schema)


def answer_example(schemas: Schema, schema: Schema) -> Any:
    """What comes back: every field."""
    return _Examples(schemas, everything=True).of(schema)


class _Examples:
    """``schemas`` are the document's components, ``everything`` whether optional fields belong to it."""

    def __init__(self, schemas: Schema, *, everything: bool) -> None:
        self._schemas = schemas
        self._everything = everything

    def of(self, schema: Schema) -> Any:
        """One value that the schema allows."""
        if "$ref" in schema:
            return self.of(self._schemas[schema["$ref"].rsplit("/", 1)[-1]] | _beside(schema))
        if (said := _said(schema)) is not None:
            return said
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in schema:
                return self.of(next((part for part in schema[choice] if part.get("type") != "null"), {}))
        return self._made(schema)

    def _made(self, schema: Schema) -> Any:
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return self._object(schema)
        if kind == "array":
            return [self.of(schema["items"])] if "items" in schema else []
        if kind == "string" and schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        if kind in ("integer", "number") and "minimum" in schema:
            return schema["minimum"]
        return DEFAULTS.get(str(kind))

    def _object(self, schema: Schema) -> dict[str, Any]:
        required = schema.get("required", [])
        return {
            name: self.of(field)
            for name, field in schema.get("properties", {}).items()
            if self._everything or name in required or field.get("examples")
        }


def _beside(schema: Schema) -> Schema:
    """What stands beside a reference and is more particular than what it refers to."""
    return {key: value for key, value in schema.items() if key in ("examples", "default")}


def _said(schema: Schema) -> Any:
    """The value that the schema itself names, None if it names none."""
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("default") is not None:
        return schema["default"]
    return schema.get("const", schema.get("enum", [None])[0])
