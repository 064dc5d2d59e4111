"""How far a version has come is told in stages, and never too often."""

from uuid import UUID

import pytest
from ingest_builders import BOT, TENANT, Ingest, a_source
from ingest_twins import RememberingProgress
from minirag_contracts.context import TenantScope
from minirag_contracts.ids import new_id
from minirag_contracts.signals import Progress
from minirag_eventstore import Transaction
from minirag_ingest.commands.progress import Meter
from minirag_ingest.ports import Target


async def test_an_ingestion_tells_its_stages_and_counts_its_chunks(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source("The moon is made of rock. " * 400))
    told = ingest.progress.told
    assert [(one.source_id, one.bot_id, one.version) for one in told] == [(done.id, BOT, 1)] * len(told)
    assert [one.stage for one in told][:3] == ["reading", "chunking", "indexing"]
    assert {one.stage for one in told[3:]} <= {"indexing"}
    assert {one.total for one in told if one.stage == "indexing"} == {done.chunk_count}
    assert [one.done for one in told] == sorted(one.done for one in told)


class Notes:
    """Where nobody looks them up."""

    def __init__(self) -> None:
        self.kept: list[Progress] = []

    async def note(self, scope: TenantScope, progress: Progress) -> None:
        self.kept.append(progress)

    async def forget(self, tx: Transaction, source_id: UUID) -> None:
        self.kept.clear()


class Clock:
    """Goes as a test says."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("step", [0.001, 0.01, 0.1, 0.2])
async def test_no_second_has_more_than_four_signals(step: float) -> None:
    signal, clock = RememberingProgress(), Clock()
    meter = Meter(signal, Notes(), TenantScope(TENANT), Target(BOT, new_id(), 1), clock)
    times: list[float] = []
    for number in range(int(3 / step)):
        before = len(signal.told)
        stage = "reading" if number % 7 == 0 else "indexing"
        await meter.tell(stage, number, 1000)  # type: ignore[arg-type]
        times += [clock.now] * (len(signal.told) - before)
        clock.now += step
    for start in times:
        assert sum(start <= time < start + 0.999 for time in times) <= 4
    assert len(times) >= 8


async def test_counts_come_at_even_distances() -> None:
    signal, clock = RememberingProgress(), Clock()
    meter = Meter(signal, Notes(), TenantScope(TENANT), Target(BOT, new_id(), 1), clock)
    for number in range(40):
        await meter.tell("indexing", number, 40)
        clock.now += 1 / 16
    assert [one.done for one in signal.told][:4] == [0, 4, 8, 12]


async def test_what_takes_longer_than_a_moment_is_noted_once_a_second() -> None:
    notes, clock = Notes(), Clock()
    meter = Meter(RememberingProgress(), notes, TenantScope(TENANT), Target(BOT, new_id(), 1), clock)
    for number in range(12):
        await meter.tell("indexing", number, 12)
        clock.now += 0.3
    assert [one.done for one in notes.kept] == [4, 8]
