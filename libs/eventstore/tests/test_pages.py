"""Cursors of our own lead on; whatever else comes as one is refused with a sentence, before a database sees it."""

import base64
import itertools
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from minirag_contracts.errors import InvalidRequest
from minirag_eventstore import Database, pages

ROW = UUID("019f0000-0000-7000-8000-000000000001")
NOW = "2026-01-02T03:04:05+00:00"


def crafted(content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


CRAFTED = {
    "infinite part": crafted(f'["{NOW}", "{ROW}", Infinity]'),
    "no number": crafted(f'["{NOW}", "{ROW}", NaN]'),
    "huge part": crafted([NOW, str(ROW), 10**30]),
    "negative part": crafted([NOW, str(ROW), -1]),
    "third part": crafted([NOW, str(ROW), 2]),
    "half a part": crafted([NOW, str(ROW), 0.5]),
    "part as text": crafted([NOW, str(ROW), "0"]),
    "part as list": crafted([NOW, str(ROW), [0]]),
    "before the calendar": crafted(["0001-01-01T00:00:00+14:00", str(ROW), 0]),
    "after the calendar": crafted(["9999-12-31T23:59:59-14:00", str(ROW), 0]),
    "no zone": crafted(["2026-01-02T03:04:05", str(ROW), 0]),
    "no time": crafted([7, str(ROW), 0]),
    "no id": crafted([NOW, "7", 0]),
    "id as number": crafted([NOW, 7, 0]),
    "two elements": crafted([NOW, str(ROW)]),
    "an object": crafted({"at": NOW}),
    "a number": crafted("7"),
    "null": crafted("null"),
    "deep": crafted("[" * 700 + "]" * 700),
    "deeper": crafted("[" * 100_000),
    "no json": crafted("{"),
    "no text": base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    "no base64": "é",
    "empty": "",
}


@pytest.mark.parametrize("cursor", CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="not one that this list has given"):
        pages.decode(cursor)


def rows_of(*sizes: int) -> list[dict[str, Any]]:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    return [{"created_at": moment, "id": UUID(int=n), "text": "\x01" * size} for n, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "limit", "expected"),
    [
        ((1, 1, 1), 3, [0, 1, 2]),
        ((1, 1, 1), 2, [0, 1]),
        ((100, 100, 100), 3, [0]),  # six bytes of JSON each
        ((1, 1000, 1), 3, [0]),
        ((1000, 1, 1), 3, [0]),
        ((1000,), 3, [0]),
        ((60, 60, 60), 3, [0, 1]),
        ((60, 60, 60), 1, [0]),
        ((), 3, []),
    ],
)
def test_a_page_ends_before_it_has_too_many_bytes_and_is_never_empty(
    sizes: tuple[int, ...], limit: int, expected: list[int]
) -> None:
    rows = rows_of(*sizes)
    page, following = pages.cut(rows, limit, "id", 1000)
    assert [row["id"].int for row in page] == expected
    last = (page[-1]["created_at"], page[-1]["id"], 0) if len(page) < len(rows) else None
    assert pages.decode(following) == last


EDGES = [
    datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
    datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=14))),
]


async def test_what_is_decoded_is_what_was_encoded_and_the_database_takes_it(make_database: Any) -> None:
    database: Database = await make_database("webhooks")
    for moment, part in itertools.product(EDGES, (0, 1)):
        key = pages.decode(pages.encode((moment, ROW, part)))
        assert key == (moment, ROW, part)
        async with database.system() as connection:
            question = "SELECT ($1::timestamptz, $2::uuid, $3::int) <= ($1, $2, $3)"
            assert await connection.fetchval(question, *key)
