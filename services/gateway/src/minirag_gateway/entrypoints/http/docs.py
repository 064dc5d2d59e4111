"""``/docs``: the OpenAPI document as one page, without scripts and without anything from elsewhere."""

from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111827}
h2{margin-top:2.5rem;border-bottom:1px solid #e5e7eb}details{border:1px solid #e5e7eb;border-radius:8px;margin:.5rem 0;
padding:.5rem 1rem}
summary{cursor:pointer}code{font:14px ui-monospace,monospace}
b{display:inline-block;width:4.5rem;color:#4338ca}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;border-top:1px solid #e5e7eb;padding:.25rem .5rem;vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#111827;color:#f3f4f6}b{color:#a5b4fc}}
"""


def page(spec: dict[str, Any]) -> str:
    """The HTML."""
    groups: dict[str, list[str]] = {}
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(spec, path, method, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in groups.items())
    title = escape(spec["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title} API</title><style>{_STYLE}</style><h1>{title} API {escape(spec['info']['version'])}</h1>"
        f"<p>{escape(spec['info']['description'])}</p>"
        f'<p>The documents for programs: <a href="/openapi.json">/openapi.json</a>, and of the events '
        f'<a href="/asyncapi.json">/asyncapi.json</a></p>{body}</html>'
    )


def _operation(spec: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> str:
    rows = [
        _row(parameter["name"], parameter["in"], parameter.get("schema", {}), bool(parameter.get("required")))
        for parameter in operation.get("parameters", [])
    ]
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(spec, content["schema"])
        required = schema.get("required", [])
        rows += [
            _row(name, media, field, name in required) for name, field in schema.get("properties", {}).items()
        ]
    answers = ", ".join(
        f"{status} {escape(_resolved(spec, answer)['description'])}"
        for status, answer in operation["responses"].items()
    )
    table = f"<table><tr><th>Name<th>In<th>Type<th></tr>{''.join(rows)}</table>" if rows else ""
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code></summary>"
        f"<p>{escape(operation.get('description', ''))}</p>{table}<p>{answers}</p></details>"
    )


def _row(name: str, where: str, schema: dict[str, Any], required: bool) -> str:
    kinds = [
        part.get("type", part.get("$ref", "").rsplit("/", 1)[-1]) for part in schema.get("anyOf", [schema])
    ]
    return (
        f"<tr><td><code>{escape(name)}</code><td>{escape(where)}<td>{escape(' | '.join(map(str, kinds)))}"
        f"<td>{'required' if required else ''}</tr>"
    )


def _resolved(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference: str = schema.get("$ref", "")
    if not reference:
        return schema
    found: dict[str, Any] = spec
    for key in reference.removeprefix("#/").split("/"):
        found = found[key]
    return found
