"""Exports: every chat and message once, in order, in pages that the bus can carry, in two statements a page."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from chat_builders import ChatClient, Stage
from minirag_chat.queries import exports
from minirag_chat.queries.reach import within_reach
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.requests.chat import ListMessages
from minirag_contracts.requests.exports import ExportChats, ExportedPart, ExportPage

pytestmark = pytest.mark.usefixtures("no_keys")


async def pages_of(client: ChatClient, **fields: Any) -> list[ExportPage]:
    found: list[ExportPage] = []
    cursor = None
    while True:
        page = await client.ask(ExportChats(**fields, cursor=cursor))
        found.append(page)
        cursor = page.next
        if cursor is None:
            return found


def joined(pages: list[ExportPage]) -> dict[UUID, list[Any]]:
    """Chat → its messages, once it is certain that continued parts follow their chat."""
    found: dict[UUID, list[Any]] = {}
    parts: list[ExportedPart] = [part for page in pages for part in page.parts]
    for part in parts:
        assert part.continued == (part.chat.id in found)
        assert not part.continued or part.chat.id == list(found)[-1]
        found.setdefault(part.chat.id, []).extend(part.messages)
    return found


@pytest.fixture
async def chats(stage: Stage) -> list[UUID]:
    """Five chats of three turns, oldest first."""
    bot = await stage.client.create_bot()
    found = []
    for n in range(5):
        chat_id = (await stage.client.converse(bot.id, f"Question {n}.0"))[-1].data["chat_id"]
        for m in (1, 2):
            await stage.client.converse(bot.id, f"Question {n}.{m} " + "é" * 500, chat_id=chat_id)
        found.append(UUID(chat_id))
    return found


@pytest.mark.parametrize(
    ("chats_of_a_page", "messages", "size"),
    [
        (50, 500, 512 * 1024),
        (2, 500, 512 * 1024),
        (50, 1, 10**9),
        (50, 4, 10**9),
        (3, 500, 700),
        (50, 500, 1),
    ],
)
async def test_every_message_is_exported_once_however_the_pages_are_cut(
    stage: Stage,
    chats: list[UUID],
    monkeypatch: pytest.MonkeyPatch,
    chats_of_a_page: int,
    messages: int,
    size: int,
) -> None:
    monkeypatch.setattr(exports, "CHATS", chats_of_a_page)
    monkeypatch.setattr(exports, "MESSAGES", messages)
    monkeypatch.setattr(exports, "BYTES", size)
    pages = await pages_of(stage.client)
    found = joined(pages)
    assert list(found) == chats[::-1]
    for chat_id, exported in found.items():
        assert exported == (await stage.client.ask(ListMessages(chat_id=chat_id))).items
        assert exported[1].sources
    assert (len(pages) == 1) == ((chats_of_a_page, messages, size) == (50, 500, 512 * 1024))
    single = joined(await pages_of(stage.client, chat_id=chats[0]))
    assert single == {chats[0]: found[chats[0]]}
    for limit in (1, 3, 5, 1000):
        assert list(joined(await pages_of(stage.client, limit=limit))) == chats[::-1][:limit]


async def test_a_page_costs_two_statements_however_many_chats_it_holds(
    stage: Stage, chats: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []

    class Counting:
        def __init__(self, connection: Any) -> None:
            self._connection = connection

        async def fetch(self, statement: str, *arguments: Any) -> Any:
            statements.append(statement)
            return await self._connection.fetch(statement, *arguments)

    @asynccontextmanager
    async def counted(*arguments: Any) -> AsyncIterator[Counting]:
        async with within_reach(*arguments) as connection:
            yield Counting(connection)  # anything but ``fetch`` would fail

    monkeypatch.setattr(exports, "within_reach", counted)
    assert list(joined(await pages_of(stage.client))) == chats[::-1]
    assert len(statements) == 2


async def test_days_are_inclusive_and_in_utc(stage: Stage, chats: list[UUID]) -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    moments = [
        datetime(2026, 3, 9, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 10, tzinfo=UTC),
        noon,
        datetime(2026, 3, 10, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 11, tzinfo=UTC),
    ]
    async with stage.runtime.database.tenant(stage.client.scope) as connection:
        await connection.execute("SET LOCAL TIME ZONE 'Pacific/Auckland'")
        for chat_id, moment in zip(chats, moments, strict=True):
            await connection.execute("UPDATE chats SET created_at = $2 WHERE chat_id = $1", chat_id, moment)
    day = date(2026, 3, 10)

    async def found(**fields: Any) -> set[UUID]:
        return set(joined(await pages_of(stage.client, **fields)))

    assert await found(from_date=day, to_date=day) == set(chats[1:4])
    assert await found(from_date=day) == set(chats[1:])
    assert await found(to_date=day) == set(chats[:4])
    assert await found(from_date=day + timedelta(days=2)) == set()
    assert await found(to_date=date.max, from_date=date.min) == set(chats)


async def test_an_export_is_of_one_bot_where_that_is_asked(stage: Stage, chats: list[UUID]) -> None:
    other = await stage.client.create_bot()
    chat_id = (await stage.client.converse(other.id))[-1].data["chat_id"]
    assert [str(key) for key in joined(await pages_of(stage.client, bot_id=other.id))] == [chat_id]
    assert await pages_of(stage.client, bot_id=uuid4()) == [ExportPage(parts=[])]
    stranger = ChatClient(stage.client.bus)
    assert await pages_of(stranger) == [ExportPage(parts=[])]
    with pytest.raises(RemoteRefusal) as caught:
        await stranger.ask(ExportChats(chat_id=chats[0]))
    assert (caught.value.status, caught.value.detail) == (404, "Chat session not found")


CRAFTED = [
    base64.urlsafe_b64encode(f"[{left}, null, null]".encode()).decode()
    for left in ("Infinity", "NaN", "-100", "0.5", 10**30, '"7"', "[]")
]


@pytest.mark.parametrize(
    "fields",
    [{"limit": 0}, {"limit": -5}, {"cursor": "x"}, {"cursor": "W10="}, *({"cursor": one} for one in CRAFTED)],
)
async def test_what_is_no_page_is_refused(stage: Stage, fields: dict[str, Any]) -> None:
    with pytest.raises(RemoteRefusal) as caught:
        await stage.client.ask(ExportChats(**fields))
    assert caught.value.status == 422
