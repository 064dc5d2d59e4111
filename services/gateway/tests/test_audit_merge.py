"""Five logs as one: complete, in order, and stable whatever is added meanwhile."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minirag_contracts.context import Context
from minirag_contracts.errors import InvalidRequest, Unavailable
from minirag_contracts.examples import NOON
from minirag_contracts.requests.common import AuditedEvent, AuditRead, AuditReply, RecordedEvent
from minirag_contracts.topology import STREAM_OF
from minirag_gateway.queries.audit import AuditLog, AuditQuestion, key_of

OWNERS = list(STREAM_OF)
CONTEXT = Context(actor="user:test", tenant_id=uuid4())


def an_entry(at: datetime) -> AuditedEvent:
    event_id = uuid4()
    event = RecordedEvent(
        event_id=event_id,
        tenant_id=CONTEXT.scope.tenant_id,
        stream="bot-1",
        version=1,
        type="bot.created",
        schema_version=1,
        data={},
        metadata={"actor": "user:test", "correlation_id": str(event_id)},
        recorded_at=at,
        position=1,
    )
    return AuditedEvent(event=event, address="", agent="")


class Logs:
    """Owners that answer as theirs do, and at times less than they were asked for."""

    def __init__(self, entries: dict[str, list[AuditedEvent]], most: int = 1000) -> None:
        self.entries = entries
        self.most = most
        self.away: str | None = None

    async def read(self, context: Context, owner: str, question: AuditRead) -> AuditReply:
        if owner == self.away:
            raise Unavailable
        before: tuple[datetime, UUID] | None = None
        if question.before_at and question.before_id:
            before = question.before_at, question.before_id
        found = sorted(self.entries[owner], key=key_of, reverse=True)
        found = [entry for entry in found if before is None or key_of(entry) < before]
        page = found[: min(question.limit, self.most)]
        return AuditReply(entries=page, more=len(page) < len(found) or len(page) == question.limit)


async def walk(log: AuditLog, logs: Logs, limit: int, *, insert: bool = False) -> list[AuditedEvent]:
    seen: list[AuditedEvent] = []
    cursor: str | None = None
    while True:
        page, cursor = await log.page(CONTEXT, AuditQuestion(), cursor, limit)
        assert len(page) <= limit
        seen += page
        if cursor is None:
            return seen
        assert page
        if insert:
            logs.entries[OWNERS[len(seen) % 5]].append(an_entry(NOON + timedelta(days=1)))


def spread(moments: Sequence[tuple[int, int]]) -> dict[str, list[AuditedEvent]]:
    entries: dict[str, list[AuditedEvent]] = {owner: [] for owner in OWNERS}
    for owner, second in moments:
        entries[OWNERS[owner]].append(an_entry(NOON + timedelta(seconds=second)))
    return entries


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=40),
    st.integers(1, 12),
    st.integers(1, 12),
)
async def test_pages_together_are_the_whole_list(
    moments: list[tuple[int, int]], limit: int, most: int
) -> None:
    logs = Logs(spread(moments), most)
    whole = sorted((e for entries in logs.entries.values() for e in entries), key=key_of, reverse=True)
    assert await walk(AuditLog(logs), logs, limit) == whole


async def test_what_is_added_meanwhile_shifts_nothing() -> None:
    logs = Logs(spread([(n % 5, n) for n in range(23)]))
    whole = sorted((e for entries in logs.entries.values() for e in entries), key=key_of, reverse=True)
    assert await walk(AuditLog(logs), logs, 3, insert=True) == whole


async def test_without_one_owner_there_is_no_list() -> None:
    logs = Logs(spread([(0, 1)]))
    logs.away = OWNERS[3]
    with pytest.raises(Unavailable):
        await AuditLog(logs).page(CONTEXT, AuditQuestion(), None, 10)


async def test_a_cursor_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        await AuditLog(Logs(spread([]))).page(CONTEXT, AuditQuestion(), "nonsense", 10)
