"""Keyset pages: a cursor names the last row of the page before, so that rows that come or go meanwhile shift nothing."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from minirag_contracts.errors import InvalidRequest
from pydantic_core import to_json

PAGE_MAX = 1000
"""Rows of a page at most; whoever wants more follows the cursor."""

PAGE_BYTES = 4_000_000
"""Bytes of a page where rows may be large: half of the bus' largest message."""

Key = tuple[datetime, UUID, int]
"""Where a row stands: its time, its id, and for messages 0 (question) or 1 (answer)."""


def checked_limit(limit: int) -> int:
    """A page's size; InvalidRequest for one that is none, and never more than PAGE_MAX."""
    if limit < 1:
        raise InvalidRequest("The limit must be at least 1.")
    return min(limit, PAGE_MAX)


def encode(key: Key) -> str:
    """The cursor of a row."""
    at, row_id, part = key
    return (
        base64.urlsafe_b64encode(json.dumps([at.isoformat(), str(row_id), part]).encode())
        .decode()
        .rstrip("=")
    )


def decode(cursor: str | None) -> Key | None:
    """The row that a cursor names; InvalidRequest for anything that is no cursor of ours."""
    if cursor is None:
        return None
    try:
        at, row_id, part = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("a cursor's time has a zone")
        if part not in (0, 1):
            raise ValueError("a cursor's part is a question or an answer")
        # In UTC, where a moment that a zone moved out of the calendar is found out here and not by the database.
        return moment.astimezone(UTC), UUID(row_id), int(part)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error) as error:
        raise InvalidRequest("The cursor is not one that this list has given.") from error


def cut(
    rows: Sequence[Any], limit: int, id_column: str, size: int | None = None
) -> tuple[Sequence[Any], str | None]:
    """Of ``limit + 1`` rows the first ``limit``, and the cursor of the rest if there is any.

    With ``size`` fewer, if their JSON would have more bytes than that, but always one. Rows have ``created_at``, the id column
    and perhaps ``part``, by name (asyncpg.Record, which is no Mapping to a type checker).
    """
    if size is not None:
        limit = min(limit, _fitting(rows, size))
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], encode((last["created_at"], last[id_column], last.get("part", 0)))


def _fitting(rows: Sequence[Any], size: int) -> int:
    """How many rows fit, but always one."""
    for index, row in enumerate(rows):
        size -= len(to_json(dict(row)))
        if size < 0:
            return max(index, 1)
    return max(len(rows), 1)
