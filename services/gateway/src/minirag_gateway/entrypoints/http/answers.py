"""Answers as bytes: what an owner replied is valid already and is encoded once."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel

MAX_LIMIT = 1000

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most so many rows.")]
Cursor = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=1024,
        pattern=r"^[\x21-\x7e]+$",
        description="From the `Link` of the page before.",
    ),
]

MEDIA_TYPE = "application/json"


def one(model: BaseModel, status: int = 200) -> Response:
    """One object."""
    return Response(model.model_dump_json(), status_code=status, media_type=MEDIA_TYPE)


def page(request: Request, items: Sequence[BaseModel], cursor: str | None, limit: int) -> Response:
    """A bare array; ``Link: rel="next"`` while there is more (RFC 8288, relative to this request)."""
    content = "[" + ",".join(item.model_dump_json() for item in items) + "]"
    headers = {} if cursor is None else {"Link": f'<{_next(request, cursor, limit)}>; rel="next"'}
    return Response(content, media_type=MEDIA_TYPE, headers=headers)


def _next(request: Request, cursor: str, limit: int) -> str:
    kept = [
        (key, value)
        for key, value in request.query_params.multi_items()
        if key not in ("cursor", "limit", "offset")
    ]
    return f"{request.url.path}?{urlencode([*kept, ('limit', str(limit)), ('cursor', cursor)])}"
