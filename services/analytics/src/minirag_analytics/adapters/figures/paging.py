"""Cursors of lists of figures. A row stands by ``rank`` and then by ``sort_key``, which every statement gives it."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minirag_contracts.errors import InvalidRequest

_BIGINT = 1 << 63


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended; its defaults stand before every row."""

    rank: int | None = None
    sort_key: str = ""


def encode(row: Mapping[str, Any]) -> str:
    """The cursor behind a row."""
    text = json.dumps([row["rank"], row["sort_key"]])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str | None) -> Place:
    """The place that a cursor names; InvalidRequest for anything that is no cursor of ours."""
    if cursor is None:
        return Place()
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(found, list) or [type(part) for part in found] != [int, str]:
            raise ValueError("a cursor is a rank and a key")
        rank, sort_key = found
        if not -_BIGINT <= rank < _BIGINT or "\x00" in sort_key:
            raise ValueError("neither may be what Postgres cannot hold")
        sort_key.encode()
    except (ValueError, RecursionError, binascii.Error) as error:
        raise InvalidRequest("The cursor is not one that this list has given.") from error
    return Place(rank, sort_key)


def cut(rows: Sequence[Mapping[str, Any]], limit: int) -> tuple[Sequence[Mapping[str, Any]], str | None]:
    """Of ``limit + 1`` rows the first ``limit``, and the cursor of the rest if there is any."""
    return (rows, None) if len(rows) <= limit else (rows[:limit], encode(rows[limit - 1]))
