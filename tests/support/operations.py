"""Every route of the API with what it declares, and requests to it that are made of the document's own examples."""

import base64
import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.app import RESOURCES, described
from minirag_gateway.entrypoints.http.routing import declaration_of
from starlette.routing import Route

SPEC = described()

Ids = Mapping[str, str]
"""Name of a parameter or a field → the id to send."""

MULTIPART = "multipart/form-data"

OCTETS = "application/offset+octet-stream"

METADATA = "Upload-Metadata"
"""A header of tus, in which the id of a bot is hidden."""

COMMON_HEADERS = ("Idempotency-Key", "Last-Event-ID")


@dataclass(frozen=True, slots=True)
class Operation:
    """One route and method."""

    name: str
    method: str
    path: str
    permission: Permission

    @property
    def spec(self) -> dict[str, Any]:
        """What the document says of it."""
        found: dict[str, Any] = SPEC["paths"][self.path][self.method.lower()]
        return found

    @property
    def path_ids(self) -> list[str]:
        """The parameters in its path."""
        return [part["name"] for part in self.spec.get("parameters", []) if part["in"] == "path"]

    @property
    def query_ids(self) -> list[str]:
        """The ids that it filters by."""
        parameters = self.spec.get("parameters", [])
        return [part["name"] for part in parameters if part["in"] == "query" and part["name"].endswith("_id")]

    @property
    def collection(self) -> str:
        """The path of the list that its last parameter is an id of."""
        return self.path.partition(f"/{{{self.path_ids[-1]}}}")[0] if self.path_ids else self.path

    @property
    def body(self) -> tuple[str, Any, dict[str, Any]]:
        """Media type, example and schema of the body; an empty media type where there is none."""
        for media, content in self.spec.get("requestBody", {}).get("content", {}).items():
            return media, copy.deepcopy(content["example"]), content["schema"]
        return "", None, {}

    @property
    def body_ids(self) -> list[str]:
        """The ids in its body, required or not."""
        properties = _resolved(self.body[2]).get("properties", {})
        return [name for name in properties if name.endswith("_id")]

    def statuses(self, below: int = 600) -> set[int]:
        """The statuses that it documents."""
        return {int(status) for status in self.spec["responses"] if int(status) < below}

    def _sample(self, name: str) -> str:
        """What the document gives as an example of a parameter that is no id of a tenant's."""
        found = next(part for part in self.spec["parameters"] if part["name"] == name)
        return str(found.get("example") or next(iter(found["schema"].get("examples", [])), "text"))

    def _headers(self, ids: Ids) -> dict[str, str]:
        """The headers that it has examples of, beside those that every operation may have."""
        found = {
            part["name"]: str(part["schema"]["examples"][0])
            for part in self.spec.get("parameters", [])
            if part["in"] == "header" and part["name"] not in COMMON_HEADERS
        }
        if METADATA in found and "bot_profile_id" in ids:
            bot_id = base64.b64encode(ids["bot_profile_id"].encode()).decode()
            found[METADATA] = f"{found[METADATA].rpartition(' ')[0]} {bot_id}"
        return found

    def request(self, ids: Ids, *, marker: str = "", also: Ids | None = None) -> dict[str, Any]:
        """Arguments of httpx' ``request``: ids in the path and of the body's own fields, ``also`` ids for optional ones.

        ``marker`` is planted into every free text of the body.
        """
        path = self.path
        for name in self.path_ids:
            path = path.replace(f"{{{name}}}", ids.get(name) or self._sample(name))
        media, example, schema = self.body
        options: dict[str, Any] = {"method": self.method, "url": path}
        options["params"] = {name: value for name, value in (also or {}).items() if name in self.query_ids}
        if headers := self._headers(ids):
            options["headers"] = headers
        if media == OCTETS:
            options["content"] = example.encode()
            options["headers"]["Content-Type"] = media
        elif media:
            wanted = {name: ids[name] for name in self.body_ids if name in example and name in ids}
            wanted |= {name: value for name, value in (also or {}).items() if name in self.body_ids}
            body = {**planted(example, schema, marker), **wanted}
            options |= _form(body) if media == MULTIPART else {"json": body}
        return options


def _form(body: dict[str, Any]) -> dict[str, Any]:
    content = str(body.pop("file"))
    return {"files": {"file": ("note.txt", content.encode(), "text/plain")}, "data": body}


KEPT = ("model", "password", "token", "config")
"""Parts of the names of fields whose text means something to a program, which their schema does not say."""


def planted(example: Any, schema: dict[str, Any], marker: str) -> Any:
    """The example with the marker in its free texts; its addresses lead nowhere (RFC 2606)."""
    kind = _resolved(schema)
    if isinstance(example, dict):
        fields = kind.get("properties", {})
        return {
            name: value
            if any(part in name for part in KEPT)
            else planted(value, fields.get(name, {}), marker)
            for name, value in example.items()
        }
    if isinstance(example, list) and all(isinstance(item, dict) for item in example):
        return [planted(item, kind.get("items", {}), marker) for item in example]
    if not isinstance(example, str) or kind.get("type") != "string" or {"enum", "const"} & set(kind):
        return example
    text = example.replace("example.com", f"{marker or 'www'}.example.invalid".lower())
    if not marker or "://" in text or "@" in text or {"format", "contentMediaType"} & set(kind):
        return text
    return f"{text}-{marker.lower()}" if "pattern" in kind else f"{text} {marker}"


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or the first alternative that is not null."""
    if "$ref" in schema:
        return _resolved(SPEC["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    if "anyOf" in schema:
        return _resolved(next(part for part in schema["anyOf"] if part.get("type") != "null"))
    return schema


def _operations() -> list[Operation]:
    found = []
    for resource in RESOURCES:
        for route in resource.router.routes:
            assert isinstance(route, Route)
            permission = declaration_of(route.endpoint).permission
            found += [
                Operation(route.endpoint.__name__, method, route.path, permission)
                for method in sorted(route.methods or ())
            ]
    return found


OPERATIONS = _operations()

BY_ROUTE = {(operation.method, operation.path): operation for operation in OPERATIONS}
