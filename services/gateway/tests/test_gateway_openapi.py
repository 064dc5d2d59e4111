"""The OpenAPI document is valid 3.1, and complete for every route, whoever adds the next one."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Request, Response
from jsonschema import Draft202012Validator, FormatChecker
from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.app import RESOURCES, described
from minirag_gateway.entrypoints.http.routing import Resource, declaration_of
from openapi_spec_validator import OpenAPIV31SpecValidator

SPEC = described()

SAMPLES = ("example", "examples")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in SPEC["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    found = SPEC
    for key in part.get("$ref", "").removeprefix("#/").split("/") if "$ref" in part else ():
        found = found[key]
    return found if "$ref" in part else part


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every body and answer: where, media type, content."""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media, content
    for status, answer in operation["responses"].items():
        for media, content in resolved(answer).get("content", {}).items():
            yield status, media, content


EVERY = pytest.mark.parametrize(
    ("method", "path", "operation"),
    list(operations()),
    ids=[operation["operationId"] for _, _, operation in operations()],
)


def test_it_is_a_valid_document() -> None:
    assert SPEC["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(SPEC).iter_errors()] == []


def test_every_tag_is_described_and_every_operation_has_a_name_of_its_own() -> None:
    tags = {tag["name"]: tag["description"] for tag in SPEC["tags"]}
    assert all(tags.values())
    assert {tag for _, _, operation in operations() for tag in operation["tags"]} == set(tags)
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


@EVERY
def test_every_example_is_what_its_schema_says(method: str, path: str, operation: dict[str, Any]) -> None:
    for where, media, content in contents(operation):
        example = content.get("example", next(iter(content.get("examples", {}).values()), {}).get("value"))
        assert example is not None, f"{where} {media} has no example"
        schema = {**content["schema"], "components": SPEC["components"]}
        found = Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(example)
        assert [error.message for error in found] == [], f"{where} {media}: {example}"


@EVERY
def test_every_answer_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["description"]
    done = {status: answer for status, answer in operation["responses"].items() if status < "400"}
    assert done
    for status, answer in operation["responses"].items():
        found = resolved(answer)
        assert found["description"]
        assert "X-Request-Id" in found["headers"]
        empty = status == "204" or (method == "head" and status == "200")
        assert bool(found.get("content")) != empty, status
        if status >= "400":
            assert list(found["content"]) == ["application/problem+json"]
    for _, media, content in contents(operation):
        assert content["schema"], media


@EVERY
def test_every_list_is_paged_and_every_credential_can_be_refused(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    answer = next(iter(operation["responses"].values()))
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    if schema.get("type") == "array" and "cursor" in names:
        assert "limit" in names and "Link" in answer["headers"]
    assert ("Idempotency-Key" in names) == (method == "post")
    if operation["security"]:
        assert {"401", "403"} <= set(operation["responses"])
    for scheme in operation["security"]:
        assert set(scheme) <= set(SPEC["components"]["securitySchemes"])


def test_a_stream_is_no_json_and_can_be_resumed() -> None:
    operation = SPEC["paths"]["/v1/chat/{chat_id}/messages/{message_id}/stream"]["get"]
    assert list(operation["responses"]["200"]["content"]) == ["text/event-stream"]
    assert "Last-Event-ID" in {parameter["name"] for parameter in operation["parameters"]}
    chat = SPEC["paths"]["/v1/chat"]["post"]["responses"]["200"]
    assert set(chat["content"]) == {"application/json", "text/event-stream"}
    assert {"X-MiniRAG-Chat-Id", "X-MiniRAG-Message-Id"} <= set(chat["headers"])


def test_every_route_of_the_application_declares_its_permission() -> None:
    endpoints = [endpoint for resource in RESOURCES for endpoint in resource.endpoints]
    assert all(isinstance(declaration_of(endpoint).permission, Permission) for endpoint in endpoints)
    public = {
        endpoint.__name__
        for endpoint in endpoints
        if declaration_of(endpoint).permission is Permission.PUBLIC
    }
    unsecured = {operation["operationId"] for _, _, operation in operations() if not operation["security"]}
    assert public == unsecured


async def nameless(request: Request) -> Response:
    """A route whose author forgot to say who may call it."""
    return Response()


def test_a_route_without_a_permission_cannot_be_built() -> None:
    resource = Resource("Forgotten")
    with pytest.raises(AttributeError, match="minirag_declaration"):
        resource.router.add_api_route("/v1/forgotten", nameless)
    with pytest.raises(TypeError, match="permission"):
        resource.route("GET", "/v1/forgotten")  # type: ignore[call-arg]
