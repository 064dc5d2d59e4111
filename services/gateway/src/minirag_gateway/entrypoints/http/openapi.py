"""The OpenAPI document: what the framework knows of the routes, and the bodies that the routes read themselves."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from minirag_gateway.entrypoints.http import limits
from minirag_gateway.entrypoints.http.problems import Problem
from minirag_gateway.entrypoints.http.routing import Declaration, Resource, declaration_of

DESCRIPTION = """Bots that answer from your own documents. Authenticate with `Authorization: Bearer <API token>`.

Errors are `application/problem+json` (RFC 9457). A POST with an `Idempotency-Key` can be repeated safely: the
same key and body give the same answer, another body is refused with 422. Lists are bare arrays; `Link: rel="next"`
leads to the next page. `X-Request-Id` is the trace id of a request. `RateLimit-*` tell what is left of the tightest
limit; beyond it the answer is 429 with `Retry-After`."""

_NUMBER = {"type": "integer", "minimum": 0}

HEADERS: dict[str, Any] = {
    "RateLimit-Limit": {
        "description": "How much the tightest limit allows in its window.",
        "schema": _NUMBER,
    },
    "RateLimit-Remaining": {"description": "How much of it is left.", "schema": _NUMBER},
    "RateLimit-Reset": {"description": "Seconds until its window ends.", "schema": _NUMBER},
    "Retry-After": {"description": "Seconds after which to try again.", "schema": _NUMBER},
}
"""Headers of answers. None is required: a limit of 0 is none."""

TEMPLATE = "#/components/schemas/{model}"


def document(app: FastAPI, resources: list[Resource]) -> dict[str, Any]:
    """The whole document."""
    spec = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    components = spec.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    wanted: list[type[BaseModel]] = [Problem, *_bodies(resources)]
    _, definitions = models_json_schema([(model, "validation") for model in wanted], ref_template=TEMPLATE)
    schemas.update(definitions["$defs"])
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API token."}
    }
    components["headers"] = HEADERS
    declared = {
        endpoint.__name__: declaration_of(endpoint)
        for resource in resources
        for endpoint in resource.endpoints
    }
    for operations in spec["paths"].values():
        for method, operation in operations.items():
            _add_headers(method, operation)
            _add_response_headers(operation, declared[operation["operationId"]])
    return spec


def _bodies(resources: list[Resource]) -> list[type[BaseModel]]:
    declared = [declaration_of(endpoint).body for resource in resources for endpoint in resource.endpoints]
    return [body for body in declared if body is not None]


def _add_response_headers(operation: dict[str, Any], declared: Declaration) -> None:
    for status, answer in operation["responses"].items():
        names = list(limits.HEADERS) if declared.limited else []
        names += ["Retry-After"] if status in ("429", "503") else []
        if names:
            more = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
            operation["responses"][status] = {**answer, "headers": {**answer.get("headers", {}), **more}}


def _add_headers(method: str, operation: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    if method == "post":
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema})
    if operation["operationId"] in ("resume_message_stream", "stream_events"):
        parameters.append(
            {"name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "string"}}
        )
    if not parameters:
        del operation["parameters"]
