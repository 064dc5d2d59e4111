"""The OpenAPI document: what the framework knows of the routes, and what they declared beyond it.

Everything here is derived, so that a new route is described in full by its declaration alone.
"""

import sys
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from minirag_gateway.domain.access import VISITOR, Permission
from minirag_gateway.entrypoints.http import cookies, refusals, sse
from minirag_gateway.entrypoints.http.examples import answer_example, request_example
from minirag_gateway.entrypoints.http.problems import Problem
from minirag_gateway.entrypoints.http.routing import Declaration, Resource, declaration_of

DESCRIPTION = """Bots that answer from your own documents. Authenticate with `Authorization: Bearer …`: an API token, or the
JWT of a login or of a visitor. Our own pages authenticate with cookies and `X-CSRF-Token` (`POST /v1/auth/browser`).

Errors are `application/problem+json` (RFC 9457). A POST with an `Idempotency-Key` can be repeated safely: the
same key and body give the same answer, another body is refused with 422. Lists are bare arrays; `Link: rel="next"`
leads to the next page. `X-Request-Id` is the trace id of a request. `RateLimit-*` tell what is left of the tightest
limit; beyond it the answer is 429 with `Retry-After`. No text may contain the character U+0000."""

TEMPLATE = "#/components/schemas/{model}"

SCHEMES: dict[str, dict[str, Any]] = {
    "apiToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, as `POST /v1/tenants` or `POST /v1/api-tokens` shows it once.",
    },
    "login": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` of `POST /v1/auth/login`.",
    },
    "visitor": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `session_token` of `POST /v1/embed/{key}/sessions`: one bot, own conversations.",
    },
    "browser": {
        "type": "apiKey",
        "in": "cookie",
        "name": cookies.SESSION,
        "description": "The cookie of `POST /v1/auth/browser`: without an Authorization header, on pages of this very address, "
        "and with the header X-CSRF-Token for everything but GET and HEAD.",
    },
}
"""Every credential there is."""

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Names the command, so that it takes effect once however often it is sent.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    "example": "order-4711",
}

LAST_EVENT_ID: dict[str, Any] = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The `id` of the last event that the client has; the stream goes on after it.",
    "schema": {"type": "string"},
}


def schemes_of(permission: Permission) -> list[str]:
    """The credentials that can have a permission."""
    if permission is Permission.PUBLIC:
        return []
    return ["apiToken", "login", "browser", *(["visitor"] if permission in VISITOR else [])]


def document(app: FastAPI, resources: list[Resource]) -> dict[str, Any]:
    """The whole document."""
    spec = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/", "description": "The server that this document comes from."}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        tags=_tags(resources),
    )
    components = spec.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    wanted: list[type[BaseModel]] = [Problem, *_bodies(resources)]
    _, definitions = models_json_schema([(model, "validation") for model in wanted], ref_template=TEMPLATE)
    schemas.update(definitions["$defs"])
    components["securitySchemes"] = SCHEMES
    components["headers"] = refusals.HEADERS
    declared = {
        endpoint.__name__: declaration_of(endpoint)
        for resource in resources
        for endpoint in resource.endpoints
    }
    for path in spec["paths"].values():
        for method, operation in path.items():
            _complete(components, method, operation, declared[operation["operationId"]])
    return spec


def _tags(resources: list[Resource]) -> list[dict[str, str]]:
    """Each tag with what its module says of itself."""
    said = {resource.tag: sys.modules[resource.endpoints[0].__module__].__doc__ for resource in resources}
    return [
        {"name": tag, "description": (text or "").replace("``", "`").strip()} for tag, text in said.items()
    ]


def _bodies(resources: list[Resource]) -> list[type[BaseModel]]:
    declared = [declaration_of(endpoint).body for resource in resources for endpoint in resource.endpoints]
    return [body for body in declared if body is not None]


def _complete(
    components: dict[str, Any], method: str, operation: dict[str, Any], declared: Declaration
) -> None:
    """Everything that the framework does not know about one operation."""
    operation["security"] = [{scheme: []} for scheme in schemes_of(declared.permission)]
    parameters = [*operation.pop("parameters", []), *_headers_sent(method, operation)]
    if parameters:
        operation["parameters"] = parameters
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content.setdefault("example", request_example(components["schemas"], content["schema"]))
    for status, answer in operation["responses"].items():
        if int(status) < 400:
            _complete_answer(components["schemas"], answer, pages=_is_paged(operation))
            if declared.limited:
                answer["headers"] |= refusals.LEFT
        else:
            operation["responses"][status] = _refusal(components, int(status), answer)


def _headers_sent(method: str, operation: dict[str, Any]) -> list[dict[str, Any]]:
    if method == "post":
        return [IDEMPOTENCY_KEY]
    streams = any(sse.MEDIA_TYPE in answer.get("content", {}) for answer in operation["responses"].values())
    return [LAST_EVENT_ID] if streams else []


def _is_paged(operation: dict[str, Any]) -> bool:
    return any(parameter["name"] == "cursor" for parameter in operation.get("parameters", []))


def _complete_answer(schemas: dict[str, Any], answer: dict[str, Any], *, pages: bool) -> None:
    """Headers that every such answer has, and an example of each form."""
    if answer["description"] == "Successful Response":
        answer["description"] = "Done."
    headers = answer.setdefault("headers", {})
    headers["X-Request-Id"] = refusals.REQUEST_ID
    if pages:
        headers["Link"] = {"$ref": "#/components/headers/Link"}
    for content in answer.get("content", {}).values():
        if "example" not in content and "examples" not in content:
            content["example"] = answer_example(schemas, content["schema"])


def _refusal(components: dict[str, Any], status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """A reference to the status' component, which is added; a route that says more about it than that keeps its words."""
    if answer != refusals.DECLARED:
        return answer
    name = refusals.name_of(status)
    components.setdefault("responses", {}).setdefault(name, refusals.component(status))
    return {"$ref": f"#/components/responses/{name}"}
