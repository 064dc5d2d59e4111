"""Whether events that were stored under one JSON Schema are still understood under another.

Only the direction that matters for an append-only log is looked at: old data, new reader. A field may be added if it is
not required, and a field may come to allow more; nothing may be taken away. What is not recognised as harmless counts
as a break, so the check errs on the side of a new version.
"""

from typing import Any

Schema = dict[str, Any]

PROSE = frozenset(("title", "description", "default", "examples"))
"""Keywords that change nothing about which data is valid."""


def incompatibilities(old: Schema, new: Schema) -> list[str]:
    """The reasons why data of the old schema might not be valid under the new one; none when it always is."""
    return _compare(_normal(old, old), _normal(new, new), "")


def _compare(old: Schema, new: Schema, path: str) -> list[str]:
    if old == new:
        return []
    if "properties" in old and "properties" in new:
        return _compare_objects(old, new, path)
    if "items" in old and "items" in new:
        return _compare(old["items"], new["items"], f"{path}[]") + _rest(old, new, "items", path)
    choices = _choices(new)
    if all(any(not _compare_single(choice, other) for other in choices) for choice in _choices(old)):
        return []
    return [f"{path or 'the event'} no longer allows all that it did"]


def _compare_objects(old: Schema, new: Schema, path: str) -> list[str]:
    prefix = f"{path}." if path else ""
    found = _rest(old, new, "properties", path)
    for name, schema in old["properties"].items():
        if name in new["properties"]:
            found += _compare(schema, new["properties"][name], prefix + name)
        else:
            found.append(f"{prefix}{name} is gone")
    demanded = set(new.get("required", ())) - set(old.get("required", ()))
    return found + [f"{prefix}{name} is now required" for name in sorted(demanded)]


def _compare_single(old: Schema, new: Schema) -> list[str]:
    """As ``_compare``, for schemas without alternatives."""
    structured = any(key in old and key in new for key in ("properties", "items"))
    return _compare(old, new, "") if structured else ([] if old == new else ["differs"])


def _rest(old: Schema, new: Schema, structure: str, path: str) -> list[str]:
    """What a schema says beside its structure, such as limits, must stay."""
    ours, theirs = ({k: v for k, v in s.items() if k not in (structure, "required")} for s in (old, new))
    return [] if ours == theirs else [f"{path or 'the event'} has other limits"]


def _choices(schema: Schema) -> list[Schema]:
    """The alternatives of a schema: those of ``anyOf``, and each value of an ``enum`` or ``const`` by itself."""
    found: list[Schema] = []
    for alternative in schema.get("anyOf", [schema]):
        values = [alternative["const"]] if "const" in alternative else alternative.get("enum", [])
        plain = {key: value for key, value in alternative.items() if key not in ("enum", "const")}
        found += [{**plain, "const": value} for value in values] or [plain]
    return found


def _normal(schema: Any, root: Schema) -> Any:
    """The schema without prose and with its references resolved (the contracts have no recursive models)."""
    if isinstance(schema, list):
        return [_normal(part, root) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _normal(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root)
    if "properties" in schema:
        fields = {name: _normal(field, root) for name, field in schema["properties"].items()}
        return {**_normal(_without(schema, "properties"), root), "properties": fields}
    return {key: _normal(part, root) for key, part in schema.items() if key not in PROSE and key != "$defs"}


def _without(schema: Schema, key: str) -> Schema:
    return {name: part for name, part in schema.items() if name != key}
