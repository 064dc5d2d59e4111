"""Every error as RFC 9457 ``application/problem+json``; ``detail`` is always a sentence, ``code`` is stable."""

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from minirag_contracts.errors import Internal, Refusal, RemoteRefusal, Unavailable
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from minirag_gateway.entrypoints.http.tracing import trace_of
from minirag_gateway.entrypoints.http.tus_headers import of_refusal as tus_headers
from minirag_gateway.errors import InvalidBody, NotAuthenticated, TurnFailed

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}
"""Codes of what the framework itself refuses."""

MAX_ERRORS = 50
"""Most validation errors that one answer lists."""


class FieldError(BaseModel):
    """One thing that is wrong with the request; never the value itself."""

    loc: list[str | int] = Field(description="Where: `body`, `query` or `path`, then the names.")
    msg: str = Field(description="What is wrong, for people.")
    type: str = Field(description="What is wrong, for programs.")


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["urn:minirag:problem:not_found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="A sentence for people.", examples=["Source not found"])
    code: str = Field(description="A stable name for programs.", examples=["not_found"])
    trace_id: str = Field(description="Finds the request in the logs.")
    errors: list[FieldError] | None = Field(default=None, description="With validation errors: each of them.")
    chat_id: UUID | None = Field(default=None, description="With a failed or unfinished answer: its chat.")
    message_id: UUID | None = Field(
        default=None, description="With a failed or unfinished answer: its message."
    )


def body_of(status: int, code: str, detail: str, trace_id: str, **extra: Any) -> bytes:
    """The JSON of a problem."""
    problem = {
        "type": f"urn:minirag:problem:{code}",
        "title": HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error",
        "status": status,
        "detail": detail,
        "code": code,
        "trace_id": trace_id,
        **extra,
    }
    return json.dumps(problem, ensure_ascii=False).encode()


def response(
    request: Request,
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> Response:
    """A problem as a response to this request."""
    content = body_of(status, code, detail, trace_of(request.scope).trace_id, **extra)
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def clean_errors(errors: list[Any], *where: str) -> list[dict[str, Any]]:
    """Validation errors without what was sent; ``where`` leads the place of each."""
    return [
        {
            "loc": [*where, *error["loc"]],
            "msg": str(error["msg"]).removeprefix("Value error, "),
            "type": error["type"],
        }
        for error in errors[:MAX_ERRORS]
    ]


def sentence(errors: list[dict[str, Any]]) -> str:
    """The first few validation errors as one readable line."""
    said = [f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in errors[:3]]
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
    return "; ".join(said) + more


async def refusal(request: Request, error: Exception) -> Response:
    """A refusal as a response; what is no fault of the client is logged."""
    assert isinstance(error, Refusal)
    headers = tus_headers(request.url.path, int(error.status))
    extra: dict[str, Any] = {}
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Unavailable) or error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(math.ceil(error.retry_after or 1))
    if isinstance(error, InvalidBody):
        extra["errors"] = error.errors
    if isinstance(error, TurnFailed):
        extra |= {"chat_id": str(error.chat_id), "message_id": str(error.message_id)}
    if error.status >= 500:
        logger.warning(
            "refused",
            extra={
                "code": error.code,
                "status": int(error.status),
                "trace_id": trace_of(request.scope).trace_id,
            },
        )
    return response(request, int(error.status), error.code, _detail(error), headers, **extra)


def _detail(error: Refusal) -> str:
    """What the client reads: another service's sentence, unless it is about the inside."""
    if isinstance(error, RemoteRefusal) and error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return Internal.default_detail()
    return error.detail


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = clean_errors(list(error.errors()))
    return response(request, 422, "validation_error", sentence(errors), errors=errors)


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "http_error")
    headers = error.headers
    methods = request.app.state.paths.methods(request.url.path)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and methods:
        headers = {"Allow": ", ".join(methods)}  # the framework names those of one route only
    return response(request, error.status_code, code, str(error.detail), headers)


def install(app: FastAPI) -> None:
    """Gives every expected error its shape; the unexpected ones are the armour's."""
    app.add_exception_handler(Refusal, refusal)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _framework)
